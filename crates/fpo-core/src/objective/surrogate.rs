//! The surrogates: PPO's clip, SPO, and FPO++'s asymmetric mix of both.
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

use std::fmt::Debug;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::tensor::attached::attach;

/// A surrogate other than the named ones, for an algorithm of your own.
pub trait Surrogate: Debug + Send + Sync {
    /// Returns the quantity to maximise, `(T, B, R)`, from log ratios `L_old − L_new (T, B, R)`,
    /// after guards and clamps, and advantages `(T, B)` as the objective shapes them. A gradient
    /// must flow to the log ratios, whose exponentials are the ratios.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn evaluate(&self, log_ratio: &Tensor, advantages: &Tensor) -> Result<Tensor>;
}

/// Which of the named surrogates is maximised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SurrogateKind {
    /// PPO's clip.
    #[default]
    Clip,
    /// SPO.
    Spo,
    /// PPO's clip where the advantage is at least 0, SPO where it is negative.
    Aspo,
}

impl SurrogateKind {
    /// Returns the surrogate `(T, B, R)` of ratios `(T, B, R)` and advantages `(T, B)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn evaluate(self, ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
        match self {
            SurrogateKind::Clip => ppo_clip(ratio, advantages, epsilon),
            SurrogateKind::Spo => spo(ratio, advantages, epsilon),
            SurrogateKind::Aspo => aspo(ratio, advantages, epsilon),
        }
    }

    /// Returns the surrogate of one ratio, and its derivative with respect to the ratio.
    #[inline]
    pub fn evaluate_scalar(self, ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
        match self {
            SurrogateKind::Clip => ppo_clip_scalar(ratio, advantage, epsilon),
            SurrogateKind::Spo => spo_scalar(ratio, advantage, epsilon),
            SurrogateKind::Aspo => aspo_scalar(ratio, advantage, epsilon),
        }
    }
}

/// Returns PPO's clipped surrogate of ratios `(T, B, R)` and advantages `(T, B)`: the quantity to
/// maximise, `(T, B, R)`. No gradient flows to the advantages.
///
/// It is computed as `min(r·A, A + ε·|A|)`: a ratio below `1 − ε` binds nothing where A is
/// positive, nor one above `1 + ε` where it is negative.
///
/// # Errors
/// If a tensor operation fails.
pub fn ppo_clip(ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
    let advantages = advantages.detach().unsqueeze(2)?;
    let bound = (&advantages + (advantages.abs()? * epsilon)?)?;
    let unclipped = ratio.detach().broadcast_mul(&advantages)?;
    let free = unclipped.broadcast_le(&bound)?.to_dtype(ratio.dtype())?;
    let slope = free.broadcast_mul(&advantages)?;
    let value = unclipped.broadcast_minimum(&bound)?;
    attach(value, 1.0, ratio, move |upstream| Ok((upstream * &slope)?))
}

/// Returns SPO of ratios `(T, B, R)` and advantages `(T, B)`: the quantity to maximise, `(T, B,
/// R)`.
///
/// # Errors
/// If a tensor operation fails.
pub fn spo(ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
    let advantages = advantages.unsqueeze(2)?;
    let penalty = (advantages.abs()? * (0.5 / epsilon))?;
    let square = (ratio - 1.0)?.sqr()?;
    Ok((ratio.broadcast_mul(&advantages)? - square.broadcast_mul(&penalty)?)?)
}

/// Returns ASPO of ratios `(T, B, R)` and advantages `(T, B)`: the quantity to maximise, `(T, B,
/// R)`.
///
/// # Errors
/// If a tensor operation fails.
pub fn aspo(ratio: &Tensor, advantages: &Tensor, epsilon: f64) -> Result<Tensor> {
    let clipped = ppo_clip(ratio, advantages, epsilon)?;
    let pulled = spo(ratio, advantages, epsilon)?;
    let good = advantages.unsqueeze(2)?.ge(0.0)?.broadcast_as(ratio.shape())?;
    Ok(good.where_cond(&clipped, &pulled)?)
}

/// Returns PPO's clipped surrogate of one ratio, and its derivative with respect to the ratio.
#[inline]
pub fn ppo_clip_scalar(ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
    let unclipped = ratio * advantage;
    let clipped = ratio.clamp(1.0 - epsilon, 1.0 + epsilon) * advantage;
    // Where the clip binds, its derivative is 0; where it does not, the two are the same.
    if clipped < unclipped { (clipped, 0.0) } else { (unclipped, advantage) }
}

/// Returns SPO of one ratio, and its derivative with respect to the ratio.
#[inline]
pub fn spo_scalar(ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
    let (off, steepness) = (ratio - 1.0, advantage.abs() / epsilon);
    (ratio * advantage - 0.5 * steepness * off * off, advantage - steepness * off)
}

/// Returns ASPO of one ratio, and its derivative with respect to the ratio.
#[inline]
pub fn aspo_scalar(ratio: f64, advantage: f64, epsilon: f64) -> (f64, f64) {
    if advantage >= 0.0 {
        ppo_clip_scalar(ratio, advantage, epsilon)
    } else {
        spo_scalar(ratio, advantage, epsilon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    const RATIOS: [f64; 7] = [0.25, 0.8, 0.9, 1.0, 1.1, 1.2, 2.5];
    const EPSILON: f64 = 0.2;

    type OnTensors = fn(&Tensor, &Tensor, f64) -> Result<Tensor>;
    type OnScalars = fn(f64, f64, f64) -> (f64, f64);
    const BOTH: [(&str, OnTensors, OnScalars); 3] =
        [("ppo", ppo_clip, ppo_clip_scalar), ("spo", spo, spo_scalar), ("aspo", aspo, aspo_scalar)];

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

    fn row(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap()
    }

    #[test]
    fn the_clip_is_one_sided_and_its_gradient_vanishes_where_it_dominates() {
        let ratio = [0.5, 0.9, 1.0, 1.1, 1.5, 0.5, 1.0, 1.5];
        let advantages = [1.0, 1.0, 1.0, 1.0, 1.0, -2.0, -2.0, -2.0];
        let expected = [0.5, 0.9, 1.0, 1.1, 1.2, -1.6, -2.0, -3.0];
        let gradient = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, -2.0, -2.0];
        let var = Var::from_tensor(&row(&ratio).unsqueeze(2).unwrap()).unwrap();
        let surrogate = ppo_clip(&var, &row(&advantages), 0.2).unwrap();
        let value = surrogate.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let grads = surrogate.sum_all().unwrap().backward().unwrap();
        let found = grads.get(&var).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for i in 0..ratio.len() {
            assert!((value[i] - expected[i]).abs() < 1e-12, "value {i}: {}", value[i]);
            assert!((found[i] - gradient[i]).abs() < 1e-12, "gradient {i}: {}", found[i]);
        }
    }
}
