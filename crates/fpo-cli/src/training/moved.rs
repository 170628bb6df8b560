//! How far an update has moved a flow, in exact nats: the divergence that the ratios of FPO only
//! estimate.
//!
//! ```text
//! KL(π_old ‖ π_new) ≈ mean (r − 1 − ln r),   r = π_new(a|s) / π_old(a|s)
//! ```
//!
//! over actions of the rollout, whose likelihoods are exact ([`FlowLikelihood`]). Each
//! term is at least 0, so that few actions are enough. An action takes a few hundred passes of the
//! network, so that this is done before evaluations only.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::likelihood::FlowLikelihood;
use fpo_core::{DeviceNormalizer, Policy, Rollout};
use rayon::prelude::*;

/// Actions of a rollout whose likelihoods are compared, at most.
const ACTIONS: usize = 256;

/// Likelihoods of some of a rollout's actions under the policy that took them.
pub struct Before {
    obs: Vec<Vec<f64>>,
    actions: Vec<Vec<f64>>,
    log_probs: Vec<Option<f64>>,
}

impl Before {
    /// Looks at a rollout before the update. Returns `None` for a policy that is not a flow.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn of(
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Rollout,
    ) -> Result<Option<Before>> {
        let Some(likelihood) = FlowLikelihood::of(policy)? else { return Ok(None) };
        let obs = to_rows(&normalizer.normalize(&spread_rows(&rollout.obs)?)?)?;
        let actions = to_rows(&spread_rows(&rollout.action)?)?;
        let log_probs = log_probs(&likelihood, &obs, &actions)?;
        Ok(Some(Before { obs, actions, log_probs }))
    }

    /// Returns the divergence of the policy after the update, and NaN if no action has a likelihood
    /// under both.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn divergence(&self, policy: &dyn Policy) -> Result<f64> {
        let Some(likelihood) = FlowLikelihood::of(policy)? else { return Ok(f64::NAN) };
        let after = log_probs(&likelihood, &self.obs, &self.actions)?;
        let both = self.log_probs.iter().zip(after).filter_map(|(old, new)| Some(new? - (*old)?));
        let terms: Vec<f64> = both.map(|log_ratio| log_ratio.exp() - 1.0 - log_ratio).collect();
        Ok(terms.iter().sum::<f64>() / terms.len() as f64)
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

/// Returns rows as numbers of the host.
fn to_rows(rows: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?)
}

fn log_probs(
    likelihood: &FlowLikelihood,
    obs: &[Vec<f64>],
    actions: &[Vec<f64>],
) -> Result<Vec<Option<f64>>> {
    let of = |(obs, action): (&Vec<f64>, &Vec<f64>)| -> Result<Option<f64>> {
        Ok(likelihood.origin(obs, action)?.map(|origin| origin.log_prob))
    };
    obs.par_iter().zip(actions).map(of).collect()
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
        assert_eq!(before.actions.len(), ACTIONS);
        assert!(before.divergence(&moved_by([0.0, 0.0])).unwrap().abs() < 1e-12);
        for shift in [[0.1f32, 0.0], [0.0, -0.3], [0.2, 0.2]] {
            let expected = 0.5 * shift.map(|x| f64::from(x).powi(2)).iter().sum::<f64>();
            let found = before.divergence(&moved_by(shift)).unwrap();
            assert!((found / expected - 1.0).abs() < 0.25, "{shift:?}: {found} for {expected}");
        }
    }

    #[test]
    fn a_gaussian_is_not_looked_at() {
        let config = GaussianConfig::new(3, 2);
        let policy = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        assert!(Before::of(&policy, &normalizer(), &rollout()).unwrap().is_none());
    }
}
