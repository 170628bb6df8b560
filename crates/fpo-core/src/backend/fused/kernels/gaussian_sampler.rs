//! The Gaussian's sampler: one pass of the network, and one draw per element of the action.

use rayon::prelude::*;

use crate::backend::fused::kernels::normal::{Elements, Shape};
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::policy::gaussian_config::GaussianConfig;
use crate::simd::vector::Simd;

/// Rows that are computed together.
const BLOCK_ROWS: usize = 48;

/// Replaces unit normals `x` (rows of actions) by `mean + std·x` at normalised observations `obs`.
pub(crate) fn draw<S: Simd>(
    s: S,
    config: &GaussianConfig,
    params: &[f32],
    obs: &[f32],
    x: &mut [f32],
) {
    let mut net = Perceptron::new(s, &config.sizes(), 0, config.activation);
    net.pack(s, params);
    let (obs_dim, dim, shape) = (config.obs_dim, config.action_dim, Shape::new(config));
    let buffers = || (net.block(BLOCK_ROWS, 0, 0), Elements::new(s, BLOCK_ROWS * dim));
    let blocks = x.par_chunks_mut(BLOCK_ROWS * dim).zip(obs.par_chunks(BLOCK_ROWS * obs_dim));
    blocks.for_each_init(buffers, |(block, elements), (x, obs)| {
        let rows = x.len() / dim;
        let inputs = block.input.chunks_exact_mut(block.input_stride);
        for (input, obs) in inputs.zip(obs.chunks_exact(obs_dim)) {
            input[..obs_dim].copy_from_slice(obs);
        }
        net.forward(s, rows, 1, obs_dim, None, Keep::Nothing, block);
        let outputs = block.output.chunks_exact(block.output_stride).take(rows);
        for (k, out) in outputs.enumerate() {
            elements.mean[k * dim..(k + 1) * dim].copy_from_slice(&out[..dim]);
            elements.std[k * dim..(k + 1) * dim].copy_from_slice(&out[dim..2 * dim]);
        }
        elements.noise[..x.len()].copy_from_slice(x);
        elements.sample(s, x.len(), shape);
        x.copy_from_slice(&elements.action[..x.len()]);
    });
}
