//! The description of a task: what a learner must know before it builds a network for it.

use std::collections::BTreeSet;

use serde::Serialize;

/// Sizes, time scale and meaning of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvSpec {
    /// The name of the task, by which the registry finds it.
    pub name: String,
    /// Number of elements of one observation.
    pub obs_dim: usize,
    /// The named parts of an observation, which follow one another and make up the whole of it
    /// ([`groups`]); none for a task whose observation has no parts that could be hidden.
    pub groups: Vec<ObsGroup>,
    /// Number of elements of one action. Actions are meant for [-1, 1]; a task clips those outside.
    pub action_dim: usize,
    /// Control steps after which an episode is truncated.
    pub episode_length: usize,
    /// Simulated time per control step, in seconds; 0 for a discrete world.
    pub control_dt: f64,
    /// Smallest and largest reward of one step; infinite where there is no bound. A step whose
    /// numbers are not finite earns the smallest, so that breaking the simulation never pays. A
    /// task with negative rewards should therefore state a finite smallest one; without it such a
    /// step earns 0, or the largest reward where that is negative.
    pub reward_range: (f32, f32),
    /// Whether the task reports success (a goal that is reached or not).
    pub has_success: bool,
    /// One sentence for people.
    pub description: String,
    /// Where the task's definition comes from.
    pub source: String,
}

impl EnvSpec {
    /// Returns whether the groups make up the whole observation, each with a name of its own, or
    /// there are none.
    pub(crate) fn has_whole_groups(&self) -> bool {
        let mut end = 0;
        let follows = |group: &ObsGroup| {
            let [start, next] = group.range;
            let fits = start == end && next > start && !group.name.is_empty();
            end = next;
            fits
        };
        let all_follow = self.groups.iter().all(follows);
        let names: BTreeSet<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        let whole = all_follow && end == self.obs_dim && names.len() == self.groups.len();
        self.groups.is_empty() || whole
    }
}

/// A named part of an observation, such as the velocities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObsGroup {
    /// Its name, by which a configuration hides it.
    pub name: String,
    /// The index of its first number and that of the first one after it.
    pub range: [usize; 2],
}

/// Returns the groups of an observation from their names and numbers of elements, in the order in
/// which they follow one another: `groups(&[("position", 2), ("velocity", 2)])`.
pub fn groups(parts: &[(&str, usize)]) -> Vec<ObsGroup> {
    let mut end = 0;
    let group = |&(name, len): &(&str, usize)| {
        let start = end;
        end += len;
        ObsGroup { name: name.into(), range: [start, end] }
    };
    parts.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(parts: &[(&str, usize)]) -> EnvSpec {
        EnvSpec {
            name: "Some".into(),
            obs_dim: 4,
            groups: groups(parts),
            action_dim: 1,
            episode_length: 1,
            control_dt: 0.0,
            reward_range: (0.0, 1.0),
            has_success: false,
            description: String::new(),
            source: String::new(),
        }
    }

    #[test]
    fn groups_follow_one_another() {
        let ranges = groups(&[("position", 1), ("velocity", 3)]).into_iter().map(|g| g.range);
        assert_eq!(ranges.collect::<Vec<_>>(), [[0, 1], [1, 4]]);
    }

    #[test]
    fn groups_make_up_the_whole_observation_or_there_are_none() {
        for right in [&[][..], &[("all", 4)], &[("a", 1), ("b", 2), ("c", 1)]] {
            assert!(spec(right).has_whole_groups(), "{right:?}");
        }
        for wrong in [
            &[("a", 3)][..],
            &[("a", 5)],
            &[("a", 2), ("a", 2)],
            &[("", 2), ("b", 2)],
            &[("a", 4), ("b", 0)],
        ] {
            assert!(!spec(wrong).has_whole_groups(), "{wrong:?}");
        }
        let mut apart = spec(&[("a", 2), ("b", 2)]);
        apart.groups[1].range = [3, 4];
        assert!(!apart.has_whole_groups());
    }
}
