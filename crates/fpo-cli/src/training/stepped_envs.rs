//! Environments together with the buffers that a step fills. The buffers are allocated once, so
//! that a step allocates nothing for its outcome.

use std::ops::Range;

use anyhow::Result;
use fpo_core::StepOutcome;
use fpo_envs::{EnvSpec, StepOutput, VecEnv};

/// Environments and the outcome of their last step, one row or entry per environment.
pub struct SteppedEnvs {
    /// The environments.
    pub envs: Box<dyn VecEnv>,
    /// Observations to act on next.
    pub obs: Vec<f32>,
    /// Rewards of the last step.
    pub reward: Vec<f32>,
    /// Whether the last step ended the episode by the task's rules.
    pub terminated: Vec<bool>,
    /// Whether the last step ended the episode by the step limit.
    pub truncated: Vec<bool>,
    /// Whether the last step reached the goal.
    pub success: Vec<bool>,
    /// The last observation of each episode that ended with the last step; other rows are old.
    pub final_obs: Vec<f32>,
}

impl SteppedEnvs {
    /// Resets `envs` and allocates the buffers.
    ///
    /// # Errors
    /// Those of [`VecEnv::reset`].
    pub fn new(mut envs: Box<dyn VecEnv>) -> Result<SteppedEnvs> {
        let num_envs = envs.num_envs();
        let mut obs = vec![0.0; num_envs * envs.spec().obs_dim];
        envs.reset(&mut obs)?;
        Ok(SteppedEnvs {
            final_obs: vec![0.0; obs.len()],
            obs,
            reward: vec![0.0; num_envs],
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            success: vec![false; num_envs],
            envs,
        })
    }

    /// Makes one step of every environment, with a row of `controls` for each.
    ///
    /// # Errors
    /// Those of [`VecEnv::step`].
    pub fn step(&mut self, controls: &[f32]) -> Result<()> {
        self.step_range(&(0..self.reward.len()), controls)
    }

    /// Makes one step of the environments `part`, with a row of `controls` for each of them.
    ///
    /// # Errors
    /// Those of [`VecEnv::step_range`].
    pub fn step_range(&mut self, part: &Range<usize>, controls: &[f32]) -> Result<()> {
        let width = self.spec().obs_dim;
        let cells = part.start * width..part.end * width;
        let out = StepOutput {
            obs: &mut self.obs[cells.clone()],
            reward: &mut self.reward[part.clone()],
            terminated: &mut self.terminated[part.clone()],
            truncated: &mut self.truncated[part.clone()],
            success: &mut self.success[part.clone()],
            final_obs: &mut self.final_obs[cells],
        };
        Ok(self.envs.step_range(part.clone(), controls, out)?)
    }

    /// Returns the outcome of the last step.
    pub fn outcome(&self) -> StepOutcome<'_> {
        StepOutcome {
            reward: &self.reward,
            terminated: &self.terminated,
            truncated: &self.truncated,
            next_obs: &self.obs,
            final_obs: &self.final_obs,
        }
    }

    /// Returns whether the last step ended the episode of environment `env`.
    pub fn ended(&self, env: usize) -> bool {
        self.terminated[env] || self.truncated[env]
    }

    /// Returns the description of the task.
    pub fn spec(&self) -> &EnvSpec {
        self.envs.spec()
    }
}
