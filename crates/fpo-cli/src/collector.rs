//! Collects rollouts: the policy acts, the environments step, everything is kept time-major.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use candle_core::Tensor;
use fpo_core::{Learner, Noise, Purpose, Rollout, TrainingTimes, time};
use fpo_envs::VecEnv;

use crate::actor::{Actor, require_finite};
use crate::stage::Stage;

/// Bytes that the network's widest activation may take while stored losses are computed.
const LOSS_CHUNK_BYTES: usize = 64 << 20;

/// Environments, and where they are in the run.
pub struct Collector {
    /// The environments with the observations to act on next.
    pub stage: Stage,
    /// Counters and running episodes.
    pub position: Position,
}

/// What a collector must remember between rollouts, besides the environments' own state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// Steps taken in every environment since the start of the run: the index of the noise.
    pub steps: u64,
    /// Reward of each running episode so far.
    pub returns: Vec<f64>,
    /// Length of each running episode so far.
    pub lengths: Vec<u32>,
    /// Whether each running episode has reached the goal (1) or not (0).
    pub succeeded: Vec<u32>,
}

/// Lengths of a rollout and of what is stored with each action.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Steps of every environment.
    pub length: usize,
    /// Steps per unroll; divides `length`.
    pub unroll_length: usize,
    /// Monte-Carlo pairs per action.
    pub num_samples: usize,
    /// Which flow times they draw.
    pub training_times: TrainingTimes,
}

/// A rollout in host memory.
pub struct Collected {
    plan: Plan,
    first_step: u64,
    /// Raw observations `T × E × O`.
    pub obs: Vec<f32>,
    bootstrap_obs: Vec<f32>,
    action: Vec<f32>,
    reward: Vec<f32>,
    terminated: Vec<f32>,
    truncated: Vec<f32>,
    /// Episodes that ended in the rollout.
    pub episodes: FinishedEpisodes,
    /// Time in the environments.
    pub env_time: Duration,
    /// Time in the policy, its noise included.
    pub sample_time: Duration,
}

/// Sums over the episodes that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FinishedEpisodes {
    /// How many.
    pub count: u64,
    /// Sum of their returns.
    pub returns: f64,
    /// Sum of their lengths.
    pub lengths: u64,
    /// How many reached the goal.
    pub successes: u64,
}

impl Collector {
    /// Resets `envs` and starts at step 0.
    pub fn new(envs: Box<dyn VecEnv>) -> Result<Collector> {
        let n = envs.num_envs();
        let position = Position {
            steps: 0,
            returns: vec![0.0; n],
            lengths: vec![0; n],
            succeeded: vec![0; n],
        };
        Ok(Collector { stage: Stage::new(envs)?, position })
    }

