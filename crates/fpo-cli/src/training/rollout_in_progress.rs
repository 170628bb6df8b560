//! Collects one rollout step by step: environments step, the policy acts, or both happen at once
//! for different environments.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fpo_core::{Actions, Actor, Noise, RolloutStorage, require_finite};

use crate::training::action_noise::ActionNoise;
use crate::training::stepped_envs::SteppedEnvs;

/// A rollout that is being collected, and the time that this has taken so far.
pub struct RolloutInProgress<'a> {
    /// The environments.
    pub envs: &'a mut SteppedEnvs,
    /// The buffers that keep the rollout.
    pub storage: &'a mut RolloutStorage,
    /// Time in which environments stepped.
    pub env_time: Duration,
    /// Time in the policy, its noise included, while no environment stepped.
    pub sample_time: Duration,
    acting: Acting<'a>,
}

/// The policy with the noise that its actions are made of.
struct Acting<'a> {
    actor: Actor,
    noise: ActionNoise<'a>,
    first_step: u64,
    /// The number of the first of these environments in the run, which other ranks may share.
    first_env: usize,
}

impl<'a> RolloutInProgress<'a> {
    /// Begins a rollout at step `first_step` of every environment, with noise of this correlation.
    /// The environments are those of the run from number `first_env` on.
    pub fn new(
        envs: &'a mut SteppedEnvs,
        storage: &'a mut RolloutStorage,
        actor: Actor,
        (noise, correlation): (&'a Noise, f64),
        (first_step, first_env): (u64, usize),
    ) -> RolloutInProgress<'a> {
        let width = actor.policy.noise_len();
        let (first, len) = (first_env * width, storage.size().envs * width);
        let noise = ActionNoise::new(noise, correlation, first, len);
        let acting = Acting { actor, noise, first_step, first_env };
        let (env_time, sample_time) = (Duration::ZERO, Duration::ZERO);
        RolloutInProgress { envs, storage, env_time, sample_time, acting }
    }

    /// Keeps what the environments `part` observe before step `t`, and the actions that the policy
    /// takes there. Returns the controls of these environments.
    ///
    /// # Errors
    /// Names environment and step of an observation or action that is not finite.
    pub fn act(&mut self, t: usize, part: &Range<usize>) -> Result<Vec<f32>> {
        self.storage.keep_obs(t, part, &self.envs.obs)?;
        let clock = Instant::now();
        let controls = self.acting.act(self.storage, t, part)?;
        self.sample_time += clock.elapsed();
        Ok(controls)
    }

    /// Makes step `t` of the environments `part`.
    ///
    /// # Errors
    /// Those of the environments.
    pub fn step(&mut self, t: usize, part: &Range<usize>, controls: &[f32]) -> Result<()> {
        let clock = Instant::now();
        self.envs.step_range(part, controls).with_context(|| self.acting.at(t))?;
        self.env_time += clock.elapsed();
        Ok(())
    }

    /// Makes step `t` of the environments `part` as [`RolloutInProgress::step`] does, while the
    /// policy acts for other environments, `next`, as in [`RolloutInProgress::act`]. Returns the
    /// controls of `next`. Only the time by which acting outlasts the step counts as sampling.
    ///
    /// # Errors
    /// Those of [`RolloutInProgress::step`] and of [`RolloutInProgress::act`].
    pub fn step_while_acting(
        &mut self,
        (t, part, controls): (usize, &Range<usize>, &[f32]),
        next: (usize, &Range<usize>),
    ) -> Result<Vec<f32>> {
        self.storage.keep_obs(next.0, next.1, &self.envs.obs)?;
        let RolloutInProgress { envs, storage, acting, .. } = self;
        let clock = Instant::now();
        let ((stepped, env_time), acted) = rayon::join(
            || (envs.step_range(part, controls), clock.elapsed()),
            || acting.act(storage, next.0, next.1),
        );
        stepped.with_context(|| self.acting.at(t))?;
        self.env_time += env_time;
        self.sample_time += clock.elapsed().saturating_sub(env_time);
        acted
    }

    /// Keeps the outcome of step `t`, which all environments have made.
    ///
    /// # Errors
    /// Names environment and step of a reward that is not finite.
    pub fn finish(&mut self, t: usize) -> Result<()> {
        require_finite(&self.envs.reward, 1, "reward")
            .with_context(|| self.acting.at_from(t, 0))?;
        Ok(self.storage.keep_outcome(t, self.envs.outcome())?)
    }
}

impl Acting<'_> {
    /// Acts on the kept observations of step `t`, keeps the actions and returns the controls.
    fn act(
        &mut self,
        storage: &mut RolloutStorage,
        t: usize,
        part: &Range<usize>,
    ) -> Result<Vec<f32>> {
        // The noise of a step is drawn for all environments when the first of them act.
        if part.start == 0 {
            self.noise.advance(self.first_step + t as u64, t == 0);
        }
        let width = self.actor.policy.noise_len();
        let draws = &self.noise.draws()[part.start * width..part.end * width];
        let Actions { mut action, chain } = storage
            .with_obs(t, part, |obs| self.actor.act_and_keep(obs, draws))?
            .with_context(|| self.at_from(t, part.start))?;
        storage.keep_action(t, part, &action)?;
        if let Some(chain) = chain {
            storage.keep_chain(t, part, &chain)?;
        }
        self.actor.policy.squash().apply(&mut action);
        Ok(action)
    }

    /// Returns step `t` in words, for errors that count the environments from number `first` on.
    fn at_from(&self, t: usize, first: usize) -> String {
        match self.first_env + first {
            0 => self.at(t),
            first => format!("{}, counted from number {first}", self.at(t)),
        }
    }

    /// Returns step `t` in words, for errors.
    fn at(&self, t: usize) -> String {
        format!("step {} of every environment", self.first_step + t as u64)
    }
}
