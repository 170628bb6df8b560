//! Collects rollouts: the policy acts, the environments step, everything is kept time-major.
//!
//! Where the policy computes on a device of its own, the environments take turns in two halves:
//! while one half steps, the policy samples for the other. Noise is drawn for all of them at once,
//! and no environment feels another, so that a rollout is the same either way.

use std::time::Duration;

use anyhow::Result;
use fpo_core::{Learner, Noise, RolloutSize, RolloutStorage};
use fpo_envs::VecEnv;

use crate::training::rolling::Rolling;
use crate::training::stage::Stage;

/// Environments, and where they are in the run.
pub struct Collector {
    /// The environments with the observations to act on next.
    pub stage: Stage,
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

/// Lengths of a rollout and of what is stored with each action.
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
}

/// A rollout that was collected, still without what is drawn for its actions and without its
/// stored losses.
pub struct Collected<'a> {
    /// Where it lies.
    pub storage: &'a mut RolloutStorage,
    /// The number of its first step since the start of the run.
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
        Ok(Collector { stage: Stage::new(envs)?, position, storage: None })
    }

    /// Rolls every environment `plan.length` steps under the learner's policy; calls `watch` with
    /// the number of steps that are done.
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
        let Collector { stage, position, storage } = self;
        let (num_envs, first_step) = (stage.reward.len(), position.steps);
        let size = RolloutSize {
            length: plan.length,
            unroll_length: plan.unroll_length,
            envs: num_envs,
            stored: learner.policy().stored(plan.num_samples),
            obs_dim: stage.spec().obs_dim,
            action_dim: stage.spec().action_dim,
        };
        let storage = RolloutStorage::fit(storage, size, learner.device())?;
        let mut episodes = FinishedEpisodes::default();
        let actor = learner.collecting_actor()?;
        let mut rolling = Rolling::new(stage, &mut *storage, actor, noise, first_step);
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
        Ok(Collected { storage, first_step, episodes, env_time, sample_time })
    }
}

impl Position {
    /// Counts the step that `stage` has just made.
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
