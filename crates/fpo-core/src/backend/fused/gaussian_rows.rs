//! The rows of a Gaussian policy's block: one per transition, from the observation to the mean and
//! the raw deviation of every element of the action ([`super::kernels::normal`]).

use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::kernels::normal::{Elements, Shape};
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::backend::fused::loss_rows::{Besides, Buffers, Extras, LossRows};
use crate::simd::vector::Simd;

/// Fills and reads the rows of a block.
#[derive(Clone, Copy)]
pub(crate) struct GaussianRows<'a, S> {
    pub(crate) s: S,
    pub(crate) shape: Shape,
    pub(crate) action_dim: usize,
    pub(crate) net: &'a Perceptron,
    pub(crate) batch: &'a Batch<'a>,
    pub(crate) map: ObsMap<'a>,
}

impl<S: Simd> LossRows<S> for GaussianRows<'_, S> {
    fn s(&self) -> S {
        self.s
    }

    fn net(&self) -> &Perceptron {
        self.net
    }

    fn batch(&self) -> &Batch<'_> {
        self.batch
    }

    fn samples(&self) -> usize {
        1
    }

    fn buffers(&self, transitions: usize) -> Buffers {
        Buffers {
            net: self.net.block(transitions, 0, 0),
            elements: Elements::new(self.s, transitions * self.action_dim),
            frames: None,
        }
    }

    fn forward(&self, first: usize, count: usize, keep: Keep, buffers: &mut Buffers) {
        let block = &mut buffers.net;
        let rows = block.input.chunks_exact_mut(block.input_stride).take(count);
        for (k, x) in rows.enumerate() {
            self.map.write(self.batch.data.obs, self.row(first + k), x);
        }
        self.net.forward(self.s, count, 1, self.map.mean.len(), None, keep, block);
    }

    fn losses(&self, first: usize, buffers: &mut Buffers, losses: &mut [f32]) {
        let (dim, data) = (self.action_dim, &self.batch.data);
        let Buffers { net: block, elements, .. } = buffers;
        let outputs = block.output.chunks_exact(block.output_stride).take(losses.len());
        for (k, out) in outputs.enumerate() {
            let (own, row) = (k * dim..(k + 1) * dim, self.row(first + k));
            let taken = row * dim..(row + 1) * dim;
            elements.mean[own.clone()].copy_from_slice(&out[..dim]);
            elements.std[own.clone()].copy_from_slice(&out[dim..2 * dim]);
            elements.action[own.clone()].copy_from_slice(&data.action[taken.clone()]);
            elements.noise[own].copy_from_slice(&data.stored[taken]);
        }
        elements.evaluate(self.s, losses.len() * dim, self.shape);
        for (k, loss) in losses.iter_mut().enumerate() {
            *loss = elements.totals(k * dim..(k + 1) * dim).0 as f32;
        }
    }

    fn slopes(
        &self,
        _first: usize,
        losses: &[f32],
        besides: Besides,
        buffers: &mut Buffers,
        _tail: &mut [f32],
    ) -> Extras {
        let dim = self.action_dim;
        let Buffers { net: block, elements, .. } = buffers;
        let mut sum = 0.0;
        for (k, (&slope, out)) in
            losses.iter().zip(block.output.chunks_exact_mut(block.output_stride)).enumerate()
        {
            let own = k * dim..(k + 1) * dim;
            sum += elements.totals(own.clone()).1;
            let parts = elements.loss_slopes.iter().zip(&elements.entropy_slopes);
            for (out, (loss, bonus)) in out.chunks_exact_mut(dim).zip(parts) {
                for ((out, loss), bonus) in
                    out.iter_mut().zip(&loss[own.clone()]).zip(&bonus[own.clone()])
                {
                    *out = slope * loss + besides.entropy * bonus;
                }
            }
        }
        Extras { entropy: sum, ..Extras::default() }
    }
}
