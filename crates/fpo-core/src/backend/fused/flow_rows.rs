//! The rows of a flow policy's block: network inputs from transitions and samples, losses from
//! outputs. What a row is regressed on is in [`super::regression`].
//!
//! All rows of an action share its observation. In a learned frame ([`crate::ActionFrame`]) `a`
//! is what the taken action is there.

use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::frames::{Frames, PackedFrames};
use crate::backend::fused::kernels::embedding::TimeEmbedding;
use crate::backend::fused::kernels::normal::Elements;
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::backend::fused::loss_rows::{Besides, Buffers, Extras, LossRows};
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::flow::source_terms::SourceTerms;
use crate::simd::vector::Simd;

/// What a flow's kernels know of its settings.
pub(crate) struct FlowForm {
    pub(crate) config: FlowConfig,
    pub(crate) chain: Option<DenoisingMdp>,
    embedding: TimeEmbedding,
    /// [`FlowConfig::loss_factor`].
    pub(crate) reduction: f64,
}

impl FlowForm {
    /// Returns the form of a flow, or of a chain.
    pub(crate) fn new<S: Simd>(s: S, config: &FlowConfig, chain: Option<DenoisingMdp>) -> FlowForm {
        let embedding = TimeEmbedding::new(s, config.time_embedding);
        FlowForm { config: config.clone(), chain, embedding, reduction: config.loss_factor() }
    }

    /// Returns whether it is that of this policy.
    pub(crate) fn is_for(&self, config: &FlowConfig, chain: Option<DenoisingMdp>) -> bool {
        self.config == *config && self.chain == chain
    }

    /// Returns what is learned besides the velocity under these parameters.
    pub(crate) fn learned<S: Simd>(&self, s: S, params: &[f32]) -> Learned {
        Learned {
            source: SourceTerms::new(&self.config, params),
            frames: PackedFrames::new(s, &self.config, params),
        }
    }
}

/// What can be learned of a flow besides its velocity.
pub(crate) struct Learned {
    /// The width of the source.
    pub(crate) source: SourceTerms,
    /// The frames, if they are learned.
    pub(crate) frames: Option<PackedFrames>,
}

/// Fills and reads the rows of a block.
#[derive(Clone, Copy)]
pub(crate) struct FlowRows<'a, S> {
    pub(crate) s: S,
    pub(crate) form: &'a FlowForm,
    pub(crate) net: &'a Perceptron,
    pub(crate) batch: &'a Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    /// Losses of an action.
    pub(crate) samples: usize,
    /// What is learned besides the velocity.
    pub(crate) learned: &'a Learned,
}

