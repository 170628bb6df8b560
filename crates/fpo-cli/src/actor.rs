//! A policy that acts: observation statistics, flow, sampling.

use anyhow::{Result, bail};
use candle_core::Tensor;
use fpo_core::{DeviceNormalizer, FlowPolicy, Learner};

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
        let config = self.policy.config();
        let device = self.policy.params().var().device();
        let rows = start.len() / config.action_dim;
        require_finite(obs, config.obs_dim, "observation")?;
        let obs = Tensor::from_slice(obs, (rows, config.obs_dim), device)?;
        let start = Tensor::from_slice(start, (rows, config.action_dim), device)?;
        let actions = self.policy.sample(&self.normalizer.normalize(&obs)?, &start)?;
        let actions = actions.flatten_all()?.to_vec1()?;
        require_finite(&actions, config.action_dim, "action")?;
        Ok(actions)
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
