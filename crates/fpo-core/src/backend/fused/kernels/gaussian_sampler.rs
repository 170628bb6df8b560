//! The Gaussian's sampler: one pass of the network, and one draw per element of the action.

use rayon::prelude::*;

use crate::backend::fused::kernels::normal::{Elements, Shape};
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::policy::gaussian_config::GaussianConfig;
use crate::simd::vector::Simd;

/// Rows that are computed together.
const BLOCK_ROWS: usize = 48;

/// A network packed for drawing actions.
pub(crate) struct Drawing<S> {
    s: S,
    net: Perceptron,
    obs_dim: usize,
    dim: usize,
    shape: Shape,
}

/// Replaces unit normals `x` (rows of actions) by `mean + std·x` at normalised observations `obs`.
pub(crate) fn draw<S: Simd>(
    s: S,
    config: &GaussianConfig,
    params: &[f32],
    obs: &[f32],
    x: &mut [f32],
) {
    let drawing = Drawing::new(s, config, params);
    let (obs_dim, dim) = (config.obs_dim, config.action_dim);
    let blocks = x.par_chunks_mut(BLOCK_ROWS * dim).zip(obs.par_chunks(BLOCK_ROWS * obs_dim));
    let buffers = || drawing.buffers(BLOCK_ROWS);
    blocks.for_each_init(buffers, |buffers, (x, obs)| drawing.sample(obs, x, buffers));
}

impl<S: Simd> Drawing<S> {
    /// Returns the draws of a Gaussian with these parameters.
    pub(crate) fn new(s: S, config: &GaussianConfig, params: &[f32]) -> Drawing<S> {
        let mut net = Perceptron::new(s, &config.sizes(), 0, config.activation);
        net.pack(s, params);
        let GaussianConfig { obs_dim, action_dim: dim, .. } = *config;
        Drawing { s, net, obs_dim, dim, shape: Shape::new(config) }
    }

    /// Returns buffers for up to `rows` rows.
    pub(crate) fn buffers(&self, rows: usize) -> (Block, Elements) {
        (self.net.block(rows, 0, 0), Elements::new(self.s, rows * self.dim))
    }

    /// Replaces unit normals `x`, rows for which there is room, by draws at observations `obs`.
    pub(crate) fn sample(&self, obs: &[f32], x: &mut [f32], buffers: &mut (Block, Elements)) {
        let Drawing { s, net, obs_dim, dim, shape } = self;
        let (block, elements) = buffers;
        let rows = x.len() / dim;
        let inputs = block.input.chunks_exact_mut(block.input_stride);
        for (input, obs) in inputs.zip(obs.chunks_exact(*obs_dim)) {
            input[..*obs_dim].copy_from_slice(obs);
        }
        net.forward(*s, rows, 1, *obs_dim, None, Keep::Nothing, block);
        let outputs = block.output.chunks_exact(block.output_stride).take(rows);
        for (k, out) in outputs.enumerate() {
            elements.mean[k * dim..(k + 1) * dim].copy_from_slice(&out[..*dim]);
            elements.std[k * dim..(k + 1) * dim].copy_from_slice(&out[*dim..2 * dim]);
        }
        elements.noise[..x.len()].copy_from_slice(x);
        elements.sample(*s, x.len(), *shape);
        x.copy_from_slice(&elements.action[..x.len()]);
    }
}
