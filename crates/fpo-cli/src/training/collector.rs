//! Collects rollouts: the policy acts, the environments step, and everything is kept time-major.
//!
//! Where the policy computes on a device of its own, the environments take turns in two halves:
//! while one half steps, the policy samples for the other. Noise is drawn for all of them at once,
//! and no environment affects another, so that a rollout is the same either way.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use fpo_core::{Learner, Noise, RolloutSize, RolloutStorage};
use fpo_envs::VecEnv;

use crate::training::rollout_in_progress::RolloutInProgress;
use crate::training::stepped_envs::SteppedEnvs;

/// Environments, and where they are in the run.
pub struct Collector {
    /// The environments with the observations to act on next.
    pub stage: SteppedEnvs,
    /// Counters and running episodes.
    pub position: Position,
    storage: Option<RolloutStorage>,
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

/// How a rollout is collected: its lengths, and how much is stored with each action.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Steps of every environment.
    pub length: usize,
    /// Steps per unroll; divides `length`.
    pub unroll_length: usize,
    /// Monte-Carlo pairs per action.
    pub num_samples: usize,
    /// Whether the environments step in two halves, each while the policy acts for the other.
    pub overlap: bool,
    /// Correlation of the noise of an environment's neighbouring actions.
    pub noise_correlation: f64,
}

/// A collected rollout, which still lacks what is drawn for its actions and its stored losses
/// ([`Learner::complete`]).
pub struct Collected<'a> {
    /// The buffers that hold the rollout.
    pub storage: &'a mut RolloutStorage,
    /// The number of its first step, counted from the start of the run.
    pub first_step: u64,
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
    /// Number of episodes.
    pub count: u64,
    /// Sum of their returns.
    pub returns: f64,
    /// Sum of their lengths.
    pub lengths: u64,
    /// Number of episodes that reached the goal.
    pub successes: u64,
}

impl Collector {
    /// Resets `envs` and starts at step 0.
    ///
    /// # Errors
    /// Those of [`VecEnv::reset`].
    pub fn new(envs: Box<dyn VecEnv>) -> Result<Collector> {
        let num_envs = envs.num_envs();
        let position = Position {
            steps: 0,
            returns: vec![0.0; num_envs],
            lengths: vec![0; num_envs],
            succeeded: vec![0; num_envs],
        };
        Ok(Collector { stage: SteppedEnvs::new(envs)?, position, storage: None })
    }

    /// Returns the last rollout, or as far as it was collected.
    pub fn rollout(&self) -> Option<&RolloutStorage> {
        self.storage.as_ref()
    }

    /// Steps every environment `plan.length` times under the learner's policy. After each step it
    /// calls `watch` with the number of steps done; where that breaks, the rollout ends.
    ///
    /// # Errors
    /// Names environment and step of an observation, action or reward that is not finite. Also
    /// those of the environments, and [`fpo_core::Error::Interrupted`] if `watch` broke the
    /// rollout.
    pub fn collect(
        &mut self,
        learner: &Learner,
        noise: &Noise,
        plan: Plan,
        watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Collected<'_>> {
        let Collector { stage: envs, position, storage } = self;
        let (num_envs, first_step) = (envs.reward.len(), position.steps);
        let size = RolloutSize {
            length: plan.length,
            unroll_length: plan.unroll_length,
            envs: num_envs,
            stored: learner.policy().stored(plan.num_samples),
            obs_dim: envs.spec().obs_dim,
            action_dim: envs.spec().action_dim,
        };
        let storage = RolloutStorage::fit(storage, size, learner.device())?;
        let mut episodes = FinishedEpisodes::default();
        let actor = learner.collecting_actor()?;
        let noise = (noise, plan.noise_correlation);
        let mut rollout = RolloutInProgress::new(envs, &mut *storage, actor, noise, first_step);
        let mut finish = |rollout: &mut RolloutInProgress, t: usize| -> Result<()> {
            rollout.finish(t)?;
            position.count(rollout.envs, &mut episodes);
            match watch(t + 1) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(fpo_core::Error::Interrupted.into()),
            }
        };
        if plan.overlap && num_envs > 1 {
            let (first, second) = (0..num_envs / 2, num_envs / 2..num_envs);
            let mut first_controls = rollout.act(0, &first)?;
            for t in 0..plan.length {
                let turn = (t, &first, first_controls.as_slice());
                let second_controls = rollout.step_while_acting(turn, (t, &second))?;
                if t + 1 < plan.length {
                    let turn = (t, &second, second_controls.as_slice());
                    first_controls = rollout.step_while_acting(turn, (t + 1, &first))?;
                } else {
                    rollout.step(t, &second, &second_controls)?;
                }
                finish(&mut rollout, t)?;
            }
        } else {
            let all = 0..num_envs;
            for t in 0..plan.length {
                let controls = rollout.act(t, &all)?;
                rollout.step(t, &all, &controls)?;
                finish(&mut rollout, t)?;
            }
        }
        let RolloutInProgress { env_time, sample_time, .. } = rollout;
        Ok(Collected { storage, first_step, episodes, env_time, sample_time })
    }
}

impl Position {
    /// Counts the step that all of `envs` have just made, and adds the episodes that ended with it
    /// to `finished`.
    fn count(&mut self, envs: &SteppedEnvs, finished: &mut FinishedEpisodes) {
        self.steps += 1;
        for env in 0..envs.reward.len() {
            self.returns[env] += envs.reward[env] as f64;
            self.lengths[env] += 1;
            self.succeeded[env] |= u32::from(envs.success[env]);
            if envs.ended(env) {
                finished.count += 1;
                finished.returns += std::mem::take(&mut self.returns[env]);
                finished.lengths += std::mem::take(&mut self.lengths[env]) as u64;
                finished.successes += std::mem::take(&mut self.succeeded[env]) as u64;
            }
        }
    }
}
