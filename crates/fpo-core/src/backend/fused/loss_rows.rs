//! What the policy's part of a gradient step needs to know of a kind of policy: how the rows of a
//! block are filled, what their losses are, and which gradient of the outputs follows from them.

use crate::backend::fused::batch::Batch;
use crate::backend::fused::frames::Frames;
use crate::backend::fused::kernels::normal::Elements;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::simd::vector::Simd;

/// The buffers of one block of some transitions.
pub(crate) struct Buffers {
    /// The network's.
    pub(crate) net: Block,
    /// Those of a Gaussian; without room for other policies.
    pub(crate) elements: Elements,
    /// Those of a flow's frames, if it has any.
    pub(crate) frames: Option<Frames>,
}

/// Derivatives of a total with respect to what policies tell besides their losses.
#[derive(Clone, Copy)]
pub(crate) struct Besides {
    /// To each transition's entropy.
    pub(crate) entropy: f32,
    /// To the energy of each sample.
    pub(crate) energy: f32,
}

/// Sums of what policies tell besides their losses; 0 where it is not known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extras {
    /// Of the transitions' entropies.
    pub(crate) entropy: f64,
    /// Of the samples' energies.
    pub(crate) energy: f64,
}

/// One kind of policy on the transitions of one minibatch. Every transition has as many losses as
/// there are `samples`.
pub(crate) trait LossRows<S: Simd>: Copy + Sync {
    /// Returns the proof of the instruction set.
    fn s(&self) -> S;

    /// Returns the network.
    fn net(&self) -> &Perceptron;

    /// Returns the minibatch.
    fn batch(&self) -> &Batch<'_>;

    /// Returns the number of losses of a transition, each of which has a row of the network.
    fn samples(&self) -> usize;

    /// Returns buffers for so many transitions.
    fn buffers(&self, transitions: usize) -> Buffers;

    /// Writes the network's outputs for `count` transitions from `first` on.
    fn forward(&self, first: usize, count: usize, keep: Keep, buffers: &mut Buffers);

    /// Writes the losses that follow from the outputs. Overwrites the outputs by what
    /// [`LossRows::slopes`] needs.
    fn losses(&self, first: usize, buffers: &mut Buffers, losses: &mut [f32]);

    /// Turns what [`LossRows::losses`] left into the gradient with respect to the outputs, given
    /// the total's derivative with respect to each loss, and to what else it depends on. Adds the
    /// gradient of the parameters behind the network's, for the transitions from `first` on, to
    /// `tail`.
    fn slopes(
        &self,
        first: usize,
        losses: &[f32],
        besides: Besides,
        buffers: &mut Buffers,
        tail: &mut [f32],
    ) -> Extras;

    /// Adds what a backward pass of the network adds to that gradient, because its inputs depend on
    /// those parameters.
    fn behind_inputs(&self, _first: usize, _buffers: &mut Buffers, _tail: &mut [f32]) {}

    /// Returns how many sums the gradient of the parameters behind the network's takes.
    fn tail(&self) -> usize {
        0
    }

    /// Writes those sums to the end of `gradient`.
    fn write_tail(&self, _sums: &[f32], _gradient: &mut [f32]) {}

    /// Returns the rollout's row of transition `k` of the minibatch.
    fn row(&self, k: usize) -> usize {
        let batch = self.batch();
        batch.row(k / batch.unroll_length, k % batch.unroll_length)
    }
}
