//! The Monte-Carlo likelihood ratio and PPO's clipped surrogate.
//!
//! ```text
//! log ratio = L_old − L_new                            (eq. 6)
//! surrogate = min(r·A, clip(r, 1−ε, 1+ε)·A)            (eq. 5)
//! ```
//!
//! `L` is either the mean of an action's N per-sample losses, which gives one ratio per action
//! (FPO), or each sample's loss alone, which gives N ratios per action (FPO++).

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::Result;

/// How many ratios an action has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioKind {
    /// One: the losses are averaged before the exponential (FPO).
    #[default]
    PerAction,
    /// One per Monte-Carlo sample, each clipped alone (FPO++).
    PerSample,
}

impl RatioKind {
    /// Ratios per action with `samples` Monte-Carlo samples.
    pub fn count(self, samples: usize) -> usize {
        match self {
            RatioKind::PerAction => 1,
            RatioKind::PerSample => samples,
        }
    }
}

/// Whether advantages are brought to zero mean and unit standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageNormalization {
    /// Within each minibatch.
    #[default]
    Minibatch,
    /// Not at all.
    None,
}

/// The log ratio `(T, B, R)` from losses `(T, B, N)`: `R` is 1 per action, `N` per sample.
///
/// `clamp` bounds its magnitude; the official per-sample mode uses 3.
pub fn log_ratio(
    loss_old: &Tensor,
    loss_new: &Tensor,
    kind: RatioKind,
    clamp: Option<f64>,
) -> Result<Tensor> {
    let difference = (loss_old - loss_new)?;
    let log_ratio = match kind {
        RatioKind::PerAction => difference.mean_keepdim(2)?,
        RatioKind::PerSample => difference,
    };
    Ok(match clamp {
        Some(bound) => log_ratio.clamp(-bound, bound)?,
        None => log_ratio,
    })
}

/// PPO's clipped surrogate, elementwise, and its two arguments.
pub struct Surrogate {
    /// `r·A`.
    pub unclipped: Tensor,
    /// `clip(r, 1−ε, 1+ε)·A`.
    pub clipped: Tensor,
    /// The smaller of the two: the quantity to maximise.
    pub value: Tensor,
}

/// The clipped surrogate of ratios `(T, B, R)` and advantages `(T, B)`.
pub fn ppo_clip(ratio: &Tensor, advantages: &Tensor, clip_epsilon: f64) -> Result<Surrogate> {
    let advantages = advantages.unsqueeze(2)?;
    let unclipped = ratio.broadcast_mul(&advantages)?;
    let clipped =
        ratio.clamp(1.0 - clip_epsilon, 1.0 + clip_epsilon)?.broadcast_mul(&advantages)?;
    let value = unclipped.minimum(&clipped)?;
    Ok(Surrogate { unclipped, clipped, value })
}

/// The clipped surrogate of one ratio, and its derivative with respect to the ratio.
pub(crate) fn ppo_clip_scalar(ratio: f64, advantage: f64, clip_epsilon: f64) -> (f64, f64) {
    let unclipped = ratio * advantage;
    let clipped = ratio.clamp(1.0 - clip_epsilon, 1.0 + clip_epsilon) * advantage;
    // Where the clip is at work its derivative is 0; where it is not, the two are the same.
    if clipped < unclipped { (clipped, 0.0) } else { (unclipped, advantage) }
}

/// `(A − mean A) / (std A + 1e-8)` with the population standard deviation, as the official code.
pub fn normalize_advantages(
    advantages: &Tensor,
    normalization: AdvantageNormalization,
) -> Result<Tensor> {
    Ok(match normalization {
        AdvantageNormalization::None => advantages.clone(),
        AdvantageNormalization::Minibatch => {
            let centred = advantages.broadcast_sub(&advantages.mean_all()?)?;
            let std = centred.sqr()?.mean_all()?.sqrt()?;
            centred.broadcast_div(&(std + 1e-8)?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn tensor(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap()
    }

    #[test]
    fn per_action_averages_before_the_exponential_and_per_sample_does_not() {
        let old = Tensor::new(&[[[1.0f64, 2.0], [0.0, 4.0]]], &Device::Cpu).unwrap();
        let new = Tensor::new(&[[[0.5f64, 3.0], [1.0, -1.0]]], &Device::Cpu).unwrap();
        let flat = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let per_action = log_ratio(&old, &new, RatioKind::PerAction, None).unwrap();
        assert_eq!(per_action.dims(), [1, 2, 1]);
        assert_eq!(flat(per_action), [-0.25, 2.0]);
        let per_sample = log_ratio(&old, &new, RatioKind::PerSample, Some(3.0)).unwrap();
        assert_eq!(flat(per_sample), [0.5, -1.0, -1.0, 3.0]);
    }

    #[test]
    fn the_clip_is_one_sided_and_its_gradient_vanishes_where_it_dominates() {
        let ratio = [0.5, 0.9, 1.0, 1.1, 1.5, 0.5, 1.0, 1.5];
        let advantages = [1.0, 1.0, 1.0, 1.0, 1.0, -2.0, -2.0, -2.0];
        let expected = [0.5, 0.9, 1.0, 1.1, 1.2, -1.6, -2.0, -3.0];
        let gradient = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, -2.0, -2.0];
        let var = Var::from_tensor(&tensor(&ratio).unsqueeze(2).unwrap()).unwrap();
        let surrogate = ppo_clip(&var, &tensor(&advantages), 0.2).unwrap();
        let value = surrogate.value.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let grads = surrogate.value.sum_all().unwrap().backward().unwrap();
        let found = grads.get(&var).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for i in 0..ratio.len() {
            assert!((value[i] - expected[i]).abs() < 1e-12, "value {i}: {}", value[i]);
            assert!((found[i] - gradient[i]).abs() < 1e-12, "gradient {i}: {}", found[i]);
        }
    }
}
