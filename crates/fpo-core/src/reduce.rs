//! The seam for training that is shared by several participants, each with a part of every
//! minibatch: three places at which numbers of one part become numbers of all.
//!
//! [`Alone`] is the only participant, so that nothing changes. Every method must give all
//! participants the same bits.

use std::fmt::Debug;

use candle_core::Tensor;

use crate::error::Result;

/// Makes numbers of one participant's part into numbers of all parts.
pub trait Reduce: Debug + Send + Sync {
    /// Called between the backward pass and the optimiser step: replaces the gradients of one part
    /// of a minibatch, flat, first the policy's and then the value network's, by their means over
    /// all parts.
    ///
    /// # Errors
    /// If the participants cannot be reached.
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()>;

    /// The mean over all parts of a minibatch, given the mean over one part, a scalar: of
    /// advantages, and then of their squared deviations. `count` is how many steps the local mean
    /// is of, where that differs from part to part; otherwise all parts are equally large.
    ///
    /// # Errors
    /// If the participants cannot be reached.
    fn mean(&self, local: Tensor, count: Option<&Tensor>) -> Result<Tensor>;

    /// Hands the raw observations that all participants have collected to `take`, in a fixed
    /// order, given those of one, before they enter the running statistics.
    ///
    /// # Errors
    /// If the participants cannot be reached, or what `take` fails with.
    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()>;
}

/// A participant without others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Reduce for Alone {
    fn gradients(&self, _gradients: &mut [Tensor]) -> Result<()> {
        Ok(())
    }

    fn mean(&self, local: Tensor, _count: Option<&Tensor>) -> Result<Tensor> {
        Ok(local)
    }

    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        take(obs)
    }
}
