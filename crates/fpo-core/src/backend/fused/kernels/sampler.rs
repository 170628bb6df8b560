//! The sampler: it takes a block of rows through all steps in one go, and gives the flow's end or a
//! whole noisy chain.
//!
//! Noise is first multiplied by the width of the source ([`SourceTerms`]), and at last the end is
//! brought from the flow's frame to the units of actions ([`PackedFrames`]). The observation's
//! share of the first layer is the same for all steps, and the time's share the same for all rows;
//! both are computed once. A step is `x ← keep·x + gain·output`
//! ([`crate::path::Parametrization::step`]).

use rayon::prelude::*;

use crate::backend::fused::frames::{Frames, PackedFrames};
use crate::backend::fused::kernels::gemm::check_rows;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::flow::config::FlowConfig;
use crate::flow::source_terms::SourceTerms;
use crate::flow::steps::FlowStep;
use crate::flow::time::embedding;
use crate::simd::vector::Simd;

/// Rows that one block takes from the first step to the last.
const BLOCK_ROWS: usize = 96;

/// A network packed for a walk from noise to action.
pub(crate) struct Walk<S> {
    s: S,
    net: Perceptron,
    obs_dim: usize,
    dim: usize,
    steps: Vec<Step>,
    source: SourceTerms,
    frames: Option<PackedFrames>,
}

/// The buffers of a walk.
pub(crate) struct WalkBuffers {
    block: Block,
    frames: Option<Frames>,
}

/// One step of the walk.
struct Step {
    /// The time's share of the first layer, padded.
    share: Vec<f32>,
    keep: f32,
    gain: f32,
}

/// Moves `x` (rows of unit normals) from noise at `t = 1` to `t = 0` for normalised observations
/// `obs`.
pub(crate) fn sample<S: Simd>(
    s: S,
    config: &FlowConfig,
    params: &[f32],
    obs: &[f32],
    x: &mut [f32],
) {
    let walk = Walk::new(s, config, params);
    let Walk { dim, obs_dim, .. } = walk;
    let blocks = x.par_chunks_mut(BLOCK_ROWS * dim).zip(obs.par_chunks(BLOCK_ROWS * obs_dim));
    blocks.for_each_init(
        || walk.buffers(BLOCK_ROWS),
        |buffers, (x, obs)| walk.sample(obs, x, buffers),
    );
}

/// Replaces `states`, for each row the unit normals `(K + 1, A)` that start and disturb its chain,
/// by the states of the chain.
pub(crate) fn chain<S: Simd>(
    s: S,
    config: &FlowConfig,
    params: &[f32],
    sigma: f32,
    obs: &[f32],
    states: &mut [f32],
) {
    let walk = Walk::new(s, config, params);
    let Walk { dim, obs_dim, .. } = walk;
    let per_row = (config.flow_steps + 1) * dim;
    let blocks =
        states.par_chunks_mut(BLOCK_ROWS * per_row).zip(obs.par_chunks(BLOCK_ROWS * obs_dim));
    blocks.for_each_init(
        || (walk.buffers(BLOCK_ROWS), Vec::new()),
        |(buffers, starts), (states, obs)| {
            starts.clear();
            states.chunks_exact(per_row).for_each(|row| starts.extend_from_slice(&row[..dim]));
            walk.start(obs, starts.chunks_exact(dim), buffers);
            let begun = buffers.block.input.chunks_exact(buffers.block.input_stride);
            for (state, start) in states.chunks_exact_mut(per_row).zip(begun) {
                state[..dim].copy_from_slice(&start[..dim]);
            }
            walk.run(starts.len() / dim, &mut buffers.block, |k, block| {
                let rows = block.input.chunks_exact_mut(block.input_stride);
                for (x, states) in rows.zip(states.chunks_exact_mut(per_row)) {
                    let state = &mut states[(k + 1) * dim..(k + 2) * dim];
                    for (x, state) in x.iter_mut().zip(state) {
                        *x += sigma * *state;
                        *state = *x;
                    }
                }
            });
        },
    );
}

