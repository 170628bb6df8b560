//! A policy at work: raw observations in host memory in, actions in host memory out.

use std::sync::Arc;

use candle_core::Tensor;

use crate::backend::Backend;
use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::flow::sampler::Start;
use crate::nn::normalizer::DeviceNormalizer;
use crate::policy::Policy;

/// A policy together with the map that normalises its observations and the code that computes it.
#[derive(Clone)]
pub struct Actor {
    /// The policy.
    pub policy: Arc<dyn Policy>,
    /// Means and standard deviations of the observations.
    pub normalizer: DeviceNormalizer,
    /// What an action starts from when it is evaluated.
    pub start: Start,
    backend: Arc<dyn Backend>,
}

/// Actions of a batch, and what of their making training stores.
pub struct Actions {
    /// Before squashing, row-major.
    pub action: Vec<f32>,
    /// The scored ends of the chains that led to them, for policies that have chains.
    pub chain: Option<Vec<f32>>,
}

/// What [`Error::NotFinite`] calls the numbers that a policy makes.
pub const ACTION: &str = "action";

impl Actor {
    /// A policy at work, computed by `compute`. Pass a frozen policy: nothing is differentiated.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `compute` cannot take the policy's tensors.
    pub fn new(
        policy: Arc<dyn Policy>,
        normalizer: DeviceNormalizer,
        start: Start,
        compute: Compute,
    ) -> Result<Actor> {
        let backend = Arc::from(compute.for_policy(policy.as_ref())?);
        Ok(Actor { policy, normalizer, start, backend })
    }

    /// The same with actions that start from `start` when they are evaluated.
    pub fn from_start(self, start: Start) -> Actor {
        Actor { start, ..self }
    }

    /// Actions before squashing, row-major, for raw observations and noise, one row of
    /// [`Policy::noise_len`] numbers per environment.
    ///
    /// # Errors
    /// [`Error::NotFinite`] names the first environment whose observation or action is not finite.
    pub fn act(&self, obs: &[f32], noise: &[f32]) -> Result<Vec<f32>> {
        Ok(self.act_and_keep(obs, noise)?.action)
    }

    /// As [`Actor::act`], with what training stores besides.
    ///
    /// # Errors
    /// As [`Actor::act`].
    pub fn act_and_keep(&self, obs: &[f32], noise: &[f32]) -> Result<Actions> {
        let mut chain = None;
        let action = self.act_by(obs, noise, |obs, noise| {
            let acted = self.backend.act(self.policy.as_ref(), obs, noise)?;
            if let Some(states) = acted.chain {
                chain = Some(states.flatten_all()?.to_vec1()?);
            }
            Ok(acted.action)
        })?;
        Ok(Actions { action, chain })
    }

    /// As [`Actor::act`], with `sample(normalised obs, noise)` instead of the policy's own way.
    ///
    /// # Errors
    /// As [`Actor::act`], and what `sample` fails with.
    pub fn act_by(
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

/// Fails with the environment of the first number that is not finite, in rows of `width` numbers.
///
/// # Errors
/// [`Error::NotFinite`].
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
