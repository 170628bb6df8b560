//! The players of an episode: a policy, whose actions its own sampler or another one draws, or
//! random controls, or controls that are zero.

use std::cell::Cell;

use anyhow::Result;
use fpo_core::sampler::{Sampler, Start};
use fpo_core::{Actor, Error, Noise, Purpose, Squash};

use crate::training::sampler_report::SamplerReport;

/// The error for a sampler that is asked for although the policy has no velocity field.
const NO_FLOW: &str = "the policy is not a flow, so no sampler can draw its actions";

/// A policy with a sampler that is not its own, and what sampling has cost so far.
pub struct SampledActor {
    actor: Actor,
    sampler: Sampler,
    batches: Cell<u64>,
    evaluations: Cell<u64>,
}

/// What plays an episode.
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
    /// Returns a player whose policy is that of `actor` and whose actions `sampler` draws.
    pub fn sampled(actor: Actor, sampler: Sampler) -> Player {
        let (batches, evaluations) = (Cell::new(0), Cell::new(0));
        Player::Sampled(Box::new(SampledActor { actor, sampler, batches, evaluations }))
    }

    /// Returns how many random numbers an action takes, in a task whose actions have `action_dim`
    /// numbers.
    pub fn noise_len(&self, action_dim: usize) -> usize {
        match self {
            Player::Policy(actor) => actor.policy.noise_len(),
            Player::Sampled(_) | Player::Random | Player::Zero => action_dim,
        }
    }

    /// Returns actions before squashing at evaluation step `step`. Fills `draws`, one number per
    /// element of an action, with the random numbers that were used: those from place `first` on of
    /// the numbers of all episodes, of which only a policy's own sampler can play some.
    ///
    /// # Errors
    /// Those of [`Actor::act`]. With another sampler also those of [`Sampler::sample`], and
    /// [`Error::Invalid`] for a policy that is not a flow.
    pub fn act(
        &self,
        noise: &Noise,
        (step, first): (u64, usize),
        obs: &[f32],
        draws: &mut [f32],
    ) -> Result<Vec<f32>> {
        match self {
            Player::Policy(actor) => {
                match actor.start {
                    Start::Noise => noise.fill_normal_from(Purpose::EvalAction, step, first, draws),
                    Start::Zero => draws.fill(0.0),
                }
                Ok(actor.act(obs, draws)?)
            }
            Player::Sampled(sampled) => {
                let SampledActor { actor, sampler, batches, evaluations } = sampled.as_ref();
                sampler.fill_start(noise, Purpose::EvalAction, step, draws);
                let actions = actor.act_by(obs, draws, |obs, start| {
                    let field = actor.policy.field();
                    let field = field.ok_or_else(|| Error::Invalid(NO_FLOW.into()))?;
                    let solution = sampler.sample(field, obs, start, noise, step)?;
                    batches.set(batches.get() + 1);
                    evaluations.set(evaluations.get() + solution.evaluations as u64);
                    Ok(solution.x)
                })?;
                Ok(actions)
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

    /// Returns the sampler that was asked for, if one was, with its mean cost so far.
    pub fn sampler_report(&self) -> Option<SamplerReport> {
        let Player::Sampled(sampled) = self else { return None };
        let mean = sampled.evaluations.get() as f64 / sampled.batches.get().max(1) as f64;
        Some(SamplerReport::new(&sampled.sampler, mean))
    }

    /// Returns how an action becomes what the environment receives.
    pub fn squash(&self) -> Squash {
        match self {
            Player::Policy(actor) => actor.policy.squash(),
            Player::Sampled(sampled) => sampled.actor.policy.squash(),
            Player::Random | Player::Zero => Squash::None,
        }
    }
}
