//! The rows of a flow policy's block: network inputs from transitions and samples, losses from
//! outputs.
//!
//! A row is a regression of the network's scaled output `p` at one flow time. A flow is regressed
//! on a Monte-Carlo pair, a chain on one of its transitions ([`crate::path`],
//! [`crate::DenoisingMdp`]):
//!
//! ```text
//! flow:   input x_t = α·a + σ·ε   target v, ε or a            g = 1      f = reduction·weight²
//! chain:  input x_k               target x_{k+1} − keep·x_k   g = gain   f = ½/σ²
//! loss = f·Σ (g·p − target)² + constant
//! ```
//!
//! All rows of an action share its observation.

use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::kernels::embedding::TimeEmbedding;
use crate::backend::fused::kernels::normal::Elements;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::backend::fused::loss_rows::{Buffers, LossRows};
use crate::backend::fused::source_width::{PackedWidth, Widths};
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::simd::vector::Simd;

/// What a flow's kernels know of its settings.
pub(crate) struct FlowForm {
    config: FlowConfig,
    chain: Option<DenoisingMdp>,
    embedding: TimeEmbedding,
    /// [`FlowConfig::loss_factor`].
    reduction: f64,
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

    /// Returns the width of the source under these parameters.
    pub(crate) fn width<S: Simd>(&self, s: S, params: &[f32]) -> PackedWidth {
        PackedWidth::new(s, &self.config, params)
    }
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
    /// The width of the source.
    pub(crate) width: &'a PackedWidth,
}

/// One row, whose input and target are weighted sums of two stored vectors.
struct Regression<'a> {
    /// The action, or the state a transition leads to.
    first: &'a [f32],
    /// The noise, or the state that the transition comes from.
    second: &'a [f32],
    /// Flow time.
    t: f32,
    /// Shares of the two in the input.
    input: [f32; 2],
    /// Shares of the two in the target.
    target: [f32; 2],
    /// Factor on the prediction.
    gain: f32,
    /// Factor on the sum of squares.
    factor: f32,
}

impl<S: Simd> FlowRows<'_, S> {
    /// Returns the regression of sample `n` of the rollout's transition `row`.
    #[inline(always)]
    fn regression(&self, row: usize, n: usize) -> Regression<'_> {
        let FlowForm { config, chain, reduction, .. } = self.form;
        let (batch, dim, samples) = (self.batch, config.action_dim, self.samples);
        let parametrization = config.parametrization();
        if let Some(mdp) = chain {
            let state = (row * (samples + 1) + n) * dim;
            let steps = config.flow_steps as f64;
            let (t, end) = ((samples - n) as f64 / steps, (samples - n - 1) as f64 / steps);
            let (keep, gain) = parametrization.step(t, end);
            return Regression {
                first: &batch.data.stored[state + dim..state + 2 * dim],
                second: &batch.data.stored[state..state + dim],
                t: t as f32,
                input: [0.0, 1.0],
                target: [1.0, -keep as f32],
                gain: gain as f32,
                factor: (0.5 / mdp.deviation().powi(2)) as f32,
            };
        }
        let sample = row * samples + n;
        let t = batch.data.t[sample];
        let rule = parametrization.regression(f64::from(t));
        Regression {
            first: &batch.data.action[row * dim..(row + 1) * dim],
            second: &batch.data.stored[sample * dim..(sample + 1) * dim],
            t,
            input: [rule.alpha as f32, rule.sigma as f32],
            target: [rule.action_share as f32, rule.noise_share as f32],
            gain: 1.0,
            factor: (reduction * rule.weight * rule.weight) as f32,
        }
    }
}

