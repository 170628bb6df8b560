//! The description of a task: what a learner must know before it builds a network for it.

use serde::Serialize;

/// Sizes, time scale and meaning of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvSpec {
    /// The name of the task, by which the registry finds it.
    pub name: String,
    /// Number of elements of one observation.
    pub obs_dim: usize,
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
