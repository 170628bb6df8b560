//! The interface for training that several participants share. Either each of them holds a part of
//! every minibatch: then three methods turn numbers of one part into numbers of all parts. Or each
//! holds all of it, and they share the work ([`Reduce::ranks`]).
//!
//! [`Alone`] stands for a single participant and changes nothing; [`Shared`] for ranks that share
//! the work. Every method must give all participants the same bits.

pub(crate) mod communicator;
pub(crate) mod messages;
pub(crate) mod threads;

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::Tensor;

use crate::error::Result;
use crate::reduce::communicator::Communicator;

/// Turns numbers of one participant's part into numbers of all parts.
pub trait Reduce: Debug + Send + Sync {
    /// Replaces the gradients of one part of a minibatch by their means over all parts. The
    /// gradients are flat, first the policy's and then the value network's. This is called between
    /// the backward pass and the optimiser step.
    ///
    /// # Errors
    /// If the participants cannot be reached.
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()>;

    /// Returns the mean over all parts of a minibatch, given the mean over one part, a scalar of any
    /// floating type. `count` is the number of steps in the local mean, where that differs from part
    /// to part; without it all parts are equally large. A mean with a part that is NaN is NaN.
    ///
    /// A gradient step calls this with the mean of the advantages, with that of their squared
    /// deviations, where an entropy bonus goes through them with that of the actions' surprise, and
    /// where the mean ratio is constrained with that of the ratios. An update calls it with what
    /// decides about its epochs, its end and the scale of rewards.
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

    /// Returns the ranks that share the work on what each of them holds whole, if there are any.
    /// The fused kernels then compute a rank's chunks of each pass only, and add up the chunks of
    /// all ranks in the order in which one process adds them.
    fn ranks(&self) -> Option<&dyn Communicator> {
        None
    }
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

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, own: &[u32], _counts: &[usize], all: &mut [u32]) -> Result<()> {
        all.copy_from_slice(own);
        Ok(())
    }

    fn all_to_all(
        &self,
        send: &[u32],
        _send_counts: &[usize],
        received: &mut [u32],
        _receive_counts: &[usize],
    ) -> Result<()> {
        received.copy_from_slice(send);
        Ok(())
    }

    fn broadcast(&self, _root: usize, _words: &mut [u32]) -> Result<()> {
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}

/// Ranks that hold the same rollouts, parameters and statistics, and share the work on them. What
/// one of them has computed the others get, so that there are no parts to reduce.
#[derive(Clone, Debug)]
pub struct Shared(pub Arc<dyn Communicator>);

impl Reduce for Shared {
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()> {
        Alone.gradients(gradients)
    }

    fn mean(&self, local: Tensor, count: Option<&Tensor>) -> Result<Tensor> {
        Alone.mean(local, count)
    }

    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        Alone.statistics(obs, take)
    }

    fn ranks(&self) -> Option<&dyn Communicator> {
        Some(self.0.as_ref())
    }
}
