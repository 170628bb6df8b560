//! The interface between a learner and a batch of environments.
//!
//! Slices are row-major, one row per environment. All outputs are written into memory of the
//! caller, so that a rollout buffer can be filled in place.

use std::ops::Range;

use crate::error::EnvError;
use crate::spec::EnvSpec;

/// Where a step writes its results. Each slice has one row or entry for each of the `num_envs`
/// environments that the step advances.
#[derive(Debug)]
pub struct StepOutput<'a> {
    /// `num_envs` × `obs_dim`: the observation to act on next. Where an episode ended this is
    /// the first observation of the new one.
    pub obs: &'a mut [f32],
    /// `num_envs`: the reward of this step, summed over its control steps.
    pub reward: &'a mut [f32],
    /// `num_envs`: whether the episode ended by the task's rules.
    pub terminated: &'a mut [bool],
    /// `num_envs`: whether the episode ended by the step limit, and not by the task's rules on the
    /// same step.
    pub truncated: &'a mut [bool],
    /// `num_envs`: whether the goal was reached on this step.
    pub success: &'a mut [bool],
    /// `num_envs` × `obs_dim`: the last observation of an episode that ended on this step. The step
    /// leaves the rows of all other environments unchanged.
    pub final_obs: &'a mut [f32],
}

/// Everything needed to continue a batch bit for bit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VecEnvState {
    /// State rows, `num_envs` × the task's state length.
    pub states: Vec<f64>,
    /// For [`AutoReset::First`](crate::options::AutoReset::First), each environment's first state
    /// row followed by its first observation; empty otherwise.
    pub first_states: Vec<f64>,
    /// Current observations, `num_envs` × `obs_dim`.
    pub obs: Vec<f32>,
    /// Control steps taken in the current episode.
    pub episode_steps: Vec<u32>,
    /// Number of the current episode, counted from 0.
    pub episodes: Vec<u64>,
}

/// A batch of environments of one task.
pub trait VecEnv: Send {
    /// The task's description; `episode_length` and `reward_range` are those in force.
    /// `episode_length` counts control steps, whatever
    /// [`action_repeat`](crate::options::VecEnvOptions::action_repeat) is.
    fn spec(&self) -> &EnvSpec;

    /// Number of environments in the batch.
    fn num_envs(&self) -> usize;

    /// Starts every environment at its episode 0 and writes the observations (`num_envs` ×
    /// `obs_dim`). A second call gives the same starts again: the batch begins anew.
    ///
    /// # Errors
    /// For a slice of the wrong length, or when the task fails.
    fn reset(&mut self, obs: &mut [f32]) -> Result<(), EnvError>;

    /// Advances all environments by one step, which is
    /// [`action_repeat`](crate::options::VecEnvOptions::action_repeat) control steps or fewer.
    /// `actions` is `num_envs` × `action_dim`.
    ///
    /// An episode that ends is followed at once by a new one. When the step limit falls on a step
    /// that terminates, the step counts as terminated only: its value is known and must not be
    /// bootstrapped. A control step with an action, an observation or a reward that is not finite
    /// ends the episode as terminated and earns the lower end of the task's reward range; its
    /// `final_obs` is then the last observation that was finite.
    ///
    /// # Errors
    /// For a slice of the wrong length, before the first reset, or when the task fails. After a
    /// failure inside a task the batch must be reset or restored.
    fn step(&mut self, actions: &[f32], out: StepOutput<'_>) -> Result<(), EnvError> {
        self.step_range(0..self.num_envs(), actions, out)
    }

    /// Advances the environments numbered `envs` alone, as [`VecEnv::step`] advances all of them;
    /// slices hold a row or entry for each of these. No environment's results depend on how a step
    /// of all is cut into ranges.
    ///
    /// # Errors
    /// The errors of [`VecEnv::step`], and [`EnvError::Range`] for a range that is empty or reaches
    /// beyond the batch.
    fn step_range(
        &mut self,
        envs: Range<usize>,
        actions: &[f32],
        out: StepOutput<'_>,
    ) -> Result<(), EnvError>;

    /// Returns a copy of the batch's state. Before the first reset its contents are undefined.
    fn save(&self) -> VecEnvState;

    /// Continues from a saved state of a batch with the same task and options.
    ///
    /// # Errors
    /// [`EnvError::State`] when a field has another size than this batch needs.
    fn restore(&mut self, state: &VecEnvState) -> Result<(), EnvError>;

    /// Number of episodes that ended because an action, an observation or a reward was not finite,
    /// since the batch was made.
    fn divergences(&self) -> u64;
}