impl<S: Simd> LossRows<S> for FlowRows<'_, S> {
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
        self.samples
    }

    fn buffers(&self, transitions: usize) -> Buffers {
        let spare = self.form.embedding.padded_len();
        Buffers {
            net: self.net.block(transitions * self.samples, transitions, spare),
            elements: Elements::default(),
            frames: self
                .learned
                .frames
                .as_ref()
                .map(|frames| frames.buffers(transitions, self.samples)),
        }
    }

    fn forward(&self, first: usize, count: usize, keep: Keep, buffers: &mut Buffers) {
        let FlowRows { s, form, net, batch, map, samples, learned } = *self;
        let FlowForm { config, embedding, .. } = form;
        let Buffers { net: block, frames, .. } = buffers;
        let dim = config.action_dim;
        let write = |k: usize, x: &mut [f32]| map.write(batch.data.obs, self.row(first + k), x);
        if let (Some(packed), Some(frames)) = (&learned.frames, frames.as_mut()) {
            let action = |k: usize| &batch.data.action[self.row(first + k) * dim..][..dim];
            packed.enter(s, count, keep, write, action, frames);
        }
        let shared = block.shared_input.chunks_exact_mut(block.shared_stride).take(count);
        shared.enumerate().for_each(|(k, x)| write(k, x));
        let stride = block.input_stride;
        let groups = block.input.chunks_exact_mut(samples * stride).take(count);
        s.vectorize(
            #[inline(always)]
            || {
                for (k, rows) in groups.enumerate() {
                    let row = self.row(first + k);
                    let framed = framed(frames, k, dim);
                    for (n, x) in rows.chunks_exact_mut(stride).enumerate() {
                        let regression = self.regression(row, n, framed);
                        let [a, b] = regression.input;
                        let (x_t, time) = x.split_at_mut(dim);
                        for ((x, &first), &second) in
                            x_t.iter_mut().zip(regression.first).zip(regression.second)
                        {
                            *x = a * first + b * second;
                        }
                        embedding.write(s, regression.t, time);
                    }
                }
            },
        );
        net.forward_shared(s, count, block);
        let inner = dim + config.time_embedding;
        net.forward(s, count * samples, samples, inner, None, keep, block);
    }

    /// Replaces the outputs by the gradients of the losses with respect to them. Velocities in
    /// frames are kept for their energy.
    fn losses(&self, first: usize, buffers: &mut Buffers, losses: &mut [f32]) {
        let FlowRows { s, form: FlowForm { config, chain, .. }, samples, learned, .. } = *self;
        let Learned { source, .. } = learned;
        let Buffers { net: block, frames, .. } = buffers;
        let dim = config.action_dim;
        let scale = config.output_scale as f32;
        let constant = match chain {
            Some(_) => DenoisingMdp::constant(dim) as f32,
            None => source.log_std,
        };
        // What the noise itself adds to the squares is taken out where a width is learned.
        let taken_out = if source.learned || frames.is_some() { 1.0 } else { 0.0 };
        let output_stride = block.output_stride;
        if let Some(frames) = frames.as_mut() {
            frames.pulls.clear();
            for out in block.output.chunks_exact(output_stride).take(losses.len()) {
                frames.pulls.extend(out[..dim].iter().map(|&out| scale * out));
            }
        }
        s.vectorize(
            #[inline(always)]
            || {
                for (k, losses) in losses.chunks_exact_mut(samples).enumerate() {
                    let row = self.row(first + k);
                    let framed = framed(frames, k, dim);
                    let constant = frames.as_ref().map_or(constant, |frames| frames.log_std[k]);
                    for (n, loss) in losses.iter_mut().enumerate() {
                        let regression = self.regression(row, n, framed);
                        let [a, b] = regression.target;
                        let gain = regression.gain * scale;
                        let slope = 2.0 * regression.factor * gain;
                        let at = (k * samples + n) * output_stride;
                        let out = &mut block.output[at..][..dim];
                        let mut sum = 0.0;
                        for (((out, &first), &second), &weight) in out
                            .iter_mut()
                            .zip(regression.first)
                            .zip(regression.second)
                            .zip(&source.weights)
                        {
                            let error = gain * *out - (a * first + b * second);
                            sum += weight * (error * error - taken_out * second * second);
                            *out = slope * weight * error;
                        }
                        *loss = regression.factor * sum + constant;
                    }
                }
            },
        );
    }

    fn slopes(
        &self,
        first: usize,
        losses: &[f32],
        besides: Besides,
        buffers: &mut Buffers,
        tail: &mut [f32],
    ) -> Extras {
        let Buffers { net: block, frames, .. } = buffers;
        let Learned { source, frames: packed } = self.learned;
        if let (Some(packed), Some(frames)) = (packed, frames) {
            let frames = (packed, frames);
            let energy = self.slopes_in_frames(first, losses, besides.energy, block, frames);
            return Extras { energy, ..Extras::default() };
        }
        if source.learned {
            self.source_slopes(first, losses, block, tail);
        }
        let outputs = block.output.chunks_exact_mut(block.output_stride);
        for (&slope, out) in losses.iter().zip(outputs) {
            out[..self.form.config.action_dim].iter_mut().for_each(|x| *x *= slope);
        }
        Extras::default()
    }

    fn behind_inputs(&self, first: usize, buffers: &mut Buffers, tail: &mut [f32]) {
        self.frame_slopes(first, buffers, tail);
    }

    fn tail(&self) -> usize {
        let Learned { source, frames } = self.learned;
        match frames {
            Some(frames) => frames.sums(),
            None if source.learned => self.form.config.action_dim,
            None => 0,
        }
    }

    fn write_tail(&self, sums: &[f32], gradient: &mut [f32]) {
        let end = gradient.len();
        match &self.learned.frames {
            Some(frames) => frames.write(sums, gradient),
            None => gradient[end - sums.len()..].copy_from_slice(sums),
        }
    }
}

/// Returns the taken action of transition `k` of a block in its frame, if there are frames.
#[inline(always)]
fn framed(frames: &Option<Frames>, k: usize, dim: usize) -> Option<&[f32]> {
    frames.as_ref().map(|frames| &frames.taken[k * dim..(k + 1) * dim])
}
