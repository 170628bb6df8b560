//! The interface for training that several participants share, each of which holds a part of every
//! minibatch. It has three methods, which turn numbers of one part into numbers of all parts.
//!
//! [`Alone`] stands for a single participant and changes nothing. Every method must give all
//! participants the same bits.

use std::fmt::Debug;

use candle_core::Tensor;

use crate::error::Result;

/// Turns numbers of one participant's part into numbers of all parts.
pub trait Reduce: Debug + Send + Sync {
    /// Replaces the gradients of one part of a minibatch by their means over all parts. The
    /// gradients are flat, first the policy's and then the value network's. This is called between
    /// the backward pass and the optimiser step.
    ///
    /// # Errors
    /// If the participants cannot be reached.
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()>;

    /// Returns the mean over all parts of a minibatch, given the mean over one part, a scalar. This
    /// is called with the mean of the advantages, then with that of their squared deviations, and
    /// then, where an entropy bonus goes through them, with that of the actions' surprise.
    /// `count` is the number of steps in the local mean, where that differs from part to part;
    /// without it all parts are equally large.
    ///
    /// # Errors
    /// If the participants cannot be reached.
    fn mean(&self, local: Tensor, count: Option<&Tensor>) -> Result<Tensor>;

    /// Calls `take` with the raw observations that all participants have collected, in a fixed
    /// order, given those of one participant. `take` adds them to the running statistics.
    ///
    /// # Errors
    /// If the participants cannot be reached, or if `take` fails.
    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()>;
}

/// A single participant, which keeps its own numbers.
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
