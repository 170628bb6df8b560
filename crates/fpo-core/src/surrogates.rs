//! The surrogates of FPO++ beside PPO's clip, and its guards on losses and log ratios.
//!
//! ```text
//! PPO clip:  min(r·A, clip(r, 1−ε, 1+ε)·A)
//! SPO:       r·A − |A|/(2ε)·(r−1)²                     (Simple Policy Optimization)
//! ASPO:      PPO clip where A ≥ 0, SPO where A < 0     (arXiv 2602.02481)
//! ```
//!
//! The clip's gradient vanishes outside the trust region, so nothing pulls a ratio back once it
//! has left. SPO's derivative, `A − |A|/ε·(r−1)`, always points towards its maximum at
//! `1 ± ε`. ASPO uses it where it matters for stability: for actions that become less likely,
//! whose loss could grow without bound.
//!
//! Each surrogate exists on tensors, ratios `(T, B, R)` and advantages `(T, B)`, and for one ratio
//! as `(value, derivative with respect to the ratio)`, for kernels with a hand-written backward.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::objective::{ppo_clip, ppo_clip_scalar};

/// SPO of ratios `(T, B, R)` and advantages `(T, B)`: the quantity to maximise, `(T, B, R)`.
pub fn spo(ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
    let advantages = advantages.unsqueeze(2)?;
    let penalty = (advantages.abs()? * (0.5 / epsilon))?;
    let square = (ratio - 1.0)?.sqr()?;
    Ok((ratio.broadcast_mul(&advantages)? - square.broadcast_mul(&penalty)?)?)
}

/// ASPO of ratios `(T, B, R)` and advantages `(T, B)`: the quantity to maximise, `(T, B, R)`.
pub fn aspo(ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
    let clipped = ppo_clip(ratio, advantages, epsilon)?.value;
    let pulled = spo(ratio, advantages, epsilon)?;
    let good = advantages.unsqueeze(2)?.ge(0.0)?.broadcast_as(ratio.shape())?;
    Ok(good.where_cond(&clipped, &pulled)?)
}

/// SPO of one ratio, and its derivative with respect to the ratio.
pub fn spo_scalar(ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
    let (off, steepness) = (ratio - 1.0, advantage.abs() / epsilon);
    (ratio * advantage - 0.5 * steepness * off * off, advantage - steepness * off)
}

/// ASPO of one ratio, and its derivative with respect to the ratio.
pub fn aspo_scalar(ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
    if advantage >= 0.0 {
        ppo_clip_scalar(ratio, advantage, epsilon)
    } else {
        spo_scalar(ratio, advantage, epsilon)
    }
}

/// Bounds that keep a single loss from deciding a step; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guards {
    /// Largest stored or present loss. A present loss above it has no gradient.
    pub loss_max: Option<f64>,
    /// Largest present loss of an action with a negative advantage: it is pushed no further.
    pub negative_advantage_loss_max: Option<f64>,
    /// Largest magnitude of the log ratio; the gradient passes as if there were no bound.
    pub log_ratio_max: Option<f64>,
}

impl Guards {
    /// FPO++ for locomotion: losses up to 20, log ratios up to 10.
    pub const LOCOMOTION: Guards = Guards {
        loss_max: Some(20.0),
        negative_advantage_loss_max: Some(20.0),
        log_ratio_max: Some(10.0),
    };

    /// FPO++ for motion tracking: losses and log ratios up to 3.
    pub const TRACKING: Guards = Guards {
        loss_max: Some(3.0),
        negative_advantage_loss_max: Some(3.0),
        log_ratio_max: Some(3.0),
    };

    /// The guarded log ratio `L_old − L_new`, `(T, B, R)`, from losses `(T, B, R)` and advantages
    /// `(T, B)`.
    pub fn log_ratio(
        &self,
        loss_old: &Tensor,
        loss_new: &Tensor,
        advantages: &Tensor,
    ) -> Result<Tensor> {
        let (mut old, mut new) = (loss_old.clone(), loss_new.clone());
        if let Some(max) = self.loss_max {
            (old, new) = (at_most(&old, max)?, at_most(&new, max)?);
        }
        if let Some(max) = self.negative_advantage_loss_max {
            let bad = advantages.unsqueeze(2)?.lt(0.0)?.broadcast_as(new.shape())?;
            new = bad.where_cond(&at_most(&new, max)?, &new)?;
        }
        let log_ratio = (old - new)?;
        match self.log_ratio_max {
            Some(max) => clamp_straight_through(&log_ratio, -max, max),
            None => Ok(log_ratio),
        }
    }

