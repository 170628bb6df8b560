//! The tanh-squashed diagonal normal: what a Gaussian policy says about one action.
//!
//! With `u` the action before squashing,
//!
//! ```text
//! u = mean + std·ε,   ε ~ N(0, 1)
//! log p = Σ_i [ −½·((u_i − mean_i)/std_i)² − ln std_i − ½·ln 2π − ln(1 − tanh² u_i) ]
//! ln(1 − tanh² u) = 2·(ln 2 − u − softplus(−2u))
//! ```
//!
//! The last term is the density's change under `tanh`. It does not depend on the parameters, so
//! ratios can leave it out, but the entropy needs it. The entropy has no closed form, so it is the
//! normal's entropy plus the mean of that term over drawn `u`, through which gradients flow.

use std::f64::consts::{LN_2, TAU};

use candle_core::{D, Tensor};

use crate::error::Result;
use crate::flow::config::Squash;

/// A distribution over actions `(…, A)`, one for each row.
#[derive(Clone, Debug)]
pub struct SquashedNormal {
    /// Mean before squashing, `(…, A)`.
    pub mean: Tensor,
    /// Standard deviation before squashing, `(…, A)`, positive.
    pub std: Tensor,
    /// What happens to an action before the environment sees it.
    pub squash: Squash,
}

impl SquashedNormal {
    /// Returns actions before squashing, `mean + std·noise`, for unit normals `noise (…, A)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn sample(&self, noise: &Tensor) -> Result<Tensor> {
        Ok((&self.mean + (&self.std * noise)?)?)
    }

    /// Returns the log density `(…)` of the squashed actions whose values before squashing are
    /// `action (…, A)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn log_prob(&self, action: &Tensor) -> Result<Tensor> {
        let slope = log_slope(self.squash, action)?.sum(D::Minus1)?;
        Ok((self.log_prob_unsquashed(action)? - slope)?)
    }

    /// Returns the log density `(…)` of `action (…, A)` before squashing. It is enough for ratios,
    /// and the official code stores it.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn log_prob_unsquashed(&self, action: &Tensor) -> Result<Tensor> {
        let deviation = ((action - &self.mean)? / &self.std)?;
        let normal = ((deviation.sqr()? * -0.5)? - self.std.log()?)?;
        Ok((normal - 0.5 * TAU.ln())?.sum(D::Minus1)?)
    }

    /// Returns the entropy `(…)` in nats, estimated from one draw per row, `noise (…, A)` unit
    /// normals.
    ///
    /// Without squashing it is exact, whatever the noise.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn entropy(&self, noise: &Tensor) -> Result<Tensor> {
        let normal = (self.std.log()? + 0.5 * (1.0 + TAU.ln()))?;
        Ok((normal + log_slope(self.squash, &self.sample(noise)?)?)?.sum(D::Minus1)?)
    }

    /// Returns the mean entropy of `(U, B, A)` distributions in nats, a scalar, over draws from the
    /// unit normals `noise (U, B, N, A)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn mean_entropy(&self, noise: &Tensor) -> Result<Tensor> {
        let over_draws = |x: &Tensor| x.unsqueeze(2)?.broadcast_as(noise.shape());
        let (mean, std) = (over_draws(&self.mean)?, over_draws(&self.std)?);
        let distribution = SquashedNormal { mean, std, squash: self.squash };
        Ok(distribution.entropy(noise)?.mean_all()?)
    }
}

/// Returns the logarithm of the squashing's derivative, elementwise.
pub(crate) fn log_slope(squash: Squash, action: &Tensor) -> Result<Tensor> {
    Ok(match squash {
        Squash::None => action.zeros_like()?,
        Squash::Tanh => {
            let tail = softplus(&(action * -2.0)?)?;
            (((tail + action)? - LN_2)? * -2.0)?
        }
    })
}

/// Returns `ln(1 + eˣ)` as `max(x, 0) + ln(1 + e^−|x|)`, which never overflows.
pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn softplus_and_its_derivative_hold_from_minus_to_plus_a_hundred() {
        let points = [-100.0, -3.0, -1e-9, 0.0, 1e-9, 0.5, 4.0, 100.0f64];
        let x = Var::new(&points, &Device::Cpu).unwrap();
        let y = softplus(&x).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        let slope = grads.get(&x).unwrap().to_vec1::<f64>().unwrap();
        for ((x, y), slope) in points.iter().zip(y.to_vec1::<f64>().unwrap()).zip(slope) {
            let expected = if *x > 50.0 { *x } else { x.exp().ln_1p() };
            assert!((y - expected).abs() < 1e-14 * (1.0 + expected), "softplus({x}) = {y}");
            let expected = 1.0 / (1.0 + (-x).exp());
            assert!((slope - expected).abs() < 1e-14, "slope at {x} is {slope}");
        }
    }

    #[test]
    fn the_log_density_equals_a_hand_computed_one() {
        let at = |values: [f64; 2]| Tensor::new(&[values], &Device::Cpu).unwrap();
        let dist =
            SquashedNormal { mean: at([0.5, -1.0]), std: at([2.0, 0.25]), squash: Squash::Tanh };
        let log_prob = dist.log_prob(&at([1.5, -1.5])).unwrap().to_vec1::<f64>().unwrap()[0];
        // Deviations ½ and −2; both slopes are 1 − tanh² 1.5.
        let normal = -0.125 - 2.0f64.ln() - 2.0 - 0.25f64.ln() - TAU.ln();
        let expected = normal - 2.0 * (1.0 - 1.5f64.tanh().powi(2)).ln();
        assert!((log_prob - expected).abs() < 1e-12, "{log_prob} {expected}");
    }
}
