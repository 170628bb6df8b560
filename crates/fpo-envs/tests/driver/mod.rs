//! A batch with its output buffers, and actions that depend only on the step and on their index.

#![allow(dead_code, reason = "each test file uses a part of it")]

use fpo_envs::{EnvError, EnvSpec, StepOutput, VecEnv, VecEnvOptions, make};

/// A batch and the buffers into which its steps write.
pub struct Runner {
    pub envs: Box<dyn VecEnv>,
    pub obs: Vec<f32>,
    pub final_obs: Vec<f32>,
    pub reward: Vec<f32>,
    pub terminated: Vec<bool>,
    pub truncated: Vec<bool>,
    pub success: Vec<bool>,
}

impl Runner {
    pub fn new(envs: Box<dyn VecEnv>) -> Self {
        let n = envs.num_envs();
        let cells = n * envs.spec().obs_dim;
        Self {
            envs,
            obs: vec![0.0; cells],
            final_obs: vec![0.0; cells],
            reward: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
            success: vec![false; n],
        }
    }

    pub fn reset(&mut self) {
        self.envs.reset(&mut self.obs).unwrap();
    }

    pub fn try_step(&mut self, actions: &[f32]) -> Result<(), EnvError> {
        let output = StepOutput {
            obs: &mut self.obs,
            reward: &mut self.reward,
            terminated: &mut self.terminated,
            truncated: &mut self.truncated,
            success: &mut self.success,
            final_obs: &mut self.final_obs,
        };
        self.envs.step(actions, output)
    }

    /// Steps all environments part by part. The parts begin at 0 and at each environment of `cuts`.
    pub fn step_in_parts(&mut self, actions: &[f32], cuts: &[usize]) {
        let n = self.reward.len();
        let (obs_dim, action_dim) = (self.envs.spec().obs_dim, self.envs.spec().action_dim);
        let bounds = [&[0], cuts, &[n]].concat();
        for pair in bounds.windows(2) {
            let envs = pair[0]..pair[1];
            let cells = envs.start * obs_dim..envs.end * obs_dim;
            let output = StepOutput {
                obs: &mut self.obs[cells.clone()],
                reward: &mut self.reward[envs.clone()],
                terminated: &mut self.terminated[envs.clone()],
                truncated: &mut self.truncated[envs.clone()],
                success: &mut self.success[envs.clone()],
                final_obs: &mut self.final_obs[cells],
            };
            let actions = &actions[envs.start * action_dim..envs.end * action_dim];
            self.envs.step_range(envs, actions, output).unwrap();
        }
    }

    pub fn step(&mut self, actions: &[f32]) {
        self.try_step(actions).unwrap();
    }
}

/// Returns actions in [-1, 1] for `n` environments.
pub fn random_actions(spec: &EnvSpec, n: usize, step: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(step as u64 + 1);
    let draw = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n * spec.action_dim).map(draw).collect()
}

/// Returns options with fresh starts.
pub fn options(num_envs: usize, seed: u64, episode_length: usize) -> VecEnvOptions {
    let episode_length = Some(episode_length);
    VecEnvOptions { num_envs, seed, episode_length, ..VecEnvOptions::default() }
}

/// Makes a batch of a listed task.
pub fn runner(spec: &EnvSpec, options: &VecEnvOptions) -> Runner {
    Runner::new(make(&spec.name, options).unwrap())
}
