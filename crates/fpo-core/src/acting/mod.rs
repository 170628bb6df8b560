//! An actor turns raw observations in host memory into actions in host memory. It normalises them,
//! runs the policy, and refuses numbers that are not finite.

pub(crate) mod single;

use std::sync::Arc;

use candle_core::Tensor;

use crate::backend::Backend;
use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::flow::sampler::Start;
use crate::nn::normalizer::DeviceNormalizer;
use crate::policy::{Acted, Policy};
use crate::tensor::transfer::{to_device, to_host};

/// A policy together with the map that normalises its observations and the code that computes it.
#[derive(Clone)]
pub struct Actor {
    /// The policy.
    pub policy: Arc<dyn Policy>,
    /// Means and standard deviations of the observations.
    pub normalizer: DeviceNormalizer,
    /// What actions start from in evaluations.
    pub start: Start,
    backend: Arc<dyn Backend>,
}

/// Actions of a batch, and the states that training stores with them.
pub struct Actions {
    /// Actions before squashing, row-major.
    pub action: Vec<f32>,
    /// The scored ends of the chains that led to the actions; `None` for policies without chains.
    pub chain: Option<Vec<f32>>,
}

/// The name under which [`Error::NotFinite`] reports a number of a policy's action.
pub const ACTION: &str = "action";

impl Actor {
    /// Returns an actor for `policy`, computed by `compute`. Pass a frozen policy, because an actor
    /// never differentiates.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `compute` cannot take the policy's tensors.
    pub fn new(
        policy: Arc<dyn Policy>,
        normalizer: DeviceNormalizer,
        start: Start,
        compute: Compute,
    ) -> Result<Actor> {
        let backend = Arc::from(compute.for_policy(policy.as_ref())?);
        Ok(Actor { policy, normalizer, start, backend })
    }

    /// Returns the same actor, whose actions start from `start` in evaluations.
    pub fn from_start(self, start: Start) -> Actor {
        Actor { start, ..self }
    }

    /// Returns actions before squashing, row-major, for raw observations and noise. The noise has
    /// one row of [`Policy::noise_len`] numbers per environment.
    ///
    /// # Errors
    /// [`Error::NotFinite`] names the first environment whose observation or action is not finite.
    pub fn act(&self, obs: &[f32], noise: &[f32]) -> Result<Vec<f32>> {
        Ok(self.act_and_keep(obs, noise)?.action)
    }

    /// Does what [`Actor::act`] does, and also returns what training stores with the actions.
    ///
    /// # Errors
    /// As [`Actor::act`].
    pub fn act_and_keep(&self, obs: &[f32], noise: &[f32]) -> Result<Actions> {
        let act = |obs: &Tensor, noise: &Tensor| {
            let Acted { action, chain } = self.backend.act(self.policy.as_ref(), obs, noise)?;
            // What goes to the host goes there in one copy.
            Ok(match chain {
                Some(chain) => Tensor::cat(&[action.flatten_all()?, chain.flatten_all()?], 0)?,
                None => action,
            })
        };
        let (mut action, rows) = self.fetch(obs, noise, act)?;
        let chain = action.split_off(rows * self.policy.action_dim());
        require_finite(&action, self.policy.action_dim(), ACTION)?;
        Ok(Actions { action, chain: (!chain.is_empty()).then_some(chain) })
    }

    /// Does what [`Actor::act`] does, but calls `sample(normalised obs, noise)` to draw the actions
    /// instead of the policy's own sampler.
    ///
    /// # Errors
    /// As [`Actor::act`]; also any error of `sample`.
    pub fn act_by(
        &self,
        obs: &[f32],
        noise: &[f32],
        sample: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let (actions, _) = self.fetch(obs, noise, sample)?;
        require_finite(&actions, self.policy.action_dim(), ACTION)?;
        Ok(actions)
    }

    /// Returns the numbers of `sample(normalised obs, noise)`, and the number of observations. One
    /// copy brings observations and noise to the policy's device, and one brings the result back.
    fn fetch(
        &self,
        obs: &[f32],
        noise: &[f32],
        sample: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<(Vec<f32>, usize)> {
        let device = self.policy.params().var().device();
        let obs_dim = self.policy.obs_dim();
        let rows = obs.len() / obs_dim;
        require_finite(obs, obs_dim, "observation")?;
        let both = to_device([obs, noise].concat(), obs.len() + noise.len(), device)?;
        let noise_dim = noise.len() / rows.max(1);
        let noise = both.narrow(0, obs.len(), noise.len())?.reshape((rows, noise_dim))?;
        let obs = both.narrow(0, 0, obs.len())?.reshape((rows, obs_dim))?;
        Ok((to_host(&sample(&self.normalizer.normalize(&obs)?, &noise)?)?, rows))
    }
}

/// Fails if one of `values` is not finite. They are rows of `width` numbers, one row per
/// environment.
///
/// # Errors
/// [`Error::NotFinite`] names the environment of the first such number.
pub fn require_finite(values: &[f32], width: usize, what: &'static str) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite {
            what,
            value: values[at],
            environment: at / width,
            element: at % width,
        }),
    }
}
