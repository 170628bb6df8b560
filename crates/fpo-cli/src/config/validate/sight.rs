//! The check of what policy and critic see, which needs the task's groups.

use crate::config::error::ConfigError;
use crate::config::sections::EnvConfig;
use crate::config::sight::{BOTH, SightError};
use crate::config::validate::Check;

impl Check<'_> {
    /// Fails unless policy and critic see groups that the task has. A task that this build does not
    /// know is reported where its environments are made.
    pub(super) fn sight(&self, env: &EnvConfig) -> Result<(), ConfigError> {
        if env.policy_sees.is_some() && env.policy_hides.is_some() {
            return Err(ConfigError::Combination {
                origin: self.origins_of(&["env.policy_sees", "env.policy_hides"]),
                message: BOTH.into(),
            });
        }
        if env.policy_sees.is_none() && env.policy_hides.is_none() && env.critic_sees.is_none() {
            return Ok(());
        }
        let Ok(spec) = fpo_envs::spec(&env.task) else { return Ok(()) };
        let wrong = |SightError { field, value, allowed }| ConfigError::OutOfRange {
            field: field.into(),
            origin: self.origins.of(field),
            value,
            allowed,
        };
        env.policy_sight(&spec).map_err(wrong)?;
        env.critic_sight(&spec).map_err(wrong)?;
        Ok(())
    }
}
