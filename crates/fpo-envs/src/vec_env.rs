//! The interface between a learner and a batch of environments.
//!
//! Slices are row-major, one row per environment. All outputs are written into memory of the
//! caller, so that a rollout buffer can be filled in place.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{EnvError, EnvSpec};

/// Where an environment starts again after its episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoReset {
    /// A freshly drawn start.
    #[default]
    Fresh,
    /// The first start of that environment, again and again, as the official FPO code does it: a
    /// whole run then sees only `num_envs` different starts.
    First,
}

/// Which starts the episodes of a task begin from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// Every start is drawn, each number on its own, so that seeds, environments and episodes all
    /// differ. Where MuJoCo Playground knows a single start only (`BallInCup`, the humanoids),
    /// each of its coordinates is moved by up to ±0.01 (m or rad).
    #[default]
    Drawn,
    /// The starts of MuJoCo Playground 0.0.5 as its code draws them, the single ones and those
    /// whose numbers hang together by a random key that was used twice included. Other tasks
    /// start as with [`Starts::Drawn`].
    Official,
}

/// How to build a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VecEnvOptions {
    /// Environments in the batch, at least 1.
    pub num_envs: usize,
    /// Seed of all start draws.
    pub seed: u64,
    /// Where an environment starts again.
    pub auto_reset: AutoReset,
    /// Which starts to draw from.
    pub starts: Starts,
    /// Control steps until truncation; the task's own number if absent.
    pub episode_length: Option<usize>,
    /// Control steps for which one call of `step` holds its action, at least 1. Their rewards are
    /// summed. The step limit still counts control steps, as in Brax and in the usual wrappers of
    /// the Control Suite: 1000 control steps are 250 calls at 4. Unlike Brax, an episode that
    /// ends on the way ends the call there, and nothing of the next one is simulated in it.
    pub action_repeat: usize,
    /// Spreads the ends of episodes evenly over time: environment `i` of `n` starts its first
    /// episode as if `i/n` of the step limit had passed. Otherwise environments that only the
    /// step limit ends all restart on the same step, and data collected shortly after comes from
    /// the beginnings of episodes alone.
    pub stagger: bool,
    /// Environments that make one piece of work for a thread, at least 1; the task's own number
    /// if absent. Changes speed only, never a result: smaller pieces spread better over many
    /// cores, larger ones cost less to hand out.
    pub chunk: Option<usize>,
}

impl Default for VecEnvOptions {
    /// One environment, seed 0, fresh starts, each drawn, the task's own episode length, each
    /// action for one control step, not staggered.
    fn default() -> Self {
        Self {
            num_envs: 1,
            seed: 0,
            auto_reset: AutoReset::Fresh,
            starts: Starts::Drawn,
            episode_length: None,
            action_repeat: 1,
            stagger: false,
            chunk: None,
        }
    }
}

/// Where a step writes its results, with a row or entry for each of the `num_envs` environments
/// that it advances.
#[derive(Debug)]
pub struct StepOutput<'a> {
    /// `num_envs` × `obs_dim`: the observation to act on next. Where an episode ended this is
    /// the first observation of the new one.
    pub obs: &'a mut [f32],
    /// `num_envs`: reward of this step, summed over its control steps.
    pub reward: &'a mut [f32],
    /// `num_envs`: the episode ended by the task's rules.
    pub terminated: &'a mut [bool],
    /// `num_envs`: the episode ended by the step limit, and not by the task's rules on the same
    /// step.
    pub truncated: &'a mut [bool],
    /// `num_envs`: the goal was reached on this step.
    pub success: &'a mut [bool],
    /// `num_envs` × `obs_dim`: the last observation of an episode that ended on this step. Rows
    /// of environments whose episode goes on are left as they are.
    pub final_obs: &'a mut [f32],
}

/// Everything needed to continue a batch bit for bit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VecEnvState {
    /// State rows, `num_envs` × the task's state length.
    pub states: Vec<f64>,
    /// For [`AutoReset::First`], per environment its first state row and then its first
    /// observation; empty for [`AutoReset::Fresh`].
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
    /// `episode_length` counts control steps, whatever [`VecEnvOptions::action_repeat`] is.
    fn spec(&self) -> &EnvSpec;

    /// Environments in the batch.
    fn num_envs(&self) -> usize;

    /// Starts every environment at its episode 0 and writes the observations (`num_envs` ×
    /// `obs_dim`). A second call gives the same starts again: the batch begins anew.
    ///
    /// # Errors
    /// For a slice of the wrong length, or when the task fails.
    fn reset(&mut self, obs: &mut [f32]) -> Result<(), EnvError>;

    /// Advances all environments by one step, which is [`VecEnvOptions::action_repeat`] control
    /// steps or fewer. `actions` is `num_envs` × `action_dim`.
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

    /// As [`VecEnv::step`], for the environments numbered `envs` alone; slices hold a row or entry
    /// for each of these. No environment's results depend on how a step of all is cut into ranges.
    ///
    /// # Errors
    /// As [`VecEnv::step`]; [`EnvError::Range`] for a range that is empty or reaches beyond the
    /// batch.
    fn step_range(
        &mut self,
        envs: Range<usize>,
        actions: &[f32],
        out: StepOutput<'_>,
    ) -> Result<(), EnvError>;

    /// A copy of the batch's state. Before the first reset its start is undefined.
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
