//! The known name nearest to a mistyped one, for "did you mean …?" in error messages.
//!
//! Distance is optimal string alignment: the least number of insertions, deletions, substitutions
//! and swaps of neighbours that turns one name into the other.

/// Returns the candidate nearest to `name`, or `None` if none is near enough to be what was meant.
///
/// Near enough is one edit, or a third of the name's length where that is more. Capitals do not
/// count. Of equally near candidates the first wins.
///
/// ```
/// use fpo_cli::config::nearest::nearest;
/// assert_eq!(nearest("gama", ["beta", "gamma"]), Some("gamma"));
/// assert_eq!(nearest("speed", ["beta", "gamma"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns up to three candidates that `name` may stand for, the likeliest first: those that it is
/// a part of, or else those that are near in the sense of [`nearest`].
///
/// ```
/// use fpo_cli::config::nearest::near;
/// let names = ["FingerSpin", "FishSwim", "FingerTurnEasy"];
/// assert_eq!(near("finger", names), ["FingerSpin", "FingerTurnEasy"]);
/// assert_eq!(near("fishswin", names), ["FishSwim"]);
/// assert_eq!(near("two_wals", ["GridWorld/two_walls"]), ["GridWorld/two_walls"]);
/// ```
pub fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_ascii_lowercase().replace(['_', '-'], "");
    let limit = (name.chars().count() / 3).max(1);
    let is_part = |candidate: &str| {
        wanted.len() >= SHORTEST_PART
            && candidate.to_ascii_lowercase().replace(['_', '-'], "").contains(&wanted)
    };
    // Who leaves out the group before a slash means the name behind it.
    let away = |candidate: &str| {
        let own = candidate.rsplit('/').next().unwrap_or(candidate);
        distance(name, candidate).min(distance(name, own))
    };
    let mut found: Vec<(bool, usize, &str)> = candidates
        .into_iter()
        .map(|candidate| (!is_part(candidate), away(candidate), candidate))
        .filter(|(no_part, distance, _)| !no_part || *distance <= limit)
        .collect();
    found.sort_by_key(|(no_part, distance, _)| (*no_part, *distance));
    found.into_iter().map(|(_, _, candidate)| candidate).take(MOST_NEAR).collect()
}

/// The fewest letters that are a part of a name, and not of most of them.
const SHORTEST_PART: usize = 4;
/// The most names that a reader is asked to choose from.
const MOST_NEAR: usize = 3;

/// Returns the distance between two names in edits, ignoring ASCII case.
fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_ascii_lowercase(), &b.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_known_pairs_are_right() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("num_env", "num_envs", 1),
            ("gmama", "gamma", 1),
            ("SILU", "silu", 0),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_of_several_near_names_is_chosen() {
        assert_eq!(nearest("gama_", ["gamut", "gamma", "gama"]), Some("gama"));
    }

    #[test]
    fn a_name_unlike_all_others_has_no_suggestion() {
        assert_eq!(nearest("zebra", ["seed", "device", "task"]), None);
        assert_eq!(nearest("zebra", []), None);
    }
}
