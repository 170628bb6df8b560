//! The width of a flow's source in the kernels ([`crate::SourceWidth`] has the formulas): for
//! noise that becomes actions, and for the losses of a block of transitions.

use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::flow::config::FlowConfig;
use crate::flow::source::{LOG_SCALE_RANGE, SourceWidth, log_scale};
use crate::flow::source_terms::SourceTerms;
use crate::simd::vector::Simd;

/// A width, ready to be computed.
pub(crate) enum PackedWidth {
    /// The same in all states.
    Overall(SourceTerms),
    /// By a network, with the logarithm of `source_std`.
    PerState(Box<Perceptron>, f64),
}

/// The widths of some rows.
#[derive(Default)]
pub(crate) struct Widths {
    /// The buffers of the network, if there is one.
    block: Option<Block>,
    /// What squares in losses are multiplied by, `exp(−2θ)`, `(rows, A)`.
    pub(crate) weights: Vec<f32>,
    /// `Σ ln σ` of each row where the width is learned, else 0.
    pub(crate) log_std: Vec<f32>,
}

impl PackedWidth {
    /// Returns the width of a flow with these parameters.
    pub(crate) fn new<S: Simd>(s: S, config: &FlowConfig, params: &[f32]) -> PackedWidth {
        if config.source_width != SourceWidth::PerState {
            return PackedWidth::Overall(SourceTerms::new(config, params));
        }
        let mut net = Perceptron::new(s, &config.width_sizes(), 0, config.activation);
        net.pack(s, &params[params.len() - net.parameters()..]);
        PackedWidth::PerState(Box::new(net), config.source_std.ln())
    }

    /// Returns whether losses have derivatives with respect to it.
    pub(crate) fn is_learned(&self) -> bool {
        match self {
            PackedWidth::Overall(terms) => terms.learned,
            PackedWidth::PerState(..) => true,
        }
    }

    /// Returns buffers for up to `rows` rows.
    pub(crate) fn buffers(&self, rows: usize) -> Widths {
        match self {
            PackedWidth::Overall(_) => Widths::default(),
            PackedWidth::PerState(net, _) => {
                Widths { block: Some(net.block(rows, 0, 0)), ..Widths::default() }
            }
        }
    }

    /// Multiplies `rows` rows of noise by their widths; `write(k, x)` writes the normalised
    /// observation of row k to `x`.
    pub(crate) fn scale<'a, S: Simd>(
        &self,
        s: S,
        rows: impl ExactSizeIterator<Item = &'a mut [f32]>,
        write: impl Fn(usize, &mut [f32]),
        widths: &mut Widths,
    ) {
        match self {
            PackedWidth::PerState(net, base) => {
                let block = widths.block.get_or_insert_with(|| net.block(rows.len(), 0, 0));
                run(s, net, rows.len(), Keep::Nothing, write, block);
                for (row, out) in rows.zip(block.output.chunks_exact(block.output_stride)) {
                    for (x, &h) in row.iter_mut().zip(out) {
                        *x *= (base + log_scale(f64::from(h))).exp() as f32;
                    }
                }
            }
            PackedWidth::Overall(terms) => rows.for_each(|row| terms.scale(row)),
        }
    }

    /// Computes what the losses of `count` transitions of `dim` action dimensions need; `write(k,
    /// x)` writes the normalised observation of transition k to `x`.
    pub(crate) fn forward<S: Simd>(
        &self,
        s: S,
        (count, dim): (usize, usize),
        keep: Keep,
        write: impl Fn(usize, &mut [f32]),
        widths: &mut Widths,
    ) {
        let Widths { block, weights, log_std } = widths;
        weights.clear();
        log_std.clear();
        match self {
            PackedWidth::Overall(terms) => {
                (0..count).for_each(|_| weights.extend_from_slice(&terms.weights));
                log_std.resize(count, terms.log_std);
            }
            PackedWidth::PerState(net, base) => {
                let block = block.get_or_insert_with(|| net.block(count, 0, 0));
                run(s, net, count, keep, write, block);
                for out in block.output.chunks_exact(block.output_stride).take(count) {
                    let theta = out[..dim].iter().map(|&h| log_scale(f64::from(h)));
                    weights.extend(theta.clone().map(|theta| (-2.0 * theta).exp() as f32));
                    log_std.push(theta.map(|theta| base + theta).sum::<f64>() as f32);
                }
            }
        }
    }

    /// Returns how many sums [`PackedWidth::backward`] adds to.
    pub(crate) fn sums(&self) -> usize {
        match self {
            PackedWidth::Overall(terms) if terms.learned => terms.weights.len(),
            PackedWidth::Overall(_) => 0,
            PackedWidth::PerState(net, _) => net.gradient().len(),
        }
    }

    /// Adds the gradient of the width's parameters to `sums`, given the derivatives `slopes (count,
    /// A)` of a total with respect to θ of each of the transitions of [`PackedWidth::forward`].
    pub(crate) fn backward<S: Simd>(
        &self,
        s: S,
        slopes: &[f32],
        dim: usize,
        widths: &mut Widths,
        sums: &mut [f32],
    ) {
        let rows = slopes.chunks_exact(dim);
        match self {
            PackedWidth::Overall(_) => rows.for_each(|row| {
                sums.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
            }),
            PackedWidth::PerState(net, _) => {
                let count = rows.len();
                let block = widths.block.get_or_insert_with(|| net.block(count, 0, 0));
                for (out, row) in block.output.chunks_exact_mut(block.output_stride).zip(rows) {
                    for (out, slope) in out.iter_mut().zip(row) {
                        // θ = R·tanh(h/R), so that dθ/dh = 1 − (θ/R)².
                        let share = log_scale(f64::from(*out)) / LOG_SCALE_RANGE;
                        *out = slope * (1.0 - share * share) as f32;
                    }
                }
                net.backward(s, count, 1, block, Write::Add, sums);
            }
        }
    }

    /// Writes the `sums` of all blocks to the end of `gradient`, where the width's parameters are.
    pub(crate) fn write(&self, sums: &[f32], gradient: &mut [f32]) {
        let end = gradient.len();
        match self {
            PackedWidth::Overall(_) => gradient[end - sums.len()..].copy_from_slice(sums),
            PackedWidth::PerState(net, _) => {
                net.gradient().write(sums, &mut gradient[end - net.parameters()..]);
            }
        }
    }
}

/// Computes the outputs of the network of widths for `count` rows.
fn run<S: Simd>(
    s: S,
    net: &Perceptron,
    count: usize,
    keep: Keep,
    write: impl Fn(usize, &mut [f32]),
    block: &mut Block,
) {
    let rows = block.input.chunks_exact_mut(block.input_stride).take(count);
    rows.enumerate().for_each(|(k, x)| write(k, x));
    net.forward(s, count, 1, net.inputs(), None, keep, block);
}
