//! The frames of a flow in the kernels ([`crate::ActionFrame`] has the formulas): for ends of paths
//! that become actions, and for the losses of a block of transitions.

use crate::backend::fused::kernels::gemm::{Bias, Finish, Rows, forward};
use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::packed::{Layer, row_stride};
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::flow::config::FlowConfig;
use crate::flow::frame::{ActionFrame, LOG_SCALE_RANGE, log_scale};
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// The network of frames, packed.
pub(crate) struct PackedFrames {
    net: Perceptron,
    /// `ln source_std`.
    base: f64,
    dim: usize,
    /// From gradients with respect to the velocity's first sums to those of a flow's state.
    to_state: Layer,
}

/// The frames of some rows, and what lies in them.
pub(crate) struct Frames {
    /// The buffers of the network.
    block: Block,
    /// Taken actions in their frames, `(rows, A)`.
    pub(crate) taken: Vec<f32>,
    /// `1/σ`, `(rows, A)`.
    inverse: Vec<f32>,
    /// `Σ ln σ` of each row.
    pub(crate) log_std: Vec<f32>,
    /// The velocities of all samples, and after the derivatives of their losses the derivatives of
    /// the total with respect to the taken actions through their targets, `(rows · N, A)`.
    pub(crate) pulls: Vec<f32>,
    /// Derivatives with respect to the flow's states of all samples, `(rows · N, A)` and padding.
    moved: AlignedVec,
    /// Derivatives with respect to θ and then μ of each row, `(rows, 2A)`.
    slopes: Vec<f32>,
}

impl PackedFrames {
    /// Returns the frames of a flow with these parameters, `None` where they are not learned.
    pub(crate) fn new<S: Simd>(s: S, config: &FlowConfig, params: &[f32]) -> Option<PackedFrames> {
        if config.frame == ActionFrame::Fixed {
            return None;
        }
        let mut net = Perceptron::new(s, &config.frame_sizes(), 0, config.activation);
        net.pack(s, &params[params.len() - net.parameters()..]);
        let (dim, width) = (config.action_dim, config.sizes()[1]);
        let of_state = &params[config.obs_dim * width..][..dim * width];
        let transposed: Vec<f32> =
            (0..width * dim).map(|k| of_state[k % dim * width + k / dim]).collect();
        let mut to_state = Layer::new(s, width, dim, false);
        to_state.pack(s, &transposed, &[]);
        Some(PackedFrames { net, base: config.source_std.ln(), dim, to_state })
    }

    /// Returns buffers for up to `rows` rows with so many losses each.
    pub(crate) fn buffers(&self, rows: usize, samples: usize) -> Frames {
        Frames {
            moved: AlignedVec::zeros(rows * samples * row_stride(self.to_state.columns())),
            block: self.net.block(rows, 0, 0),
            taken: Vec::new(),
            inverse: Vec::new(),
            log_std: Vec::new(),
            pulls: Vec::new(),
            slopes: Vec::new(),
        }
    }

    /// Computes the outputs of the network for `count` rows; `write(k, x)` writes the normalised
    /// observation of row k to `x`.
    fn run<S: Simd>(
        &self,
        s: S,
        count: usize,
        keep: Keep,
        write: impl Fn(usize, &mut [f32]),
        block: &mut Block,
    ) {
        let rows = block.input.chunks_exact_mut(block.input_stride).take(count);
        rows.enumerate().for_each(|(k, x)| write(k, x));
        self.net.forward(s, count, 1, self.net.inputs(), None, keep, block);
    }

