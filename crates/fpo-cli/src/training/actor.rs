//! Who acts: a policy (observation statistics, network, sampling), or chance, or nobody.

use std::cell::Cell;

use anyhow::{Context, Result};
use candle_core::Tensor;
use fpo_core::sampler::{Sampler, Start};
use fpo_core::{DeviceNormalizer, Learner, Noise, Policy, Purpose, Squash};

use crate::commands::sampler_args::SamplerReport;

/// A policy together with the map that normalises its observations.
#[derive(Clone)]
pub struct Actor {
    /// The policy.
    pub policy: Policy,
    /// Means and standard deviations of the observations.
    pub normalizer: DeviceNormalizer,
    /// What an action starts from when it is evaluated.
    pub start: Start,
}

/// Actions of a batch, and what of their making training stores.
pub struct Actions {
    /// Before squashing, row-major.
    pub action: Vec<f32>,
    /// The scored ends of the chains that led to them, for policies that have chains.
    pub chain: Option<Vec<f32>>,
}

impl Actor {
    /// The policy that a learner collects with: its present one, from noise.
    pub fn of(learner: &Learner) -> Result<Actor> {
        let normalizer = learner.device_normalizer()?;
        Ok(Actor { policy: learner.policy.frozen(), normalizer, start: Start::Noise })
    }

    /// The policy that a learner is evaluated by and exports: averaged weights where there are any,
    /// no disturbance on the way of an action.
    pub fn deployed(learner: &Learner, start: Start) -> Result<Actor> {
        let normalizer = learner.device_normalizer()?;
        Ok(Actor { policy: learner.acting()?.deployed(), normalizer, start })
    }

    /// Actions before squashing, row-major, for raw observations and noise, one row of
    /// [`Policy::noise_len`] numbers per environment.
    ///
    /// # Errors
    /// Names the first environment whose observation or action is not finite.
    pub fn act(&self, obs: &[f32], noise: &[f32]) -> Result<Vec<f32>> {
        Ok(self.act_and_keep(obs, noise)?.action)
    }

    /// As [`Actor::act`], with what training stores besides.
    ///
    /// # Errors
    /// Likewise.
    pub fn act_and_keep(&self, obs: &[f32], noise: &[f32]) -> Result<Actions> {
        let mut chain = None;
        let action = self.act_by(obs, noise, |obs, noise| {
            let acted = self.policy.act(obs, noise)?;
            if let Some(states) = acted.chain {
                chain = Some(states.flatten_all()?.to_vec1()?);
            }
            Ok(acted.action)
        })?;
        Ok(Actions { action, chain })
    }

    /// As [`Actor::act`], with `sample(normalised obs, noise)` instead of the policy's own way.
    fn act_by(
        &self,
        obs: &[f32],
        noise: &[f32],
        sample: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let device = self.policy.params().var().device();
        let obs_dim = self.policy.obs_dim();
        let rows = obs.len() / obs_dim;
        require_finite(obs, obs_dim, "observation")?;
        let obs = Tensor::from_slice(obs, (rows, obs_dim), device)?;
        let noise = Tensor::from_slice(noise, (rows, noise.len() / rows.max(1)), device)?;
        let actions = sample(&self.normalizer.normalize(&obs)?, &noise)?;
        let actions = actions.flatten_all()?.to_vec1()?;
        require_finite(&actions, self.policy.action_dim(), ACTION)?;
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
                match actor.start {
                    Start::Noise => noise.fill_normal(Purpose::EvalAction, step, draws),
                    Start::Zero => draws.fill(0.0),
                }
                actor.act(obs, draws)
            }
            Player::Sampled(sampled) => {
                let SampledActor { actor, sampler, batches, evaluations } = sampled.as_ref();
                sampler.fill_start(noise, Purpose::EvalAction, step, draws);
                actor.act_by(obs, draws, |obs, start| {
                    let flow = actor.policy.flow().context("the policy is no flow")?;
                    let solution = sampler.sample(flow, obs, start, noise, step)?;
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
            Player::Policy(actor) => actor.policy.squash(),
            Player::Sampled(sampled) => sampled.actor.policy.squash(),
            Player::Random | Player::Zero => Squash::None,
        }
    }
}

/// A number of the environments' or the policy's that is not finite.
#[derive(Debug, thiserror::Error)]
#[error("environment {row}: element {element} of the {what} is {value}")]
pub struct NotFinite {
    /// Of what: [`ACTION`], or what came from the environment.
    pub what: &'static str,
    /// The number.
    pub value: f32,
    row: usize,
    element: usize,
}

/// What [`NotFinite`] calls what a policy makes.
pub const ACTION: &str = "action";

/// Fails with the row of the first number that is not finite.
pub fn require_finite(values: &[f32], width: usize, what: &'static str) -> Result<(), NotFinite> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(NotFinite { what, value: values[at], row: at / width, element: at % width })
        }
    }
}