    /// Rolls every environment `plan.length` steps under the learner's policy; `watch` hears how
    /// many are done.
    ///
    /// # Errors
    /// Names environment and step of an observation, action or reward that is not finite.
    pub fn collect(
        &mut self,
        learner: &Learner,
        noise: &Noise,
        plan: Plan,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Collected> {
        let actor = Actor::of(learner)?;
        let stage = &mut self.stage;
        let num_envs = stage.reward.len();
        let (obs_dim, action_dim) = (stage.spec().obs_dim, stage.spec().action_dim);
        let rows = plan.length * num_envs;
        let mut out = Collected {
            plan,
            first_step: self.position.steps,
            obs: Vec::with_capacity(rows * obs_dim),
            bootstrap_obs: Vec::with_capacity(rows / plan.unroll_length * obs_dim),
            action: Vec::with_capacity(rows * action_dim),
            reward: Vec::with_capacity(rows),
            terminated: Vec::with_capacity(rows),
            truncated: Vec::with_capacity(rows),
            episodes: FinishedEpisodes::default(),
            env_time: Duration::ZERO,
            sample_time: Duration::ZERO,
        };
        let mut start = vec![0.0; num_envs * action_dim];
        for t in 0..plan.length {
            let step = self.position.steps;
            let at = || format!("step {step} of every environment");
            let clock = Instant::now();
            noise.fill_normal(Purpose::Action, step, &mut start);
            let mut actions = actor.act(&stage.obs, &start).with_context(at)?;
            out.sample_time += clock.elapsed();
            out.obs.extend_from_slice(&stage.obs);
            out.action.extend_from_slice(&actions);
            actor.policy.config().squash.apply(&mut actions);

            let clock = Instant::now();
            stage.step(&actions).with_context(at)?;
            out.env_time += clock.elapsed();
            require_finite(&stage.reward, 1, "reward").with_context(at)?;
            out.reward.extend_from_slice(&stage.reward);
            out.terminated.extend(stage.terminated.iter().map(|&x| f32::from(x)));
            out.truncated.extend(stage.truncated.iter().map(|&x| f32::from(x)));
            self.position.count(stage, &mut out.episodes);
            if (t + 1) % plan.unroll_length == 0 {
                out.bootstrap_obs.extend_from_slice(&stage.obs);
            }
            watch(t + 1);
        }
        Ok(out)
    }
}

impl Position {
    /// Takes note of the step that `stage` has just made.
    fn count(&mut self, stage: &Stage, finished: &mut FinishedEpisodes) {
        self.steps += 1;
        for env in 0..stage.reward.len() {
            self.returns[env] += stage.reward[env] as f64;
            self.lengths[env] += 1;
            self.succeeded[env] |= u32::from(stage.success[env]);
            if stage.ended(env) {
                finished.count += 1;
                finished.returns += std::mem::take(&mut self.returns[env]);
                finished.lengths += std::mem::take(&mut self.lengths[env]) as u64;
                finished.successes += std::mem::take(&mut self.succeeded[env]) as u64;
            }
        }
    }
}

impl Collected {
    /// Draws the Monte-Carlo pairs, computes the stored losses `L_old` under the learner's present
    /// policy and statistics, and moves everything to its device.
    pub fn into_rollout(self, learner: &mut Learner, noise: &Noise) -> Result<Rollout> {
        let config = learner.policy.config().clone();
        let (obs_dim, action_dim) = (config.obs_dim, config.action_dim);
        let Plan { length, unroll_length, num_samples, training_times } = self.plan;
        let envs = self.reward.len() / length;
        let device = &learner.device().clone();

        let row = envs * num_samples;
        let mut eps = vec![0.0; length * row * action_dim];
        let mut t = vec![0.0; length * row];
        for k in 0..length {
            let step = self.first_step + k as u64;
            let eps = &mut eps[k * row * action_dim..(k + 1) * row * action_dim];
            noise.fill_normal(Purpose::LossNoise, step, eps);
            let t = &mut t[k * row..(k + 1) * row];
            time::draw(training_times, config.flow_steps, noise, step, t);
        }

        let tensor = |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, device);
        let obs = tensor(self.obs, &[length, envs, obs_dim])?;
        let action = tensor(self.action, &[length, envs, action_dim])?;
        let eps = tensor(eps, &[length, envs, num_samples, action_dim])?;
        let t = tensor(t, &[length, envs, num_samples, 1])?;
        let width = config.hidden.iter().copied().max().unwrap_or(1);
        let chunk = (LOSS_CHUNK_BYTES / (row * width * size_of::<f32>())).max(1);
        let clock = Instant::now();
        let loss_old = learner.stored_losses(&obs, &action, &eps, &t, chunk)?;
        learner.times.policy += clock.elapsed();
        let unrolls = length / unroll_length;
        Ok(Rollout {
            obs,
            bootstrap_obs: tensor(self.bootstrap_obs, &[unrolls, envs, obs_dim])?,
            action,
            reward: tensor(self.reward, &[length, envs])?,
            terminated: tensor(self.terminated, &[length, envs])?,
            truncated: tensor(self.truncated, &[length, envs])?,
            eps,
            t,
            loss_old,
        })
    }
}
