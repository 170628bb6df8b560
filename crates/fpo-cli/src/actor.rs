//! Who acts: a policy (observation statistics, flow, sampling), or chance, or nobody.

use std::cell::Cell;

use anyhow::{Result, bail};
use candle_core::Tensor;
use fpo_core::{DeviceNormalizer, FlowPolicy, Learner, Noise, Purpose, Sampler, Squash};

use crate::sampler_args::SamplerReport;

/// A policy together with the map that normalises its observations.
#[derive(Clone)]
pub struct Actor {
    /// The velocity field.
    pub policy: FlowPolicy,
    /// Means and standard deviations of the observations.
    pub normalizer: DeviceNormalizer,
}

impl Actor {
    /// The learner's present policy under its present statistics.
    pub fn of(learner: &Learner) -> Result<Actor> {
        Ok(Actor { policy: learner.policy.frozen(), normalizer: learner.device_normalizer()? })
    }

    /// Actions before squashing, row-major, for raw observations and starting noise, one row per
    /// environment.
    ///
    /// # Errors
    /// Names the first environment whose observation or action is not finite.
    pub fn act(&self, obs: &[f32], start: &[f32]) -> Result<Vec<f32>> {
        self.act_by(obs, start, |obs, start| Ok(self.policy.sample(obs, start)?))
    }

    /// As [`Actor::act`], with `sample(normalised obs, start)` instead of the policy's own steps.
    fn act_by(
        &self,
        obs: &[f32],
        start: &[f32],
        sample: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let config = self.policy.config();
        let device = self.policy.params().var().device();
        let rows = start.len() / config.action_dim;
        require_finite(obs, config.obs_dim, "observation")?;
        let obs = Tensor::from_slice(obs, (rows, config.obs_dim), device)?;
        let start = Tensor::from_slice(start, (rows, config.action_dim), device)?;
        let actions = sample(&self.normalizer.normalize(&obs)?, &start)?;
        let actions = actions.flatten_all()?.to_vec1()?;
        require_finite(&actions, config.action_dim, "action")?;
        Ok(actions)
    }
}

/// A policy with a sampler that is not its own, and what that has cost so far.
pub struct SampledActor {
    actor: Actor,
    sampler: Sampler,
    batches: Cell<u64>,
    evaluations: Cell<u64>,
}

/// Whoever plays an episode.
pub enum Player {
    /// A trained policy.
    Policy(Box<Actor>),
    /// A trained policy whose actions another sampler draws.
    Sampled(Box<SampledActor>),
    /// Controls drawn uniformly from [−1, 1].
    Random,
    /// Controls that are all zero.
    Zero,
}

impl Player {
    /// `actor`, with actions drawn by `sampler`.
    pub fn sampled(actor: Actor, sampler: Sampler) -> Player {
        let (batches, evaluations) = (Cell::new(0), Cell::new(0));
        Player::Sampled(Box::new(SampledActor { actor, sampler, batches, evaluations }))
    }

    /// Actions before squashing at evaluation step `step`; `draws`, one number per element of an
    /// action, holds the random numbers that were used.
    pub fn act(
        &self,
        noise: &Noise,
        step: u64,
        obs: &[f32],
        draws: &mut [f32],
    ) -> Result<Vec<f32>> {
        match self {
            Player::Policy(actor) => {
                noise.fill_normal(Purpose::EvalAction, step, draws);
                actor.act(obs, draws)
            }
            Player::Sampled(sampled) => {
                let SampledActor { actor, sampler, batches, evaluations } = sampled.as_ref();
                sampler.fill_start(noise, Purpose::EvalAction, step, draws);
                actor.act_by(obs, draws, |obs, start| {
                    let solution = sampler.sample(&actor.policy, obs, start, noise, step)?;
                    batches.set(batches.get() + 1);
                    evaluations.set(evaluations.get() + solution.evaluations as u64);
                    Ok(solution.x)
                })
            }
            Player::Random => {
                noise.fill_uniform(Purpose::EvalAction, step, draws);
                Ok(draws.iter().map(|u| 2.0 * u - 1.0).collect())
            }
            Player::Zero => {
                draws.fill(0.0);
                Ok(draws.to_vec())
            }
        }
    }

    /// The sampler that was asked for, if one was, with its mean cost so far.
    pub fn sampler_report(&self) -> Option<SamplerReport> {
        let Player::Sampled(sampled) = self else { return None };
        let mean = sampled.evaluations.get() as f64 / sampled.batches.get().max(1) as f64;
        Some(SamplerReport::new(&sampled.sampler, mean))
    }

    /// How actions reach the environment.
    pub fn squash(&self) -> Squash {
        match self {
            Player::Policy(actor) => actor.policy.config().squash,
            Player::Sampled(sampled) => sampled.actor.policy.config().squash,
            Player::Random | Player::Zero => Squash::None,
        }
    }
}

/// Fails with the row of the first number that is not finite.
pub fn require_finite(values: &[f32], width: usize, what: &str) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => bail!(
            "environment {}: element {} of the {what} is {}",
            at / width,
            at % width,
            values[at]
        ),
    }
}
