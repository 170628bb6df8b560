//! How far an update has moved a policy, in exact nats: the divergence that the ratios of FPO only
//! estimate.
//!
//! ```text
//! KL(π_old ‖ π_new) ≈ mean (r − 1 − ln r),   r = π_new(a|s) / π_old(a|s)
//! ```
//!
//! over actions of the rollout, whose likelihoods are exact: those of a flow come from inverting
//! its sampler ([`FlowLikelihood`]), those of a Gaussian are its losses. Each term is at least 0,
//! so that few actions are enough. A flow's action takes a few hundred passes of the network.

#[cfg(test)]
mod tests;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::likelihood::FlowLikelihood;
use fpo_core::{DeviceNormalizer, Noise, Policy, Rollout, SampleDraws, Source};
use rayon::prelude::*;

use crate::run::metrics::Metrics;
use crate::training::estimated::{Estimated, Fit};

/// Actions of a rollout whose likelihoods are compared, at most.
const ACTIONS: usize = 128;

/// Likelihoods of some of a rollout's actions under the policy that took them.
pub struct Before {
    obs: Tensor,
    actions: Tensor,
    log_probs: Vec<Option<f64>>,
    estimated: Option<Estimated>,
}

/// How far an update has moved a policy.
pub struct Moved {
    /// Exact log ratios of the actions that have one.
    log_ratios: Vec<Option<f64>>,
    /// Those of losses.
    estimates: Option<Vec<f64>>,
    /// Mean kinetic energy before the update.
    energy: Option<f64>,
}

impl Before {
    /// Looks at a rollout before the update. Returns `None` for a policy whose likelihoods are not
    /// known.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn of(
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Rollout,
    ) -> Result<Option<Before>> {
        let obs = normalizer.normalize(&spread_rows(&rollout.obs)?)?;
        let actions = spread_rows(&rollout.action)?;
        let log_probs = log_probs(policy, &obs, &actions)?;
        Ok(log_probs.map(|log_probs| Before { obs, actions, log_probs, estimated: None }))
    }

    /// Looks at the losses of a flow's actions as well ([`Estimated::of`]).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn with_losses(
        mut self,
        policy: &dyn Policy,
        draws: SampleDraws,
        noise: &Noise,
        index: u64,
    ) -> Result<Before> {
        if policy.spec().source == Source::NoiseAndTime {
            let rows = (&self.obs, &self.actions);
            self.estimated = Some(Estimated::of(policy, rows, draws, noise, index)?);
        }
        Ok(self)
    }

    /// Compares with the policy after the update.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn after(&self, policy: &dyn Policy) -> Result<Moved> {
        let new = log_probs(policy, &self.obs, &self.actions)?.unwrap_or_default();
        let pairs = self.log_probs.iter().zip(new);
        let log_ratios = pairs.map(|(old, new)| Some(new? - (*old)?)).collect();
        let rows = (&self.obs, &self.actions);
        let estimates = self.estimated.as_ref().map(|losses| losses.log_ratios(policy, rows));
        let energy = self.estimated.as_ref().and_then(|losses| losses.energy);
        Ok(Moved { log_ratios, estimates: estimates.transpose()?, energy })
    }
}

impl Moved {
    /// Returns the exact divergence, infinity if it is beyond all numbers, so that what follows it
    /// sees how far the update went. Returns `None` if fewer than half of the actions have a
    /// likelihood under both policies, as where a step of the sampler has no inverse.
    pub fn divergence(&self) -> Option<f64> {
        let known = self.log_ratios.iter().flatten();
        let terms: Vec<f64> = known.map(|log_ratio| log_ratio.exp() - 1.0 - log_ratio).collect();
        let enough = !terms.is_empty() && 2 * terms.len() >= self.log_ratios.len();
        let mean = terms.iter().sum::<f64>() / terms.len() as f64;
        Some(mean).filter(|mean| enough && !mean.is_nan())
    }

    /// Returns how exact log ratios follow from those of losses, of which a unit stands for `nats`.
    fn fit(&self, nats: f64) -> Option<Fit> {
        let ours = self.estimates.as_ref()?;
        let pairs = ours.iter().zip(&self.log_ratios);
        let pairs: Vec<_> = pairs.filter_map(|(x, y)| Some((nats * x, (*y)?))).collect();
        Fit::of(&pairs).filter(|_| 2 * pairs.len() >= self.log_ratios.len())
    }

    /// Returns all of it as metrics; a unit of a log ratio of losses stands for `nats`.
    pub fn metrics(&self, nats: f64) -> Metrics {
        let kl = self.divergence().filter(|kl| kl.is_finite()).map(|kl| ("train/kl".into(), kl));
        let fit = self.fit(nats).map(|Fit { slope, correlation }| {
            [
                ("train/log_ratio_slope".into(), slope),
                ("train/log_ratio_correlation".into(), correlation),
            ]
        });
        let energy = self.energy.map(|energy| ("train/kinetic_energy".into(), energy));
        kl.into_iter().chain(fit.into_iter().flatten()).chain(energy).collect()
    }
}

/// Returns at most [`ACTIONS`] rows of `(T, E, width)`, spread over steps and environments.
fn spread_rows(x: &Tensor) -> Result<Tensor> {
    let (steps, envs, _) = x.dims3()?;
    let picks = spread(steps, envs);
    let picks = Tensor::new(picks.as_slice(), x.device())?;
    Ok(x.flatten(0, 1)?.index_select(&picks, 0)?)
}

/// Returns different rows of `steps` times `envs`, [`ACTIONS`] of them, or all where there are no
/// more. In even strides over the rows they would be of few environments where the numbers have
/// common factors, as powers of two have.
fn spread(steps: usize, envs: usize) -> Vec<u32> {
    let count = steps * envs;
    let kept = count.min(ACTIONS);
    let row = |k: usize| match kept == count {
        true => k,
        false => k * steps / kept * envs + k % envs,
    };
    (0..kept).map(|k| row(k) as u32).collect()
}

/// Returns the log-likelihood of each action, `None` for those without one, and `None` altogether
/// for a policy that has none. `obs (rows, O)` is normalised.
fn log_probs(
    policy: &dyn Policy,
    obs: &Tensor,
    actions: &Tensor,
) -> Result<Option<Vec<Option<f64>>>> {
    if let Some(likelihood) = FlowLikelihood::of(policy)? {
        let (obs, actions) = (to_rows(obs)?, to_rows(actions)?);
        let of = |(obs, action): (&Vec<f64>, &Vec<f64>)| -> Result<Option<f64>> {
            Ok(likelihood.origin(obs, action)?.map(|origin| origin.log_prob))
        };
        return obs.par_iter().zip(&actions).map(of).collect::<Result<_>>().map(Some);
    }
    if policy.spec().source != Source::Noise {
        return Ok(None);
    }
    // What is stored with an action is noise for the entropy, which is not looked at.
    let (rows, dim) = actions.dims2()?;
    let stored = actions.zeros_like()?.reshape((1, rows, 1, dim))?;
    let t = stored.narrow(3, 0, 1)?;
    let (obs, actions) = (obs.unsqueeze(0)?, actions.unsqueeze(0)?);
    let losses = policy.frozen().evaluate(&obs, &actions, &stored, &t)?.losses;
    let losses = to_rows(&losses.reshape((rows, 1))?)?;
    Ok(Some(losses.into_iter().map(|loss| loss[0].is_finite().then_some(-loss[0])).collect()))
}

/// Returns rows as numbers of the host.
fn to_rows(rows: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?)
}
