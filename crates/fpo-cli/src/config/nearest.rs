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
