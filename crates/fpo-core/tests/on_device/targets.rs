//! Targets whose velocity field, moments and probabilities are known exactly.

use candle_core::{DType, Tensor};
use fpo_core::Result;
use fpo_core::path::Path;

/// All elements, in f64.
pub fn values(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// A mixture of normals in one dimension.
pub struct Mixture {
    /// Weight, mean and standard deviation of each.
    pub parts: Vec<(f64, f64, f64)>,
}

impl Mixture {
    /// `E[dx_t/dt | x_t = x]` on `path`. Within a part, `x_t ~ N(α·m, S)` with `S = σ² + α²·s²`,
    /// and with `d = x − α·m`: `E[ε|x] = σ·d/S`, `E[a|x] = m + α·s²·d/S`.
    pub fn velocity(&self, path: Path, x: &Tensor, t: f64) -> Result<Tensor> {
        let ((alpha, sigma), (alpha_rate, sigma_rate)) = (path.shares(t), path.rates(t));
        let (mut weighted, mut total) = (x.zeros_like()?, x.zeros_like()?);
        for &(weight, mean, std) in &self.parts {
            let variance = sigma * sigma + alpha * alpha * std * std;
            let d = (x - alpha * mean)?;
            let density = ((d.sqr()? * (-0.5 / variance))?.exp()? * (weight / variance.sqrt()))?;
            let slope = (sigma_rate * sigma + alpha_rate * alpha * std * std) / variance;
            let velocity = ((&d * slope)? + alpha_rate * mean)?;
            weighted = (weighted + (velocity * &density)?)?;
            total = (total + density)?;
        }
        Ok((weighted / total)?)
    }

    /// `E[aᵖ]` for `p` up to 4.
    pub fn moment(&self, power: u32) -> f64 {
        let of = |m: f64, s: f64| match power {
            1 => m,
            2 => m * m + s * s,
            4 => m.powi(4) + 6.0 * m * m * s * s + 3.0 * s.powi(4),
            _ => panic!("no formula for moment {power}"),
        };
        self.parts.iter().map(|&(weight, mean, std)| weight * of(mean, std)).sum()
    }

    /// The probability of a value below `edge`.
    pub fn below(&self, edge: f64) -> f64 {
        self.parts.iter().map(|&(w, mean, std)| w * normal_cdf((edge - mean) / std)).sum()
    }
}

/// The standard normal distribution function, by Simpson's rule from −10.
fn normal_cdf(x: f64) -> f64 {
    const INTERVALS: usize = 2000;
    let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let h = (x + 10.0) / INTERVALS as f64;
    let weight = |k: usize| match k {
        0 | INTERVALS => 1.0,
        k if k % 2 == 1 => 4.0,
        _ => 2.0,
    };
    (0..=INTERVALS).map(|k| weight(k) * density(-10.0 + h * k as f64)).sum::<f64>() * h / 3.0
}
