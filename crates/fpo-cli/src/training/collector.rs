//! Collects rollouts: the policy acts, the environments step, and everything is kept time-major.
//!
//! Where the policy computes on a device of its own, the environments take turns in two halves:
//! while one half steps, the policy samples for the other. Noise is drawn for all of them at once,
//! and no environment affects another, so that a rollout is the same either way.
//!
//! Where several ranks make a run, each steps environments of its own, and then all of them get the
//! rollout of all.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use fpo_core::{Learner, Noise, RolloutSize, RolloutStorage};
use fpo_envs::VecEnv;

use crate::training::crew::Crew;
use crate::training::finished_episodes::{Ended, FinishedEpisodes, gathered};
use crate::training::rollout_in_progress::RolloutInProgress;
use crate::training::spoilt::spoilt;
use crate::training::stepped_envs::SteppedEnvs;

/// Environments, and where they are in the run.
pub struct Collector {
    /// The environments of this rank with the observations to act on next.
    pub stage: SteppedEnvs,
    /// Counters, and the running episodes of these environments.
    pub position: Position,
    crew: Crew,
    /// Environments of all ranks.
    num_envs: usize,
    storage: Option<RolloutStorage>,
    /// The rollout of all ranks, where there are several.
    whole: Option<RolloutStorage>,
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
    /// How many of them ended because a number was not finite.
    pub divergences: u64,
    /// Time in the environments.
    pub env_time: Duration,
    /// Time in the policy, its noise included, while no environment stepped.
    pub sample_time: Duration,
}

impl Collector {
    /// Resets `envs`, this rank's share of `num_envs`, and starts at step 0.
    ///
    /// # Errors
    /// Those of [`VecEnv::reset`].
    pub fn new(envs: Box<dyn VecEnv>, num_envs: usize, crew: Crew) -> Result<Collector> {
        let own = envs.num_envs();
        let position = Position {
            steps: 0,
            returns: vec![0.0; own],
            lengths: vec![0; own],
            succeeded: vec![0; own],
        };
        let stage = SteppedEnvs::new(envs)?;
        Ok(Collector { stage, position, crew, num_envs, storage: None, whole: None })
    }

    /// Returns the last rollout, or as far as it was collected.
    pub fn rollout(&self) -> Option<&RolloutStorage> {
        self.whole.as_ref().or(self.storage.as_ref())
    }

    /// Calls `look` with the observations of all ranks' environments to act on next, after a
    /// rollout was collected.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn with_obs<R>(&self, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
        match &self.whole {
            Some(whole) => Ok(whole.with_last_obs(look)?),
            None => Ok(look(&self.stage.obs)),
        }
    }

    /// Steps every environment `plan.length` times under the learner's policy. After each step it
    /// calls `watch` with the number of steps done; where that breaks, the rollout ends. All ranks
    /// get the rollout of all, or none does.
    ///
    /// # Errors
    /// Names environment and step of an observation or reward that is not finite;
    /// [`fpo_core::Error::NonFinite`] for an action that is not. Also those of the environments,
    /// and [`fpo_core::Error::Interrupted`] if `watch` broke the rollout, each on all ranks. Those
    /// of the ranks.
    pub fn collect(
        &mut self,
        learner: &Learner,
        noise: &Noise,
        plan: Plan,
        watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Collected<'_>> {
        let crew = self.crew.clone();
        let before = self.stage.envs.divergences();
        let stepped = self.step_own(learner, noise, plan, watch);
        let stepped = stepped.map_err(|error| spoilt(error, "in the rollout", learner));
        let Stepped { first_step, ended, env_time, sample_time } = crew.agree(stepped)?;
        let divergences = self.stage.envs.divergences() - before;
        let Collector { storage, whole, num_envs, .. } = self;
        let storage = storage.as_mut().context("a rollout was collected")?;
        let Some(ranks) = crew.ranks() else {
            let episodes = FinishedEpisodes::of(&ended);
            let times = (env_time, sample_time);
            return Ok(Collected::new(storage, first_step, (episodes, divergences), times));
        };
        let places = crew.shares(*num_envs);
        let size = RolloutSize { envs: *num_envs, ..storage.size() };
        let all = RolloutStorage::fit(whole, size, learner.device())?;
        all.gather(storage, ranks, &places)?;
        let episodes = gathered(&crew, &ended, divergences)?;
        Ok(Collected::new(all, first_step, episodes, (env_time, sample_time)))
    }

    /// Steps the environments of this rank.
    fn step_own(
        &mut self,
        learner: &Learner,
        noise: &Noise,
        plan: Plan,
        watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Stepped> {
        let Collector { stage: envs, position, storage, .. } = self;
        let first_env = self.crew.share(self.num_envs).start;
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
        let mut ended = Vec::new();
        let actor = learner.collecting_actor()?;
        let noise = (noise, plan.noise_correlation);
        let first = (first_step, first_env);
        let mut rollout = RolloutInProgress::new(envs, storage, actor, noise, first);
        let mut finish = |rollout: &mut RolloutInProgress, t: usize| -> Result<()> {
            rollout.finish(t)?;
            position.count((t, first_env), rollout.envs, &mut ended);
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
        Ok(Stepped { first_step, ended, env_time, sample_time })
    }
}

/// What stepping one rank's environments has brought, besides what is stored.
struct Stepped {
    first_step: u64,
    ended: Vec<Ended>,
    env_time: Duration,
    sample_time: Duration,
}

impl<'a> Collected<'a> {
    fn new(
        storage: &'a mut RolloutStorage,
        first_step: u64,
        (episodes, divergences): (FinishedEpisodes, u64),
        (env_time, sample_time): (Duration, Duration),
    ) -> Collected<'a> {
        Collected { storage, first_step, episodes, divergences, env_time, sample_time }
    }
}

impl Position {
    /// Counts step `t` of a rollout, which all of `envs` have just made, and adds the episodes that
    /// ended with it to `ended`. The first of the environments has the number `first_env` in the
    /// run.
    fn count(
        &mut self,
        (t, first_env): (usize, usize),
        envs: &SteppedEnvs,
        ended: &mut Vec<Ended>,
    ) {
        self.steps += 1;
        for env in 0..envs.reward.len() {
            self.returns[env] += envs.reward[env] as f64;
            self.lengths[env] += 1;
            self.succeeded[env] |= u32::from(envs.success[env]);
            if envs.ended(env) {
                ended.push(Ended {
                    at: (t, first_env + env),
                    reward: std::mem::take(&mut self.returns[env]),
                    length: std::mem::take(&mut self.lengths[env]),
                    success: std::mem::take(&mut self.succeeded[env]),
                });
            }
        }
    }
}