impl<S: Simd> FlowRows<'_, S> {
    /// Returns the derivatives `(count, A)` with respect to each transition's θ, while the outputs
    /// hold what [`LossRows::losses`] left: `∂L/∂θ = 1 − 2·f·w·(e² − ε²)`.
    fn width_slopes(
        &self,
        first: usize,
        losses: &[f32],
        block: &Block,
        widths: &Widths,
    ) -> Vec<f32> {
        let FlowRows { form, samples, .. } = *self;
        let (dim, scale) = (form.config.action_dim, form.config.output_scale as f32);
        let mut slopes = vec![0.0; losses.len() / samples * dim];
        let outputs = block.output.chunks_exact(block.output_stride);
        for (k, (&slope, out)) in losses.iter().zip(outputs).enumerate() {
            let own = k / samples * dim..(k / samples + 1) * dim;
            let (weights, sums) = (&widths.weights[own.clone()], &mut slopes[own]);
            let regression = self.regression(self.row(first + k / samples), k % samples);
            let per_error = 2.0 * regression.factor * regression.gain * scale;
            if per_error == 0.0 {
                // A row without weight, such as one of predicted noise at time 0, has no squares.
                sums.iter_mut().for_each(|sum| *sum += slope);
                continue;
            }
            for (((sum, &out), &noise), &weight) in
                sums.iter_mut().zip(out).zip(regression.second).zip(weights)
            {
                let error = out / (per_error * weight);
                let squares = error * error - noise * noise;
                *sum += slope * (1.0 - 2.0 * regression.factor * weight * squares);
            }
        }
        slopes
    }
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
            widths: self.width.buffers(transitions),
        }
    }

    fn forward(&self, first: usize, count: usize, keep: Keep, buffers: &mut Buffers) {
        let FlowRows { s, form, net, batch, map, samples, width } = *self;
        let FlowForm { config, embedding, .. } = form;
        let Buffers { net: block, widths, .. } = buffers;
        let dim = config.action_dim;
        let write = |k: usize, x: &mut [f32]| map.write(batch.data.obs, self.row(first + k), x);
        width.forward(s, (count, dim), keep, write, widths);
        let shared = block.shared_input.chunks_exact_mut(block.shared_stride).take(count);
        shared.enumerate().for_each(|(k, x)| write(k, x));
        let stride = block.input_stride;
        let groups = block.input.chunks_exact_mut(samples * stride).take(count);
        s.vectorize(
            #[inline(always)]
            || {
                for (k, rows) in groups.enumerate() {
                    let row = self.row(first + k);
                    for (n, x) in rows.chunks_exact_mut(stride).enumerate() {
                        let regression = self.regression(row, n);
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

    /// Replaces the outputs by the gradients of the losses with respect to them.
    fn losses(&self, first: usize, buffers: &mut Buffers, losses: &mut [f32]) {
        let FlowRows { s, form: FlowForm { config, chain, .. }, samples, width, .. } = *self;
        let Buffers { net: block, widths, .. } = buffers;
        let dim = config.action_dim;
        let scale = config.output_scale as f32;
        let of_chain = chain.map(|_| DenoisingMdp::constant(dim) as f32);
        // What the noise itself adds to the squares is taken out where its width is learned.
        let learned = if width.is_learned() { 1.0 } else { 0.0 };
        let output_stride = block.output_stride;
        s.vectorize(
            #[inline(always)]
            || {
                for (k, losses) in losses.chunks_exact_mut(samples).enumerate() {
                    let row = self.row(first + k);
                    let weights = &widths.weights[k * dim..(k + 1) * dim];
                    let constant = of_chain.unwrap_or(widths.log_std[k]);
                    for (n, loss) in losses.iter_mut().enumerate() {
                        let regression = self.regression(row, n);
                        let [a, b] = regression.target;
                        let gain = regression.gain * scale;
                        let slope = 2.0 * regression.factor * gain;
                        let at = (k * samples + n) * output_stride;
                        let out = &mut block.output[at..][..dim];
                        let mut sum = 0.0;
                        for (((out, &first), &second), &weight) in
                            out.iter_mut().zip(regression.first).zip(regression.second).zip(weights)
                        {
                            let error = gain * *out - (a * first + b * second);
                            sum += weight * (error * error - learned * second * second);
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
        _entropy: f32,
        buffers: &mut Buffers,
        tail: &mut [f32],
    ) -> f64 {
        let Buffers { net: block, widths, .. } = buffers;
        let dim = self.form.config.action_dim;
        if self.width.is_learned() {
            let slopes = self.width_slopes(first, losses, block, widths);
            self.width.backward(self.s, &slopes, dim, widths, tail);
        }
        let outputs = block.output.chunks_exact_mut(block.output_stride);
        for (&slope, out) in losses.iter().zip(outputs) {
            out[..dim].iter_mut().for_each(|x| *x *= slope);
        }
        0.0
    }

    fn tail(&self) -> usize {
        self.width.sums()
    }

    fn write_tail(&self, sums: &[f32], gradient: &mut [f32]) {
        self.width.write(sums, gradient);
    }
}
