//! Environments together with the buffers that a step fills, allocated once.

use anyhow::Result;
use fpo_envs::{EnvSpec, StepOutput, VecEnv};

/// Environments and the outcome of their last step, one row or entry per environment.
pub struct Stage {
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
    final_obs: Vec<f32>,
}

impl Stage {
    /// Resets `envs`.
    pub fn new(mut envs: Box<dyn VecEnv>) -> Result<Stage> {
        let n = envs.num_envs();
        let mut obs = vec![0.0; n * envs.spec().obs_dim];
        envs.reset(&mut obs)?;
        Ok(Stage {
            final_obs: vec![0.0; obs.len()],
            obs,
            reward: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
            success: vec![false; n],
            envs,
        })
    }

    /// One step of every environment.
    pub fn step(&mut self, controls: &[f32]) -> Result<()> {
        let out = StepOutput {
            obs: &mut self.obs,
            reward: &mut self.reward,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            success: &mut self.success,
            final_obs: &mut self.final_obs,
        };
        Ok(self.envs.step(controls, out)?)
    }

    /// Whether the last step ended the episode of environment `env`.
    pub fn ended(&self, env: usize) -> bool {
        self.terminated[env] || self.truncated[env]
    }

    /// The task.
    pub fn spec(&self) -> &EnvSpec {
        self.envs.spec()
    }
}
