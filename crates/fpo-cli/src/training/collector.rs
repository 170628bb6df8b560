//! Collects rollouts: the policy acts, the environments step, everything is kept time-major.
//!
//! Where the policy computes on a device of its own, the environments take turns in two halves:
//! while one half steps, the policy samples for the other. Noise is drawn for all of them at once,
//! and no environment feels another, so that a rollout is the same either way.

use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::Tensor;
use fpo_core::gae::Truncation;
use fpo_core::time::TrainingTimes;
use fpo_core::{Learner, Noise, Purpose, Rollout, Source};
use fpo_envs::VecEnv;

use crate::training::actor::Actor;
use crate::training::rolling::Rolling;
use crate::training::rollout_buffers::{Cuts, RolloutBuffers, RolloutSize};
use crate::training::stage::Stage;

/// Bytes that the network's widest activation may take while stored losses are computed.
const LOSS_CHUNK_BYTES: usize = 64 << 20;

/// Environments, and where they are in the run.
pub struct Collector {
    /// The environments with the observations to act on next.
    pub stage: Stage,
    /// Counters and running episodes.
    pub position: Position,
    buffers: Option<RolloutBuffers>,
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
    /// Whether the environments step in two halves, each while the policy acts for the other.
    pub overlap: bool,
}

/// A rollout in host memory.
pub struct Collected<'a> {
    plan: Plan,
    first_step: u64,
    buffers: &'a mut RolloutBuffers,
    /// Episodes that ended in the rollout.
    pub episodes: FinishedEpisodes,
    /// Time in the environments.
    pub env_time: Duration,
    /// Time in the policy, its noise included, while no environment stepped.
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
        Ok(Collector { stage: Stage::new(envs)?, position, buffers: None })
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
    ) -> Result<Collected<'_>> {
        let Collector { stage, position, buffers } = self;
        let (num_envs, first_step) = (stage.reward.len(), position.steps);
        let size = RolloutSize {
            length: plan.length,
            unroll_length: plan.unroll_length,
            envs: num_envs,
            stored: learner.policy.stored(plan.num_samples),
            obs_dim: stage.spec().obs_dim,
            action_dim: stage.spec().action_dim,
        };
        let buffers = RolloutBuffers::fit(buffers, size, learner.device())?;
        let mut episodes = FinishedEpisodes::default();
        let mut rolling =
            Rolling::new(stage, &mut *buffers, Actor::of(learner)?, noise, first_step);
        let mut finish = |rolling: &mut Rolling, t: usize| -> Result<()> {
            rolling.finish(t)?;
            position.count(rolling.stage, &mut episodes);
            watch(t + 1);
            Ok(())
        };
        if plan.overlap && num_envs > 1 {
            let (one, other) = (0..num_envs / 2, num_envs / 2..num_envs);
            let mut controls = rolling.act(0, &one)?;
            for t in 0..plan.length {
                let turn = (t, &one, controls.as_slice());
                let others_controls = rolling.step_while_acting(turn, (t, &other))?;
                if t + 1 < plan.length {
                    let turn = (t, &other, others_controls.as_slice());
                    controls = rolling.step_while_acting(turn, (t + 1, &one))?;
                } else {
                    rolling.step(t, &other, &others_controls)?;
                }
                finish(&mut rolling, t)?;
            }
        } else {
            let all = 0..num_envs;
            for t in 0..plan.length {
                let controls = rolling.act(t, &all)?;
                rolling.step(t, &all, &controls)?;
                finish(&mut rolling, t)?;
            }
        }
        let Rolling { env_time, sample_time, .. } = rolling;
        Ok(Collected { plan, first_step, buffers, episodes, env_time, sample_time })
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

impl Collected<'_> {
    /// Hands the raw observations, `T × E × O`, to `look`.
    pub fn with_obs<R>(&self, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let obs = &self.buffers.obs;
        Ok(obs.read(0..obs.dims().iter().product(), look)?)
    }

    /// Draws what goes with the actions, computes the stored losses `L_old` under the learner's
    /// present policy and statistics, and brings everything to its device. On the CPU the rollout
    /// is the collector's memory, so that it lasts until the next one is collected.
    pub fn into_rollout(self, learner: &mut Learner, noise: &Noise) -> Result<Rollout> {
        let Collected { plan, first_step, buffers, .. } = self;
        let RolloutSize { length, envs, stored, obs_dim, action_dim, .. } = buffers.size;
        let (rows, losses) = (envs * stored.rows * action_dim, envs * stored.losses);
        for k in 0..length {
            let step = first_step + k as u64;
            if stored.source != Source::Chain {
                buffers.eps.write(k * rows..(k + 1) * rows, |eps| {
                    noise.fill_normal(Purpose::LossNoise, step, eps);
                })?;
            }
            buffers.t.write(k * losses..(k + 1) * losses, |t| {
                learner.policy.fill_times(plan.training_times, noise, step, t);
            })?;
        }

        let clock = Instant::now();
        if learner.config.truncation == Truncation::Bootstrap {
            let Cuts { at, obs } = &buffers.cuts;
            let values: Vec<f32> = match at.len() {
                0 => Vec::new(),
                cuts => {
                    let obs = Tensor::from_slice(obs, (cuts, obs_dim), learner.device())?;
                    learner.values(&obs)?.to_vec1()?
                }
            };
            buffers.cut_value.write(0..length * envs, |to| {
                to.fill(0.0);
                at.iter().zip(values).for_each(|(&at, value)| to[at] = value);
            })?;
        }
        learner.times.value += clock.elapsed();

        let (obs, action) = (buffers.obs.tensor()?, buffers.action.tensor()?);
        let (eps, t) = (buffers.eps.tensor()?, buffers.t.tensor()?);
        let bytes = losses * learner.policy.width() * size_of::<f32>();
        let clock = Instant::now();
        let chunk = (LOSS_CHUNK_BYTES / bytes).max(1);
        let loss_old = learner.stored_losses(&obs, &action, &eps, &t, chunk)?;
        learner.times.policy += clock.elapsed();
        Ok(Rollout {
            obs,
            bootstrap_obs: buffers.bootstrap_obs.tensor()?,
            action,
            reward: buffers.reward.tensor()?,
            terminated: buffers.terminated.tensor()?,
            truncated: buffers.truncated.tensor()?,
            cut_value: buffers.cut_value.tensor()?,
            eps,
            t,
            loss_old,
        })
    }
}
