//! What log ratios of losses are worth: how exact ones of the same actions follow from them.
//!
//! ```text
//! slope = Σ x·y / Σ x²,   correlation = Σ x·y / √(Σ x²·Σ y²)
//! x = L_old − L_new in nats,   y = ln π_new(a|s) − ln π_old(a|s)
//! ```
//!
//! Both are 1 where a CFM loss is a negative log-likelihood. `L` is the mean over many more samples
//! than training has, so that what is seen is the loss, and not its Monte-Carlo noise.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::{Noise, Policy, SampleDraws, SampleNoise, SampleTimes};

/// Samples of each action.
const SAMPLES: usize = 256;
/// Before the index of an iteration it is the index of draws that no rollout step has.
const PROBES: u64 = 1 << 55;

/// Losses of actions under the policy that took them, and the samples that they are of.
pub struct Estimated {
    stored: Tensor,
    t: Tensor,
    losses: Vec<f64>,
    /// Mean kinetic energy of a flow in a learned frame.
    pub energy: Option<f64>,
}

/// How exact log ratios follow from those of losses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Nats of an exact log ratio for each of ours.
    pub slope: f64,
    /// Their correlation, about 0.
    pub correlation: f64,
}

impl Estimated {
    /// Draws couples of opposite noise with times of `draws`' law from strata, others for each
    /// `index`, and computes the losses of `actions (rows, A)` at normalised `obs (rows, O)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn of(
        policy: &dyn Policy,
        (obs, actions): (&Tensor, &Tensor),
        draws: SampleDraws,
        noise: &Noise,
        index: u64,
    ) -> Result<Estimated> {
        let ((rows, dim), device) = (actions.dims2()?, actions.device());
        let (noise_draws, times) = (SampleNoise::Antithetic, SampleTimes::Stratified);
        let draws = SampleDraws { noise: noise_draws, times, ..draws };
        let mut eps = vec![0.0; rows * SAMPLES * dim];
        let mut t = vec![0.0; rows * SAMPLES];
        draws.fill_noise(dim, SAMPLES, noise, PROBES | index, &mut eps);
        policy.scale_noise(&mut eps)?;
        policy.fill_times(&draws, SAMPLES, noise, PROBES | index, &mut t);
        let stored = Tensor::from_vec(eps, (1, rows, SAMPLES, dim), device)?;
        let t = Tensor::from_vec(t, (1, rows, SAMPLES, 1), device)?;
        let (losses, energy) = losses(policy, (obs, actions), (&stored, &t))?;
        Ok(Estimated { stored, t, losses, energy })
    }

    /// Returns the log ratios to the policy after the update, for the same rows.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn log_ratios(&self, policy: &dyn Policy, rows: (&Tensor, &Tensor)) -> Result<Vec<f64>> {
        let (new, _) = losses(policy, rows, (&self.stored, &self.t))?;
        Ok(self.losses.iter().zip(new).map(|(old, new)| old - new).collect())
    }
}

impl Fit {
    /// Fits pairs of ours and exact log ratios. Returns `None` where either are all 0 or beyond all
    /// numbers.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Fit> {
        let sum = |term: fn(f64, f64) -> f64| pairs.iter().map(|&(x, y)| term(x, y)).sum::<f64>();
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        let fit = Fit { slope: xy / xx, correlation: xy / (xx * yy).sqrt() };
        (fit.slope.is_finite() && fit.correlation.is_finite()).then_some(fit)
    }
}

/// Returns the mean loss of each action, and the mean energy where there is one.
fn losses(
    policy: &dyn Policy,
    (obs, actions): (&Tensor, &Tensor),
    (stored, t): (&Tensor, &Tensor),
) -> Result<(Vec<f64>, Option<f64>)> {
    let (obs, actions) = (obs.unsqueeze(0)?, actions.unsqueeze(0)?);
    let found = policy.frozen().evaluate(&obs, &actions, stored, t)?;
    // Not every device has numbers of 64 bits.
    let to_host = |x: &Tensor| x.to_device(&Device::Cpu)?.to_dtype(DType::F64);
    let energy = found.energy.map(|energy| to_host(&energy)?.to_scalar());
    let losses = to_host(&found.losses.mean(2)?.flatten_all()?)?.to_vec1()?;
    Ok((losses, energy.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_goes_through_zero() {
        let fit = Fit::of(&[(1.0, 2.0), (-1.0, -2.0), (0.5, 1.0)]).unwrap();
        assert!((fit.slope - 2.0).abs() < 1e-12 && (fit.correlation - 1.0).abs() < 1e-12);
        // Σxy = 1, Σx² = 2, Σy² = 1.
        let fit = Fit::of(&[(1.0, 1.0), (1.0, 0.0)]).unwrap();
        assert!((fit.slope - 0.5).abs() < 1e-12);
        assert!((fit.correlation - 0.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn without_a_movement_there_is_no_fit() {
        assert_eq!(Fit::of(&[]), None);
        assert_eq!(Fit::of(&[(0.0, 1.0)]), None);
        assert_eq!(Fit::of(&[(1.0, 0.0)]), None);
        assert_eq!(Fit::of(&[(f64::INFINITY, 1.0)]), None);
    }
}
