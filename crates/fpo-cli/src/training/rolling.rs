//! A rollout in the making: environments step, the policy acts, and both at once for different
//! environments.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fpo_core::{Actions, Actor, Noise, Purpose, RolloutStorage, require_finite};

use crate::training::stage::Stage;

/// What collecting one rollout works with, and the time it has taken.
pub struct Rolling<'a> {
    /// The environments.
    pub stage: &'a mut Stage,
    /// Where everything is kept.
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
    noise: &'a Noise,
    first_step: u64,
    draws: Vec<f32>,
}

impl<'a> Rolling<'a> {
    /// A rollout that begins at `first_step` of every environment.
    pub fn new(
        stage: &'a mut Stage,
        storage: &'a mut RolloutStorage,
        actor: Actor,
        noise: &'a Noise,
        first_step: u64,
    ) -> Rolling<'a> {
        let draws = vec![0.0; storage.size().envs * actor.policy.noise_len()];
        let acting = Acting { actor, noise, first_step, draws };
        let (env_time, sample_time) = (Duration::ZERO, Duration::ZERO);
        Rolling { stage, storage, env_time, sample_time, acting }
    }

    /// Keeps what the environments `part` observe before step `t` and what the policy does about
    /// it; returns their controls.
    ///
    /// # Errors
    /// Names environment and step of an observation or action that is not finite.
    pub fn act(&mut self, t: usize, part: &Range<usize>) -> Result<Vec<f32>> {
        self.storage.keep_obs(t, part, &self.stage.obs)?;
        let clock = Instant::now();
        let controls = self.acting.act(self.storage, t, part)?;
        self.sample_time += clock.elapsed();
        Ok(controls)
    }

    /// Steps the environments `part`.
    ///
    /// # Errors
    /// Those of the environments.
    pub fn step(&mut self, t: usize, part: &Range<usize>, controls: &[f32]) -> Result<()> {
        let clock = Instant::now();
        self.stage.step_range(part, controls).with_context(|| self.acting.at(t))?;
        self.env_time += clock.elapsed();
        Ok(())
    }

    /// As [`Rolling::step`], while the policy acts as in [`Rolling::act`] for other environments,
    /// `next`. Of its time only what goes beyond that of the step counts as sampling.
    ///
    /// # Errors
    /// As both.
    pub fn step_while_acting(
        &mut self,
        (t, part, controls): (usize, &Range<usize>, &[f32]),
        next: (usize, &Range<usize>),
    ) -> Result<Vec<f32>> {
        self.storage.keep_obs(next.0, next.1, &self.stage.obs)?;
        let Rolling { stage, storage, acting, .. } = self;
        let clock = Instant::now();
        let ((stepped, env_time), acted) = rayon::join(
            || (stage.step_range(part, controls), clock.elapsed()),
            || acting.act(storage, next.0, next.1),
        );
        stepped.with_context(|| self.acting.at(t))?;
        self.env_time += env_time;
        self.sample_time += clock.elapsed().saturating_sub(env_time);
        acted
    }

    /// Keeps what came of step `t`, which all environments have made.
    ///
    /// # Errors
    /// Names environment and step of a reward that is not finite.
    pub fn finish(&mut self, t: usize) -> Result<()> {
        require_finite(&self.stage.reward, 1, "reward").with_context(|| self.acting.at(t))?;
        Ok(self.storage.keep_outcome(t, self.stage.outcome())?)
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
        // That of a step is drawn for all environments when the first of them act.
        if part.start == 0 {
            let step = self.first_step + t as u64;
            self.noise.fill_normal(Purpose::Action, step, &mut self.draws);
        }
        let width = self.actor.policy.noise_len();
        let draws = &self.draws[part.start * width..part.end * width];
        let Actions { mut action, chain } = storage
            .with_obs(t, part, |obs| self.actor.act_and_keep(obs, draws))?
            .with_context(|| match part.start {
                0 => self.at(t),
                first => format!("{}, counted from number {first}", self.at(t)),
            })?;
        storage.keep_action(t, part, &action)?;
        if let Some(chain) = chain {
            storage.keep_chain(t, part, &chain)?;
        }
        self.actor.policy.squash().apply(&mut action);
        Ok(action)
    }

    fn at(&self, t: usize) -> String {
        format!("step {} of every environment", self.first_step + t as u64)
    }
}
