//! The formulas that define a path, for one flow time and for tensors of flow times.
//!
//! The two forms stand side by side in the file of a path: the first serves the kernels and the
//! samplers, the second the composed loss.

use candle_core::Tensor;

use crate::error::Result;

/// The formulas of one path.
pub(super) trait Interpolation {
    /// Returns `(α, σ)` at `t`.
    fn shares(&self, t: f64) -> (f64, f64);

    /// Returns `(α′, σ′)` at `t`.
    fn rates(&self, t: f64) -> (f64, f64);

    /// Returns `D = α·σ′ − σ·α′`, the same at all times.
    fn determinant(&self) -> f64;

    /// Returns `(k, g)` such that `k·x + g·v` is the step from `t` to `end` along a predicted
    /// velocity `v`. The step keeps the action and the noise that `x` and `v` determine.
    fn velocity_step(&self, t: f64, end: f64) -> (f64, f64) {
        let ((alpha, sigma), (alpha_rate, sigma_rate)) = (self.shares(t), self.rates(t));
        let ((alpha_end, sigma_end), d) = (self.shares(end), self.determinant());
        (
            (alpha_end * sigma_rate - sigma_end * alpha_rate) / d,
            (sigma_end * alpha - alpha_end * sigma) / d,
        )
    }

    /// Returns `(α, σ)` at times `t`.
    fn shares_at(&self, t: &Tensor) -> Result<(Tensor, Tensor)>;

    /// Returns `(α′, σ′)` at times `t`, where the shares are `alpha` and `sigma`.
    fn rates_at(&self, t: &Tensor, alpha: &Tensor, sigma: &Tensor) -> Result<(Tensor, Tensor)>;

    /// Returns the velocity `α′·a + σ′·ε` of `action` and `eps`, where the shares are `alpha` and
    /// `sigma`; all broadcast.
    fn velocity(
        &self,
        alpha: &Tensor,
        sigma: &Tensor,
        action: &Tensor,
        eps: &Tensor,
    ) -> Result<Tensor>;
}
