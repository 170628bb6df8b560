//! The rows of a policy block: network inputs from transitions and samples, losses from outputs.
//!
//! ```text
//! row = (x_t, embed(t)),  x_t = t·ε + (1−t)·a;  the observation is shared by an action's rows
//! ```

use super::batch::{Batch, ObsMap};
use super::math::TimeEmbedding;
use super::perceptron::{Block, Keep, Perceptron};
use super::simd::Simd;
use crate::{FlowConfig, OutputMode};

/// Fills and reads the rows of a block.
#[derive(Clone, Copy)]
pub(super) struct PolicyRows<'a, S> {
    pub(super) s: S,
    pub(super) config: &'a FlowConfig,
    pub(super) net: &'a Perceptron,
    pub(super) embedding: &'a TimeEmbedding,
    pub(super) batch: &'a Batch<'a>,
    pub(super) map: ObsMap<'a>,
}

impl<S: Simd> PolicyRows<'_, S> {
    pub(super) fn block(&self, transitions: usize, samples: usize) -> Block {
        let spare = self.embedding.padded_len();
        self.net.block(transitions * samples, transitions, spare)
    }

    /// Where transition `k` of the minibatch lies in the rollout.
    pub(super) fn row(&self, k: usize) -> usize {
        self.batch.row(k / self.batch.unroll_length, k % self.batch.unroll_length)
    }

    /// Velocities, not scaled, of `count` transitions from `first` on, to the block's output.
    pub(super) fn forward(
        &self,
        first: usize,
        count: usize,
        samples: usize,
        keep: Keep,
        block: &mut Block,
    ) {
        let PolicyRows { s, config, net, embedding, batch, map } = *self;
        let dim = config.action_dim;
        for (k, x) in
            block.shared_input.chunks_exact_mut(block.shared_stride).enumerate().take(count)
        {
            map.write(batch.obs, self.row(first + k), x);
        }
        let stride = block.input_stride;
        let groups = block.input.chunks_exact_mut(samples * stride).take(count);
        s.vectorize(
            #[inline(always)]
            || {
                for (k, rows) in groups.enumerate() {
                    let row = self.row(first + k);
                    let action = &batch.action[row * dim..(row + 1) * dim];
                    for (n, x) in rows.chunks_exact_mut(stride).enumerate() {
                        let sample = row * samples + n;
                        let t = batch.t[sample];
                        let eps = &batch.eps[sample * dim..(sample + 1) * dim];
                        let (x_t, time) = x.split_at_mut(dim);
                        for ((x, &eps), &a) in x_t.iter_mut().zip(eps).zip(action) {
                            *x = t * eps + (1.0 - t) * a;
                        }
                        embedding.write(s, t, time);
                    }
                }
            },
        );
        net.forward_shared(s, count, block);
        let inner = dim + config.time_embedding;
        net.forward(s, count * samples, samples, inner, None, keep, block);
    }

    /// The losses of the rows of a block, and in place of the block's output their gradients with
    /// respect to it.
    pub(super) fn losses(
        &self,
        first: usize,
        samples: usize,
        block: &mut Block,
        losses: &mut [f32],
    ) {
        let PolicyRows { s, config, batch, .. } = *self;
        let dim = config.action_dim;
        let (scale, mean) = (config.output_scale as f32, 1.0 / dim as f32);
        let (input_stride, output_stride) = (block.input_stride, block.output_stride);
        s.vectorize(
            #[inline(always)]
            || {
                for (k, losses) in losses.chunks_exact_mut(samples).enumerate() {
                    let row = self.row(first + k);
                    let action = &batch.action[row * dim..(row + 1) * dim];
                    for (n, loss) in losses.iter_mut().enumerate() {
                        let sample = row * samples + n;
                        let eps = &batch.eps[sample * dim..(sample + 1) * dim];
                        let rest = 1.0 - batch.t[sample];
                        let at = k * samples + n;
                        let x = &block.input[at * input_stride..][..dim];
                        let out = &mut block.output[at * output_stride..][..dim];
                        let mut sum = 0.0;
                        for j in 0..dim {
                            let velocity = scale * out[j];
                            let (error, slope) = match config.output_mode {
                                OutputMode::Velocity => (velocity - (eps[j] - action[j]), scale),
                                OutputMode::Noise => {
                                    (x[j] + rest * velocity - eps[j], rest * scale)
                                }
                            };
                            sum += error * error;
                            out[j] = 2.0 * mean * slope * error;
                        }
                        *loss = sum * mean;
                    }
                }
            },
        );
    }
}
