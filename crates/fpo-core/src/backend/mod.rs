//! The backends: two implementations of the same policies, losses and gradients.
//!
//! [`Composed`](composed::Composed) runs on every device and is the reference.
//! [`Fused`](fused::Fused) runs the kernels of this crate on f32 tensors in host memory, several
//! times faster, and falls back to composed operations where there are no kernels.

pub(crate) mod choice;
pub(crate) mod composed;
pub(crate) mod fused;

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::policy::{Acted, Policy};
use crate::reduce::Reduce;
use crate::rollout::{Minibatch, Transitions};
use crate::timing::PhaseTimes;

/// Computes actions, stored losses and the losses of gradient steps.
pub trait Backend: Send + Sync {
    /// Returns what [`Policy::act`] returns. No gradient flows through the actions.
    ///
    /// # Errors
    /// If a tensor has another shape.
    fn act(&self, policy: &dyn Policy, obs: &Tensor, noise: &Tensor) -> Result<Acted>;

    /// Returns the losses `(T, E, N)` of a rollout's actions under the present parameters and
    /// statistics: the `L_old` of the coming update. Composed operations take `chunk` steps at a
    /// time to bound memory, and all ranks of `reduce` compute the same.
    ///
    /// # Errors
    /// If a tensor has another shape, and those of the ranks.
    fn losses(
        &mut self,
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Transitions<Tensor, ()>,
        chunk: usize,
        reduce: &dyn Reduce,
    ) -> Result<Tensor>;

    /// Returns the losses of a minibatch, ready to be differentiated. Adds the time that each phase
    /// took to `times`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn step_loss(
        &mut self,
        inputs: &LossInputs,
        minibatch: &Minibatch,
        times: &mut PhaseTimes,
    ) -> Result<StepLoss>;
}
