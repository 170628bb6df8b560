//! The cosine path, a quarter circle `α² + σ² = 1`: the variance-preserving path of diffusion.
//!
//! ```text
//! α = cos(πt/2),   σ = sin(πt/2),   v = (π/2)·(α·ε − σ·a),   D = π/2
//! ```

use std::f64::consts::FRAC_PI_2;

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::path::interpolation::Interpolation;

/// The cosine path.
pub(super) struct Cosine;

impl Interpolation for Cosine {
    #[inline]
    fn shares(&self, t: f64) -> (f64, f64) {
        ((FRAC_PI_2 * t).cos(), (FRAC_PI_2 * t).sin())
    }

    #[inline]
    fn rates(&self, t: f64) -> (f64, f64) {
        let (alpha, sigma) = self.shares(t);
        (-FRAC_PI_2 * sigma, FRAC_PI_2 * alpha)
    }

    #[inline]
    fn determinant(&self) -> f64 {
        FRAC_PI_2
    }

    fn shares_at(&self, t: &Tensor) -> Result<(Tensor, Tensor)> {
        let angle = (t * FRAC_PI_2)?;
        Ok((angle.cos()?, angle.sin()?))
    }

    fn rates_at(&self, _t: &Tensor, alpha: &Tensor, sigma: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok(((sigma * -FRAC_PI_2)?, (alpha * FRAC_PI_2)?))
    }

    fn velocity(
        &self,
        alpha: &Tensor,
        sigma: &Tensor,
        action: &Tensor,
        eps: &Tensor,
    ) -> Result<Tensor> {
        let rate = (alpha.broadcast_mul(eps)? - sigma.broadcast_mul(action)?)?;
        Ok((rate * FRAC_PI_2)?)
    }
}