impl<S: Simd> Walk<S> {
    /// Returns the walk of a flow with these parameters.
    pub(crate) fn new(s: S, config: &FlowConfig, params: &[f32]) -> Walk<S> {
        let sizes = config.sizes();
        let mut net = Perceptron::new(s, &sizes, config.obs_dim, config.activation);
        net.pack(s, params);
        let (obs_dim, dim, width) = (config.obs_dim, config.action_dim, sizes[1]);
        let time_rows = &params[(obs_dim + dim) * width..][..config.time_embedding * width];
        let step = |FlowStep { t, keep, gain }| {
            let mut share = vec![0.0; width.next_multiple_of(S::LANES)];
            let embedded = embedding(t, config.time_embedding);
            for (e, row) in embedded.iter().zip(time_rows.chunks(width)) {
                share.iter_mut().zip(row).for_each(|(x, &w)| *x += *e as f32 * w);
            }
            Step { share, keep: keep as f32, gain: (gain * config.output_scale) as f32 }
        };
        let steps = config.steps().into_iter().map(step).collect();
        let source = SourceTerms::new(config, params);
        let frames = PackedFrames::new(s, config, params);
        Walk { s, net, obs_dim, dim, steps, source, frames }
    }

    /// Returns buffers for up to `rows` rows.
    pub(crate) fn buffers(&self, rows: usize) -> WalkBuffers {
        let frames = self.frames.as_ref().map(|frames| frames.buffers(rows, 0));
        WalkBuffers { block: self.net.block(rows, rows, 0), frames }
    }

    /// Moves `x`, rows of unit normals for which `buffers` have room, from noise to actions at
    /// observations `obs`.
    pub(crate) fn sample(&self, obs: &[f32], x: &mut [f32], buffers: &mut WalkBuffers) {
        self.start(obs, x.chunks_exact(self.dim), buffers);
        let WalkBuffers { block, frames } = buffers;
        self.run(x.len() / self.dim, block, |_, _| {});
        let rows = block.input.chunks_exact(block.input_stride);
        for (row, x) in rows.zip(x.chunks_mut(self.dim)) {
            x.copy_from_slice(&row[..self.dim]);
        }
        if let (Some(packed), Some(frames)) = (&self.frames, frames) {
            let obs_of = |k: usize, row: &mut [f32]| {
                row[..self.obs_dim].copy_from_slice(&obs[k * self.obs_dim..][..self.obs_dim]);
            };
            packed.place(self.s, x.chunks_exact_mut(self.dim), obs_of, frames);
        }
    }

    /// Writes the unit normals `starts`, as wide as the source is, to the block's input, and the
    /// share of the observations `obs` to its shared sums.
    fn start<'a>(
        &self,
        obs: &[f32],
        starts: impl ExactSizeIterator<Item = &'a [f32]>,
        buffers: &mut WalkBuffers,
    ) {
        let Walk { s, net, obs_dim, dim, source, .. } = self;
        let block = &mut buffers.block;
        let rows = starts.len();
        let shared = block.shared_input.chunks_exact_mut(block.shared_stride);
        for (row, obs) in shared.zip(obs.chunks_exact(*obs_dim)) {
            row[..*obs_dim].copy_from_slice(obs);
        }
        net.forward_shared(*s, rows, block);
        for (row, start) in block.input.chunks_exact_mut(block.input_stride).zip(starts) {
            row[..*dim].copy_from_slice(start);
            source.scale(&mut row[..*dim]);
        }
    }

    /// Takes `rows` rows from where the block's input is through all steps. After each step it
    /// calls `after` with the step's number and the block.
    fn run(&self, rows: usize, block: &mut Block, mut after: impl FnMut(usize, &mut Block)) {
        let Walk { s, net, dim, .. } = self;
        for (k, step) in self.steps.iter().enumerate() {
            net.forward(*s, rows, 1, *dim, Some(&step.share), Keep::Nothing, block);
            advance(*s, rows, *dim, step, block);
            after(k, block);
        }
    }
}

/// Computes `input = keep·input + gain·output` for the first `dim` numbers of `rows` rows.
#[inline(always)]
fn advance<S: Simd>(s: S, rows: usize, dim: usize, step: &Step, block: &mut Block) {
    let columns = dim.next_multiple_of(S::LANES);
    let (input_stride, output_stride) = (block.input_stride, block.output_stride);
    check_rows(rows, block.input.len(), input_stride, columns);
    check_rows(rows, block.output.len(), output_stride, columns);
    let (input, output) = (block.input.as_mut_ptr(), block.output.as_ptr());
    s.vectorize(
        #[inline(always)]
        || {
            let (keep, gain) = (s.splat(step.keep), s.splat(step.gain));
            for row in 0..rows {
                for column in (0..columns).step_by(S::LANES) {
                    // SAFETY: both matrices hold a vector from `column` on in every row; behind
                    // `dim` numbers the output is zero, and the input is padding.
                    unsafe {
                        let x = input.add(row * input_stride + column);
                        let v = s.load(output.add(row * output_stride + column));
                        s.store(x, s.mul_add(gain, v, s.mul(keep, s.load(x))));
                    }
                }
            }
        },
    );
}
