//! What the policy's part of a gradient step needs to know of a kind of policy: how the rows of a
//! block are filled, what their losses are, and which gradient of the outputs follows from them.

use crate::backend::fused::batch::Batch;
use crate::backend::fused::kernels::normal::Elements;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::backend::fused::source_width::Widths;
use crate::simd::vector::Simd;

/// The buffers of one block of some transitions.
pub(crate) struct Buffers {
    /// The network's.
    pub(crate) net: Block,
    /// Those of a Gaussian; without room for other policies.
    pub(crate) elements: Elements,
    /// Those of the width of a flow's source; without room for other policies.
    pub(crate) widths: Widths,
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
    /// the total's derivative with respect to each loss and to each transition's entropy. Adds the
    /// gradient of the parameters behind the network's, for the transitions from `first` on, to
    /// `tail`. Returns the sum of the entropies, 0 where they are not known.
    fn slopes(
        &self,
        first: usize,
        losses: &[f32],
        entropy: f32,
        buffers: &mut Buffers,
        tail: &mut [f32],
    ) -> f64;

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
