//! What policy and critic see of an observation (`env.policy_sees`, `env.policy_hides` and
//! `env.critic_sees`), in terms of the task's named groups.

use fpo_core::{Sight, SightGroup};
use fpo_envs::EnvSpec;

use crate::config::sections::EnvConfig;

/// A list of groups that cannot be what it is meant to be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{field}` is {value}; allowed: {allowed}")]
pub struct SightError {
    /// The dotted name of the field.
    pub field: &'static str,
    /// What is wrong with it.
    pub value: String,
    /// What would be right.
    pub allowed: String,
}

/// What is wrong with two lists that say the same in opposite ways.
pub(crate) const BOTH: &str = "\
    `env.policy_sees` and `env.policy_hides` are both set, and each says what the other leaves; \
    set one of them, and the other to `none`";

impl EnvConfig {
    /// Returns what the policy does not see of the observations of `spec`; `None` if it sees all.
    ///
    /// # Errors
    /// [`SightError`] names the list and the groups that there are: for a group that does not
    /// exist, an empty list, and one that leaves nothing to see.
    pub fn policy_sight(&self, spec: &EnvSpec) -> Result<Option<Sight>, SightError> {
        match (&self.policy_sees, &self.policy_hides) {
            (Some(names), _) => sight("env.policy_sees", names, true, spec),
            (None, Some(names)) => sight("env.policy_hides", names, false, spec),
            (None, None) => Ok(None),
        }
    }

    /// Returns what the critic does not see of the observations of `spec`; `None` if it sees all.
    ///
    /// # Errors
    /// As [`EnvConfig::policy_sight`].
    pub fn critic_sight(&self, spec: &EnvSpec) -> Result<Option<Sight>, SightError> {
        match &self.critic_sees {
            Some(names) => sight("env.critic_sees", names, true, spec),
            None => Ok(None),
        }
    }
}

/// Returns all groups of the observations of `spec`.
pub fn groups(spec: &EnvSpec) -> Vec<SightGroup> {
    let group =
        |group: &fpo_envs::ObsGroup| SightGroup { name: group.name.clone(), range: group.range };
    spec.groups.iter().map(group).collect()
}

/// Returns what is hidden where exactly the groups `names` are seen, or are not.
fn sight(
    field: &'static str,
    names: &[String],
    seen: bool,
    spec: &EnvSpec,
) -> Result<Option<Sight>, SightError> {
    let groups = groups(spec);
    let all: Vec<String> = groups.iter().map(|group| format!("`{}`", group.name)).collect();
    let all = all.join(", ");
    let wrong = |value: String, what: &str| SightError {
        field,
        value,
        allowed: match groups.len() {
            0 => format!("nothing: {} names no groups of its observations", spec.name),
            _ => format!("{what} of the observation groups of {}: {all}", spec.name),
        },
    };
    if names.is_empty() {
        return Err(wrong("empty".into(), "at least one"));
    }
    if let Some(name) = names.iter().find(|name| !groups.iter().any(|group| group.name == **name)) {
        return Err(wrong(format!("`{name}`"), "some"));
    }
    let is_hidden = |group: &&SightGroup| names.contains(&group.name) != seen;
    let hides: Vec<String> =
        groups.iter().filter(is_hidden).map(|group| group.name.clone()).collect();
    if hides.len() == groups.len() {
        return Err(wrong("every group there is".into(), "not all"));
    }
    Ok((!hides.is_empty()).then_some(Sight { groups, hides }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> EnvSpec {
        let groups = fpo_envs::groups(&[("position", 2), ("target", 2), ("velocity", 1)]);
        EnvSpec { groups, obs_dim: 5, ..fpo_envs::spec("Classic/Pendulum").unwrap() }
    }

    fn list(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|&name| name.into()).collect())
    }

    #[test]
    fn what_is_seen_and_what_is_hidden_complete_each_other() {
        let sees =
            EnvConfig { policy_sees: list(&["velocity", "position"]), ..EnvConfig::default() };
        let hides = EnvConfig { policy_hides: list(&["target"]), ..EnvConfig::default() };
        let sight = sees.policy_sight(&spec()).unwrap().unwrap();
        assert_eq!(sight.hides, ["target"]);
        assert_eq!(Some(sight.clone()), hides.policy_sight(&spec()).unwrap());
        assert_eq!(sight.hidden(5).unwrap(), [false, false, true, true, false]);
        assert_eq!(sees.critic_sight(&spec()), Ok(None));
        let critic = EnvConfig { critic_sees: list(&["target"]), ..EnvConfig::default() };
        let hidden = critic.critic_sight(&spec()).unwrap().unwrap().hides;
        assert_eq!(
            (hidden, critic.policy_sight(&spec())),
            (vec!["position".into(), "velocity".into()], Ok(None))
        );
    }

    #[test]
    fn seeing_all_is_no_mask() {
        let all = list(&["position", "target", "velocity"]);
        let config =
            EnvConfig { policy_sees: all.clone(), critic_sees: all, ..EnvConfig::default() };
        assert_eq!(config.policy_sight(&spec()), Ok(None));
        assert_eq!(config.critic_sight(&spec()), Ok(None));
    }

    #[test]
    fn a_wrong_list_names_the_groups_that_there_are() {
        let said = |policy_hides| {
            let config = EnvConfig { policy_hides, ..EnvConfig::default() };
            config.policy_sight(&spec()).unwrap_err().to_string()
        };
        let groups =
            "of the observation groups of Classic/Pendulum: `position`, `target`, `velocity`";
        let expected = format!("`env.policy_hides` is `speed`; allowed: some {groups}");
        assert_eq!(said(list(&["target", "speed"])), expected);
        let expected = format!("`env.policy_hides` is empty; allowed: at least one {groups}");
        assert_eq!(said(list(&[])), expected);
        let all = list(&["target", "position", "velocity"]);
        let expected =
            format!("`env.policy_hides` is every group there is; allowed: not all {groups}");
        assert_eq!(said(all), expected);
        let nameless = EnvSpec { groups: Vec::new(), ..spec() };
        let config = EnvConfig { critic_sees: list(&["target"]), ..EnvConfig::default() };
        let said = config.critic_sight(&nameless).unwrap_err().to_string();
        assert!(said.ends_with("nothing: Classic/Pendulum names no groups of its observations"));
    }
}
