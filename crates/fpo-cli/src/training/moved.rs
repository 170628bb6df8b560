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

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::likelihood::FlowLikelihood;
use fpo_core::{DeviceNormalizer, Policy, Rollout, Source};
use rayon::prelude::*;

/// Actions of a rollout whose likelihoods are compared, at most.
const ACTIONS: usize = 128;

/// Likelihoods of some of a rollout's actions under the policy that took them.
pub struct Before {
    obs: Tensor,
    actions: Tensor,
    log_probs: Vec<Option<f64>>,
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
        Ok(log_probs.map(|log_probs| Before { obs, actions, log_probs }))
    }

    /// Returns the divergence of the policy after the update, or `None` if fewer than half of the
    /// actions have a likelihood under both, as where a step of the sampler has no inverse, or if
    /// it is beyond all numbers, as where a step nearly has none.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn divergence(&self, policy: &dyn Policy) -> Result<Option<f64>> {
        let Some(after) = log_probs(policy, &self.obs, &self.actions)? else { return Ok(None) };
        let both = self.log_probs.iter().zip(after).filter_map(|(old, new)| Some(new? - (*old)?));
        let terms: Vec<f64> = both.map(|log_ratio| log_ratio.exp() - 1.0 - log_ratio).collect();
        let enough = !terms.is_empty() && 2 * terms.len() >= self.log_probs.len();
        let mean = terms.iter().sum::<f64>() / terms.len() as f64;
        Ok(Some(mean).filter(|mean| enough && mean.is_finite()))
    }
}

/// Returns at most [`ACTIONS`] rows of `(T, E, width)`, spread evenly.
fn spread_rows(x: &Tensor) -> Result<Tensor> {
    let rows = x.flatten(0, 1)?;
    let count = rows.dim(0)?;
    let kept = count.min(ACTIONS);
    let picks: Vec<u32> = (0..kept).map(|k| (k * count / kept) as u32).collect();
    Ok(rows.index_select(&Tensor::from_vec(picks, kept, x.device())?, 0)?)
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

#[cfg(test)]
mod tests {
    use fpo_core::{
        FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy, Noise, Normalizer, NormalizerKind,
        Purpose, Transitions,
    };

    use super::*;

    const CPU: Device = Device::Cpu;

    /// A flow whose velocity is constant: its actions are the noise, moved by `shift`.
    fn moved_by(shift: [f32; 2]) -> FlowPolicy {
        let config = FlowConfig { output_scale: 0.5, ..FlowConfig::new(3, 2) };
        let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0f32; len];
        flat[len - 2..].copy_from_slice(&shift.map(|x| -x / 0.5));
        policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
        policy
    }

    /// A rollout of 40 steps of 10 environments under the policy that is not moved at all.
    fn rollout() -> Rollout {
        let draw = |index, width: usize| {
            Noise::new(1).normal_tensor(Purpose::Action, index, &[40, 10, width], &CPU).unwrap()
        };
        let none = Tensor::zeros((40, 10), DType::F32, &CPU).unwrap();
        Transitions {
            obs: draw(0, 3),
            bootstrap_obs: none.clone(),
            action: draw(1, 2),
            reward: none.clone(),
            terminated: none.clone(),
            truncated: none.clone(),
            cut_value: none.clone(),
            stored: none.clone(),
            t: none.clone(),
            loss_old: none,
        }
    }

    fn normalizer() -> DeviceNormalizer {
        Normalizer::new(NormalizerKind::None, 3).on_device(DType::F32, &CPU).unwrap()
    }

    #[test]
    fn the_divergence_of_a_shift_is_half_its_square() {
        let before = Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
        assert_eq!(before.log_probs.len(), ACTIONS);
        assert!(before.divergence(&moved_by([0.0, 0.0])).unwrap().unwrap().abs() < 1e-12);
        for shift in [[0.1f32, 0.0], [0.0, -0.3], [0.2, 0.2]] {
            let expected = 0.5 * shift.map(|x| f64::from(x).powi(2)).iter().sum::<f64>();
            let found = before.divergence(&moved_by(shift)).unwrap().unwrap();
            assert!((found / expected - 1.0).abs() < 0.25, "{shift:?}: {found} for {expected}");
        }
    }

    #[test]
    fn without_likelihoods_there_is_no_divergence() {
        let mut before =
            Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
        before.log_probs[..ACTIONS / 2].fill(None);
        let half = before.divergence(&moved_by([0.1, 0.0])).unwrap().unwrap();
        assert!((half / 0.005 - 1.0).abs() < 0.25, "half of the actions are enough: {half}");
        before.log_probs[ACTIONS - 1] = Some(-1e4);
        assert_eq!(before.divergence(&moved_by([0.1, 0.0])).unwrap(), None, "an overflow");
        before.log_probs[ACTIONS - 1] = None;
        assert_eq!(before.divergence(&moved_by([0.1, 0.0])).unwrap(), None, "too few");
    }

    /// A Gaussian of this mean and standard deviation, whatever it observes.
    fn gaussian(mean: f64, std: f64) -> GaussianPolicy {
        let config = GaussianConfig { min_std: 1e-3, ..GaussianConfig::new(3, 2) };
        let policy = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0f32; len];
        // std = softplus(x) + min_std.
        let x = (std - 1e-3).exp_m1().ln();
        flat[len - 4..].copy_from_slice(&[mean, mean, x, x].map(|x| x as f32));
        policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
        policy
    }

    #[test]
    fn the_divergence_of_gaussians_is_the_closed_form() {
        let before = Before::of(&gaussian(0.0, 1.0), &normalizer(), &rollout()).unwrap().unwrap();
        for (mean, std) in [(0.2, 1.0), (0.0, 0.85), (-0.1, 1.1)] {
            let found = before.divergence(&gaussian(mean, std)).unwrap().unwrap();
            let of_one = f64::ln(std) + (1.0 + mean * mean) / (2.0 * std * std) - 0.5;
            let expected = 2.0 * of_one;
            assert!((found / expected - 1.0).abs() < 0.3, "{mean} {std}: {found}, {expected}");
        }
    }
}
