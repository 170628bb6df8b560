//! The linear path, a straight line: the path of optimal transport and flow matching.
//!
//! ```text
//! α = 1 − t,   σ = t,   v = ε − a,   D = 1
//! ```

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::path::interpolation::Interpolation;

/// The linear path.
pub(super) struct Linear;

impl Interpolation for Linear {
    #[inline]
    fn shares(&self, t: f64) -> (f64, f64) {
        (1.0 - t, t)
    }

    #[inline]
    fn rates(&self, _t: f64) -> (f64, f64) {
        (-1.0, 1.0)
    }

    #[inline]
    fn determinant(&self) -> f64 {
        1.0
    }

    /// Returns Euler's step, without the roundings of the general formula.
    fn velocity_step(&self, t: f64, end: f64) -> (f64, f64) {
        (1.0, end - t)
    }

    fn shares_at(&self, t: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok(((1.0 - t)?, t.clone()))
    }

    fn rates_at(&self, t: &Tensor, _alpha: &Tensor, _sigma: &Tensor) -> Result<(Tensor, Tensor)> {
        Ok((t.ones_like()?.neg()?, t.ones_like()?))
    }

    fn velocity(
        &self,
        _alpha: &Tensor,
        _sigma: &Tensor,
        action: &Tensor,
        eps: &Tensor,
    ) -> Result<Tensor> {
        Ok(eps.broadcast_sub(action)?)
    }
}
