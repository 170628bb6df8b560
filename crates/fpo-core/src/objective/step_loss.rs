//! What a gradient step differentiates, whoever computed it.

use candle_core::Tensor;

/// The two losses of a minibatch, each differentiable with respect to its own network, and what is
/// reported of them.
pub struct StepLoss {
    /// `−mean surrogate`, for a Gaussian policy less its entropy bonus.
    pub policy: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    pub value: Tensor,
    /// The columns of [`crate::StepMetrics`] but the last, the gradient norm.
    pub diagnostics: Tensor,
}
