//! Euler sampling with all steps of a block of rows in one go.
//!
//! The observation's share of the first layer is the same for all steps, and the time's share the
//! same for all rows; both are computed once.

use rayon::prelude::*;

use super::gemm::check_rows;
use super::perceptron::{Block, Keep, Perceptron};
use super::simd::Simd;
use crate::FlowConfig;
use crate::time::{embedding, grid};

/// Rows that one block takes from the first step to the last.
const BLOCK_ROWS: usize = 96;

/// Moves `x` (rows of actions) from noise at `t = 1` to `t = 0` for normalised observations `obs`.
pub(crate) fn sample<S: Simd>(
    s: S,
    config: &FlowConfig,
    params: &[f32],
    obs: &[f32],
    x: &mut [f32],
) {
    let sizes = config.sizes();
    let mut net = Perceptron::new(s, &sizes, config.obs_dim, config.activation);
    net.pack(s, params);
    let (obs_dim, dim, width) = (config.obs_dim, config.action_dim, sizes[1]);
    let times = grid(config.flow_steps);
    let time_rows = &params[(obs_dim + dim) * width..][..config.time_embedding * width];
    let shares: Vec<Vec<f32>> = times[..config.flow_steps]
        .iter()
        .map(|&t| {
            let mut share = vec![0.0; width.next_multiple_of(S::LANES)];
            for (e, row) in embedding(t, config.time_embedding).iter().zip(time_rows.chunks(width))
            {
                share.iter_mut().zip(row).for_each(|(x, &w)| *x += *e as f32 * w);
            }
            share
        })
        .collect();

    let blocks = x.par_chunks_mut(BLOCK_ROWS * dim).zip(obs.par_chunks(BLOCK_ROWS * obs_dim));
    blocks.for_each_init(
        || net.block(BLOCK_ROWS, BLOCK_ROWS, 0),
        |block, (x, obs)| {
            let rows = x.len() / dim;
            for (row, obs) in block
                .shared_input
                .chunks_exact_mut(block.shared_stride)
                .zip(obs.chunks_exact(obs_dim))
            {
                row[..obs_dim].copy_from_slice(obs);
            }
            net.forward_shared(s, rows, block);
            for (row, x) in block.input.chunks_exact_mut(block.input_stride).zip(x.chunks(dim)) {
                row[..dim].copy_from_slice(x);
            }
            for (pair, share) in times.windows(2).zip(&shares) {
                net.forward(s, rows, 1, dim, Some(share), Keep::Nothing, block);
                let step = ((pair[1] - pair[0]) * config.output_scale) as f32;
                add_scaled(s, rows, dim, step, block);
            }
            for (row, x) in block.input.chunks_exact(block.input_stride).zip(x.chunks_mut(dim)) {
                x.copy_from_slice(&row[..dim]);
            }
        },
    );
}

/// `input += step·output` for the first `dim` numbers of `rows` rows.
#[inline(always)]
fn add_scaled<S: Simd>(s: S, rows: usize, dim: usize, step: f32, block: &mut Block) {
    let columns = dim.next_multiple_of(S::LANES);
    let (input_stride, output_stride) = (block.input_stride, block.output_stride);
    check_rows(rows, block.input.len(), input_stride, columns);
    check_rows(rows, block.output.len(), output_stride, columns);
    let (input, output) = (block.input.as_mut_ptr(), block.output.as_ptr());
    s.vectorize(
        #[inline(always)]
        || {
            let step = s.splat(step);
            for row in 0..rows {
                for column in (0..columns).step_by(S::LANES) {
                    // SAFETY: both matrices hold a vector from `column` on in every row; behind
                    // `dim` numbers the output is zero, and the input is padding.
                    unsafe {
                        let x = input.add(row * input_stride + column);
                        let v = s.load(output.add(row * output_stride + column));
                        s.store(x, s.mul_add(step, v, s.load(x)));
                    }
                }
            }
        },
    );
}