    /// Turns ends of paths into actions, row by row; `write(k, x)` writes the normalised
    /// observation of row k to `x`.
    pub(crate) fn place<'a, S: Simd>(
        &self,
        s: S,
        rows: impl ExactSizeIterator<Item = &'a mut [f32]>,
        write: impl Fn(usize, &mut [f32]),
        frames: &mut Frames,
    ) {
        let block = &mut frames.block;
        self.run(s, rows.len(), Keep::Nothing, write, block);
        for (row, out) in rows.zip(block.output.chunks_exact(block.output_stride)) {
            let (theta, mean) = out.split_at(self.dim);
            for ((x, &h), mean) in row.iter_mut().zip(theta).zip(mean) {
                *x = mean + (self.base + log_scale(f64::from(h))).exp() as f32 * *x;
            }
        }
    }

    /// Computes the frames of `count` transitions, and where the taken actions lie in them;
    /// `write(k, x)` writes the normalised observation of transition k to `x`, and `action(k)` is
    /// what was taken there.
    pub(crate) fn enter<'a, S: Simd>(
        &self,
        s: S,
        count: usize,
        keep: Keep,
        write: impl Fn(usize, &mut [f32]),
        action: impl Fn(usize) -> &'a [f32],
        frames: &mut Frames,
    ) {
        let Frames { block, taken, inverse, log_std, .. } = frames;
        self.run(s, count, keep, write, block);
        [&mut *taken, &mut *inverse, &mut *log_std].into_iter().for_each(Vec::clear);
        let outputs = block.output.chunks_exact(block.output_stride).take(count);
        for (k, out) in outputs.enumerate() {
            let (theta, mean) = out.split_at(self.dim);
            let mut sum = 0.0;
            for ((&action, &h), mean) in action(k).iter().zip(theta).zip(mean) {
                let log = self.base + log_scale(f64::from(h));
                sum += log;
                let narrow = (-log).exp() as f32;
                inverse.push(narrow);
                taken.push((action - mean) * narrow);
            }
            log_std.push(sum as f32);
        }
    }

    /// Returns how many sums [`PackedFrames::backward`] adds to.
    pub(crate) fn sums(&self) -> usize {
        self.net.gradient().len()
    }

    /// Begins the derivatives of transitions with those of `Σ ln σ`: the sums of the derivatives
    /// `losses` of a total with respect to each loss, `samples` of each transition.
    pub(crate) fn begin(&self, losses: &[f32], samples: usize, frames: &mut Frames) {
        let slopes = &mut frames.slopes;
        slopes.clear();
        for losses in losses.chunks_exact(samples) {
            slopes.resize(slopes.len() + self.dim, losses.iter().sum());
            slopes.resize(slopes.len() + self.dim, 0.0);
        }
    }

    /// Adds what the samples of all transitions give, `samples` of each: their losses pull at the
    /// taken actions ([`Frames::pulls`]) and, by `dz`, the gradients with respect to the first sums
    /// of the velocity's network, at the flow's states, in which the taken action of sample r has a
    /// part of `share(r)`.
    #[inline(always)]
    pub(crate) fn add<S: Simd>(
        &self,
        s: S,
        samples: usize,
        dz: Rows,
        share: impl Fn(usize) -> f32,
        frames: &mut Frames,
    ) {
        let Frames { taken, inverse, pulls, moved, slopes, .. } = frames;
        let (dim, layer) = (self.dim, &self.to_state);
        let (rows, stride) = (pulls.len() / dim, row_stride(layer.columns()));
        let (weights, bias) = (layer.forward(layer.inputs()), Bias::Row(layer.bias()));
        forward(s, rows, dz, weights, bias, moved, stride, Finish::Keep);
        let both = pulls.chunks_exact(dim).zip(moved.chunks_exact(stride));
        for (row, (pull, moved)) in both.enumerate() {
            let k = row / samples;
            let (theta, mean) = slopes[2 * k * dim..2 * (k + 1) * dim].split_at_mut(dim);
            let share = share(row);
            for i in 0..dim {
                // With x = (a − μ)/σ, ∂x/∂θ = −x and ∂x/∂μ = −1/σ.
                let slope = pull[i] + share * moved[i];
                theta[i] -= slope * taken[k * dim + i];
                mean[i] -= slope * inverse[k * dim + i];
            }
        }
    }

    /// Adds the gradient of the frames' parameters to `sums`, for the derivatives that were added.
    pub(crate) fn backward<S: Simd>(&self, s: S, frames: &mut Frames, sums: &mut [f32]) {
        let Frames { block, slopes, .. } = frames;
        let rows = slopes.chunks_exact(2 * self.dim);
        let count = rows.len();
        for (out, row) in block.output.chunks_exact_mut(block.output_stride).zip(rows) {
            let (theta, mean) = out[..2 * self.dim].split_at_mut(self.dim);
            for (out, slope) in theta.iter_mut().zip(row) {
                // θ = R·tanh(h/R), so that dθ/dh = 1 − (θ/R)².
                let share = log_scale(f64::from(*out)) / LOG_SCALE_RANGE;
                *out = slope * (1.0 - share * share) as f32;
            }
            mean.copy_from_slice(&row[self.dim..]);
        }
        self.net.backward(s, count, 1, block, Write::Add, sums);
    }

    /// Writes the `sums` of all blocks to the end of `gradient`, where the frames' parameters are.
    pub(crate) fn write(&self, sums: &[f32], gradient: &mut [f32]) {
        let end = gradient.len();
        self.net.gradient().write(sums, &mut gradient[end - self.net.parameters()..]);
    }
}