    /// The guarded log ratio of one pair of losses, and its derivative with respect to `loss_new`.
    pub fn log_ratio_scalar(&self, loss_old: f64, loss_new: f64, advantage: f64) -> (f64, f64) {
        let everywhere = self.loss_max.unwrap_or(f64::INFINITY);
        let max = match self.negative_advantage_loss_max {
            Some(max) if advantage < 0.0 => max.min(everywhere),
            _ => everywhere,
        };
        let derivative = if loss_new > max { 0.0 } else { -1.0 };
        let log_ratio = loss_old.min(everywhere) - loss_new.min(max);
        let bound = self.log_ratio_max.unwrap_or(f64::INFINITY);
        (log_ratio.clamp(-bound, bound), derivative)
    }
}

/// `min(x, max)`, whose gradient is 0 above `max` and 1 up to it.
fn at_most(x: &Tensor, max: f64) -> Result<Tensor> {
    let bound = x.ones_like()?.affine(max, 0.0)?;
    Ok(x.gt(max)?.where_cond(&bound, x)?)
}

/// `clip(x, low, high)` with the gradient of `x` itself, for finite `x`.
///
/// A plain clip has no gradient where it is at work, so what left the interval could not come back.
pub fn clamp_straight_through(x: &Tensor, low: f64, high: f64) -> Result<Tensor> {
    let clipped = x.detach().clamp(low, high)?;
    Ok((clipped + (x - x.detach())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    const RATIOS: [f64; 7] = [0.25, 0.8, 0.9, 1.0, 1.1, 1.2, 2.5];
    const EPSILON: f64 = 0.2;

    type OnTensors = fn(&Tensor, &Tensor, f64) -> Result<Tensor>;
    type OnScalars = fn(f64, f64, f64) -> (f64, f64);
    const BOTH: [(&str, OnTensors, OnScalars); 3] = [
        ("ppo", |r, a, e| Ok(ppo_clip(r, a, e)?.value), ppo_clip_scalar),
        ("spo", spo, spo_scalar),
        ("aspo", aspo, aspo_scalar),
    ];

    fn flat(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// All ratios against each advantage, as `(1, A, R)` and `(1, A)`.
    fn grid(advantages: &[f64]) -> (Var, Tensor) {
        let ratios = Tensor::new(&RATIOS, &Device::Cpu).unwrap();
        let ratios = ratios.broadcast_as((1, advantages.len(), RATIOS.len())).unwrap();
        let advantages =
            Tensor::from_slice(advantages, (1, advantages.len()), &Device::Cpu).unwrap();
        (Var::from_tensor(&ratios.contiguous().unwrap()).unwrap(), advantages)
    }

    #[test]
    fn surrogates_equal_hand_computed_values_and_derivatives() {
        // r = 1.5, ε = 0.2: r·A = ±3, |A|/(2ε)·(r−1)² = 1.25, |A|/ε·(r−1) = 5.
        for (found, expected) in [
            (spo_scalar(1.5, 2.0, 0.2), (1.75, -3.0)),
            (spo_scalar(1.5, -2.0, 0.2), (-4.25, -7.0)),
            (spo_scalar(0.5, -2.0, 0.2), (-2.25, 3.0)),
            (aspo_scalar(1.5, 2.0, 0.2), (2.4, 0.0)),
            (aspo_scalar(0.5, 2.0, 0.2), (1.0, 2.0)),
            (aspo_scalar(1.5, -2.0, 0.2), (-4.25, -7.0)),
            (aspo_scalar(0.5, -2.0, 0.2), (-2.25, 3.0)),
        ] {
            assert!((found.0 - expected.0).abs() < 1e-12, "value {} {}", found.0, expected.0);
            assert!((found.1 - expected.1).abs() < 1e-12, "slope {} {}", found.1, expected.1);
        }
    }

    #[test]
    fn tensors_and_scalars_agree_in_value_and_derivative() {
        let advantages = [-3.0, -0.5, 0.0, 0.7, 2.0];
        for (name, on_tensors, on_scalars) in BOTH {
            let (ratios, columns) = grid(&advantages);
            let value = on_tensors(&ratios, &columns, EPSILON).unwrap();
            let grads = value.sum_all().unwrap().backward().unwrap();
            let (value, slope) = (flat(&value), flat(grads.get(&ratios).unwrap()));
            for (i, (value, slope)) in value.iter().zip(slope).enumerate() {
                let (ratio, advantage) = (RATIOS[i % RATIOS.len()], advantages[i / RATIOS.len()]);
                // On the clip's own edge the derivative is a convention.
                let edge = name != "spo" && (((ratio - 1.0).abs() - EPSILON).abs() < 1e-12);
                let expected = on_scalars(ratio, advantage, EPSILON);
                let what = format!("{name} r {ratio} A {advantage}");
                assert!((value - expected.0).abs() < 1e-12, "{what}: {value} {}", expected.0);
                assert!(
                    edge || (slope - expected.1).abs() < 1e-12,
                    "{what}: slope {slope} {}",
                    expected.1
                );
            }
        }
    }

    #[test]
    fn derivatives_equal_finite_differences() {
        let h = 1e-6;
        for (name, _, surrogate) in BOTH {
            for ratio in [0.3, 0.85, 1.0, 1.15, 1.9] {
                for advantage in [-2.0, -0.1, 0.1, 2.0] {
                    let at = |r: f64| surrogate(r, advantage, EPSILON).0;
                    let numeric = (at(ratio + h) - at(ratio - h)) / (2.0 * h);
                    let exact = surrogate(ratio, advantage, EPSILON).1;
                    assert!((numeric - exact).abs() < 1e-7, "{name} {ratio} {advantage}");
                }
            }
        }
    }

    #[test]
    fn at_ratio_one_all_surrogates_have_the_value_and_derivative_of_the_advantage() {
        for (name, _, surrogate) in BOTH {
            for advantage in [-2.0, 0.0, 0.5] {
                assert_eq!(surrogate(1.0, advantage, EPSILON), (advantage, advantage), "{name}");
            }
        }
    }

    #[test]
    fn spo_is_largest_at_the_edge_of_the_trust_region() {
        for (advantage, edge) in [(2.0, 1.2), (-2.0, 0.8)] {
            assert!(spo_scalar(edge, advantage, EPSILON).1.abs() < 1e-12);
            for ratio in RATIOS.into_iter().filter(|r| (r - edge).abs() > 1e-9) {
                let (value, slope) = spo_scalar(ratio, advantage, EPSILON);
                assert!(value < spo_scalar(edge, advantage, EPSILON).0);
                assert!(slope * (edge - ratio) > 0.0, "the slope points back at {ratio}");
            }
        }
    }

    #[test]
    fn the_straight_through_clamp_clips_values_and_passes_gradients() {
        let x = Var::new(&[-7.5f64, -1.0, 0.1, 3.0], &Device::Cpu).unwrap();
        let y = clamp_straight_through(&x, -1.0, 1.0).unwrap();
        assert_eq!(flat(&y), [-1.0, -1.0, 0.1, 1.0]);
        let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(grads.get(&x).unwrap()), [-2.0, -2.0, 0.2, 2.0]);
    }

    #[test]
    fn guards_on_tensors_and_scalars_agree_and_bind_where_they_say() {
        let guards = Guards {
            loss_max: Some(5.0),
            negative_advantage_loss_max: Some(2.0),
            log_ratio_max: Some(1.5),
        };
        // (L_old, L_new, A) with log ratio and derivative by hand.
        let cases = [
            (1.0, 0.5, 1.0, 0.5, -1.0),
            (1.0, 4.0, 1.0, -1.5, -1.0),
            (4.5, 6.0, 1.0, -0.5, 0.0),
            (9.0, 4.0, 1.0, 1.0, -1.0),
            (1.0, 4.0, -1.0, -1.0, 0.0),
            (3.0, 1.0, -1.0, 1.5, -1.0),
            (1.0, 4.0, 0.0, -1.5, -1.0),
        ];
        let column = |pick: fn(&(f64, f64, f64, f64, f64)) -> f64| {
            let values: Vec<f64> = cases.iter().map(pick).collect();
            Tensor::from_slice(&values, (1, cases.len(), 1), &Device::Cpu).unwrap()
        };
        let new = Var::from_tensor(&column(|c| c.1)).unwrap();
        let advantages = column(|c| c.2).squeeze(2).unwrap();
        let found = guards.log_ratio(&column(|c| c.0), &new, &advantages).unwrap();
        let grads = found.sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(&found), flat(&column(|c| c.3)));
        assert_eq!(flat(grads.get(&new).unwrap()), flat(&column(|c| c.4)));
        for (old, new, advantage, log_ratio, derivative) in cases {
            assert_eq!(guards.log_ratio_scalar(old, new, advantage), (log_ratio, derivative));
        }
        let free = Guards::default().log_ratio(&column(|c| c.0), &new, &advantages).unwrap();
        assert_eq!(flat(&free), flat(&(column(|c| c.0) - new.as_tensor()).unwrap()));
    }
}
