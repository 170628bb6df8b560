//! What the specifications of all tasks of the suite have in common.

use crate::simulation::mujoco_task::Timing;
use crate::spec::EnvSpec;

/// Control steps of an episode in every task of the Playground's Control Suite.
const EPISODE_LENGTH: usize = 1000;

/// Returns the fields of a specification that do not depend on the task within its domain; the task
/// replaces the others, which are empty. Every task of the suite has the same number of steps and
/// rewards from 0 to 1. `domain` is the Control Suite's name.
pub(super) fn suite_spec(domain: &str, timing: Timing) -> EnvSpec {
    EnvSpec {
        name: String::new(),
        obs_dim: 0,
        groups: Vec::new(),
        action_dim: 0,
        episode_length: EPISODE_LENGTH,
        control_dt: timing.control_dt(),
        reward_range: (0.0, 1.0),
        has_success: false,
        description: String::new(),
        source: format!("DeepMind Control Suite {domain}, as in MuJoCo Playground 0.0.5"),
    }
}
