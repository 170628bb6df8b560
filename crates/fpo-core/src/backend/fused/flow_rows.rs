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
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::backend::fused::loss_rows::{Buffers, LossRows};
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::simd::vector::Simd;

/// Fills and reads the rows of a block.
#[derive(Clone, Copy)]
pub(crate) struct FlowRows<'a, S> {
    pub(crate) s: S,
    pub(crate) config: &'a FlowConfig,
    pub(crate) chain: Option<DenoisingMdp>,
    pub(crate) net: &'a Perceptron,
    pub(crate) embedding: &'a TimeEmbedding,
    pub(crate) batch: &'a Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    /// Losses of an action.
    pub(crate) samples: usize,
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
        let (batch, dim, samples) = (self.batch, self.config.action_dim, self.samples);
        let parametrization = self.config.parametrization();
        if let Some(mdp) = self.chain {
            let state = (row * (samples + 1) + n) * dim;
            let steps = self.config.flow_steps as f64;
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
        let reduction = self.config.loss_reduction.factor(dim);
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
        let spare = self.embedding.padded_len();
        Buffers {
            net: self.net.block(transitions * self.samples, transitions, spare),
            elements: Elements::default(),
        }
    }

    fn forward(&self, first: usize, count: usize, keep: Keep, buffers: &mut Buffers) {
        let FlowRows { s, config, net, embedding, batch, map, samples, .. } = *self;
        let block = &mut buffers.net;
        let dim = config.action_dim;
        for (k, x) in
            block.shared_input.chunks_exact_mut(block.shared_stride).enumerate().take(count)
        {
            map.write(batch.data.obs, self.row(first + k), x);
        }
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
        let FlowRows { s, config, samples, .. } = *self;
        let block = &mut buffers.net;
        let dim = config.action_dim;
        let scale = config.output_scale as f32;
        let constant = match self.chain {
            Some(_) => DenoisingMdp::constant(dim) as f32,
            None => 0.0,
        };
        let output_stride = block.output_stride;
        s.vectorize(
            #[inline(always)]
            || {
                for (k, losses) in losses.chunks_exact_mut(samples).enumerate() {
                    let row = self.row(first + k);
                    for (n, loss) in losses.iter_mut().enumerate() {
                        let regression = self.regression(row, n);
                        let [a, b] = regression.target;
                        let gain = regression.gain * scale;
                        let slope = 2.0 * regression.factor * gain;
                        let at = (k * samples + n) * output_stride;
                        let out = &mut block.output[at..][..dim];
                        let mut sum = 0.0;
                        for ((out, &first), &second) in
                            out.iter_mut().zip(regression.first).zip(regression.second)
                        {
                            let error = gain * *out - (a * first + b * second);
                            sum += error * error;
                            *out = slope * error;
                        }
                        *loss = regression.factor * sum + constant;
                    }
                }
            },
        );
    }
    fn slopes(&self, losses: &[f32], _: f32, buffers: &mut Buffers) -> f64 {
        let block = &mut buffers.net;
        let outputs = block.output.chunks_exact_mut(block.output_stride);
        for (&slope, out) in losses.iter().zip(outputs) {
            out[..self.config.action_dim].iter_mut().for_each(|x| *x *= slope);
        }
        0.0
    }
}
