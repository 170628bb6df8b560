//! A perceptron on a block of rows: forward, and backward into a gradient accumulator.
//!
//! Hidden layer i keeps its activations and, in the same shape, its slopes `act′(z)`; the backward
//! pass replaces the slopes by `dz`. Where many rows share a part of the input (an observation, for
//! all Monte-Carlo samples of its action) that part has a layer of its own, so that it is
//! multiplied once and its result is added to each row.

use rayon::prelude::*;

use crate::backend::fused::kernels::gemm::{Bias, Finish, Rows, forward, times_slope};
use crate::backend::fused::kernels::gradients::{Write, bias_gradient, weight_gradient};
use crate::backend::fused::kernels::groups::{gather, spread};
use crate::backend::fused::kernels::packed::{GradientLayout, Layer, row_stride};
use crate::nn::mlp::{Activation, count_parameters};
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// Parameters below which one thread packs all: it takes no longer than to wake another.
const PACKED_ALONE: usize = 16_384;

/// Packed weights of a network with at least one hidden layer.
#[derive(Clone)]
pub(crate) struct Perceptron {
    sizes: Vec<usize>,
    activation: Activation,
    shared_inputs: usize,
    shared: Option<Layer>,
    layers: Vec<Layer>,
    gradient: GradientLayout,
}

/// The buffers of one block.
pub(crate) struct Block {
    /// Inputs of the rows, the shared part left out.
    pub(crate) input: AlignedVec,
    /// Distance between rows of `input`, in numbers.
    pub(crate) input_stride: usize,
    activations: Vec<AlignedVec>,
    slopes: Vec<AlignedVec>,
    /// The network's output; for the backward pass, the gradient with respect to it.
    pub(crate) output: AlignedVec,
    /// Distance between rows of `output`, in numbers.
    pub(crate) output_stride: usize,
    /// Shared inputs, one row per group.
    pub(crate) shared_input: AlignedVec,
    /// Distance between rows of `shared_input`, in numbers.
    pub(crate) shared_stride: usize,
    shared_sums: AlignedVec,
}

/// What a forward pass keeps for a backward pass.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Keep {
    /// Activations only.
    Nothing,
    /// Slopes as well.
    Slopes,
}

impl Perceptron {
    /// Returns a network of `sizes` (input, hidden…, output). Its first `shared_inputs` inputs are
    /// the same for all rows of a group.
    pub(crate) fn new<S: Simd>(
        s: S,
        sizes: &[usize],
        shared_inputs: usize,
        activation: Activation,
    ) -> Perceptron {
        let layer = |(k, pair): (usize, &[usize])| match k {
            0 => Layer::new(s, pair[0] - shared_inputs, pair[1], false),
            _ => Layer::new(s, pair[0], pair[1], true),
        };
        Perceptron {
            sizes: sizes.to_vec(),
            activation,
            shared_inputs,
            shared: (shared_inputs > 0).then(|| Layer::new(s, shared_inputs, sizes[1], false)),
            layers: sizes.windows(2).enumerate().map(layer).collect(),
            gradient: GradientLayout::new(s, sizes),
        }
    }

    /// Packs the weights of `flat`, which holds for each layer the weight `(in, out)` and then the
    /// bias. Large layers are packed side by side.
    pub(crate) fn pack<S: Simd>(&mut self, s: S, flat: &[f32]) {
        let mut tasks = Vec::with_capacity(self.layers.len() + 1);
        let mut rest = flat;
        let (mut shared, above) = (self.shared.as_mut(), self.shared_inputs);
        for (layer, pair) in self.layers.iter_mut().zip(self.sizes.windows(2)) {
            let (weight, tail) = rest.split_at(pair[0] * pair[1]);
            let (bias, tail) = tail.split_at(pair[1]);
            rest = tail;
            match shared.take() {
                Some(shared) => {
                    let (above, below) = weight.split_at(above * pair[1]);
                    tasks.extend([(shared, above, bias), (layer, below, &[][..])]);
                }
                None => tasks.push((layer, weight, bias)),
            }
        }
        let pack =
            |(layer, weight, bias): (&mut Layer, &[f32], &[f32])| layer.pack(s, weight, bias);
        match flat.len() < PACKED_ALONE {
            true => tasks.into_iter().for_each(pack),
            false => tasks.into_par_iter().with_max_len(1).for_each(pack),
        }
    }

    /// Returns the number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.sizes[0]
    }

    /// Returns the number of its weights and biases.
    pub(crate) fn parameters(&self) -> usize {
        count_parameters(&self.sizes)
    }

    /// Returns the layout of its gradients.
    pub(crate) fn gradient(&self) -> &GradientLayout {
        &self.gradient
    }

    /// Returns buffers for up to `rows` rows in up to `groups` groups. `spare` more numbers can be
    /// written behind each row of the input.
    pub(crate) fn block(&self, rows: usize, groups: usize, spare: usize) -> Block {
        let hidden = &self.layers[..self.layers.len() - 1];
        let buffers = || {
            let stride = |layer: &Layer| row_stride(layer.columns());
            hidden.iter().map(|layer| AlignedVec::zeros(rows * stride(layer))).collect()
        };
        let output_stride = row_stride(self.layers[hidden.len()].columns());
        let input_stride = row_stride(self.layers[0].inputs() + spare);
        let shared_stride = row_stride(self.shared_inputs);
        let shared_columns = self.shared.as_ref().map_or(0, |layer| row_stride(layer.columns()));
        Block {
            input: AlignedVec::zeros(rows * input_stride),
            input_stride,
            activations: buffers(),
            slopes: buffers(),
            output: AlignedVec::zeros(rows * output_stride),
            output_stride,
            shared_input: AlignedVec::zeros(groups * shared_stride),
            shared_stride,
            shared_sums: AlignedVec::zeros(groups * shared_columns),
        }
    }

    /// Returns what a backward pass left in `block`: the gradient with respect to the first layer's
    /// sums.
    pub(crate) fn first_gradient<'a>(&self, block: &'a Block) -> Rows<'a> {
        Rows { data: &block.slopes[0], stride: row_stride(self.layers[0].columns()) }
    }

    /// Computes the shared part's sums, bias included, for `groups` groups.
    #[inline(always)]
    pub(crate) fn forward_shared<S: Simd>(&self, s: S, groups: usize, block: &mut Block) {
        let Some(layer) = &self.shared else { return };
        let input = Rows { data: &block.shared_input, stride: block.shared_stride };
        let (weights, bias) = (layer.forward(layer.inputs()), Bias::Row(layer.bias()));
        let stride = row_stride(layer.columns());
        let sums = &mut block.shared_sums;
        forward(s, groups, input, weights, bias, sums, stride, Finish::Keep);
    }

    /// Computes the output for `rows` rows; each group of `group` rows has one shared part. Only
    /// the first `inner` of a row's own inputs are read, and `extra`, a padded row, is added to the
    /// first layer's sums.
    #[allow(clippy::too_many_arguments, reason = "a forward pass has this many sides")]
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(
        &self,
        s: S,
        rows: usize,
        group: usize,
        inner: usize,
        extra: Option<&[f32]>,
        keep: Keep,
        block: &mut Block,
    ) {
        let first = &self.layers[0];
        let stride = row_stride(first.columns());
        let bias = match &self.shared {
            None => Bias::Row(first.bias()),
            Some(_) => {
                let sums = Rows { data: &block.shared_sums, stride };
                spread(s, rows, group, first.columns(), sums, extra, &mut block.activations[0]);
                Bias::Output
            }
        };
        let input = Rows { data: &block.input, stride: block.input_stride };
        let finish = self.finish(keep, &mut block.slopes[0]);
        let out = &mut block.activations[0];
        forward(s, rows, input, first.forward(inner), bias, out, stride, finish);

        let last = self.layers.len() - 1;
        for k in 1..last {
            let layer = &self.layers[k];
            let (below, above) = block.activations.split_at_mut(k);
            let input = Rows { data: &below[k - 1], stride: row_stride(layer.inputs()) };
            let (weights, bias) = (layer.forward(layer.inputs()), Bias::Row(layer.bias()));
            let stride = row_stride(layer.columns());
            let finish = self.finish(keep, &mut block.slopes[k]);
            forward(s, rows, input, weights, bias, &mut above[0], stride, finish);
        }
        let layer = &self.layers[last];
        let input = Rows { data: &block.activations[last - 1], stride: row_stride(layer.inputs()) };
        let (weights, bias) = (layer.forward(layer.inputs()), Bias::Row(layer.bias()));
        let stride = block.output_stride;
        forward(s, rows, input, weights, bias, &mut block.output, stride, Finish::Keep);
    }

    fn finish<'a>(&self, keep: Keep, slopes: &'a mut AlignedVec) -> Finish<'a> {
        match keep {
            Keep::Nothing => Finish::Activate(self.activation),
            Keep::Slopes => Finish::ActivateWithSlope(self.activation, slopes),
        }
    }

    /// Writes the gradients of all weights to `sums` or adds them, as `write` says, given the
    /// gradient with respect to the output in `block.output` and what a forward pass with
    /// [`Keep::Slopes`] left there.
    #[inline(always)]
    pub(crate) fn backward<S: Simd>(
        &self,
        s: S,
        rows: usize,
        group: usize,
        block: &mut Block,
        write: Write,
        sums: &mut [f32],
    ) {
        let last = self.layers.len() - 1;
        for k in (1..=last).rev() {
            let layer = &self.layers[k];
            let stride = row_stride(layer.inputs());
            let (below, above) = block.slopes.split_at_mut(k.min(last));
            let dz = match k == last {
                true => Rows { data: &block.output, stride: block.output_stride },
                false => Rows { data: &above[0], stride: row_stride(layer.columns()) },
            };
            let a = Rows { data: &block.activations[k - 1], stride };
            let (inputs, columns) = (layer.inputs(), layer.columns());
            let weight = self.gradient.weight(k, 0, sums);
            weight_gradient(s, rows, inputs, columns, a, dz, write, weight);
            bias_gradient(s, rows, columns, dz, write, self.gradient.bias(k, sums));
            times_slope(s, rows, dz, layer.backward(), &mut below[k - 1], stride);
        }

        let first = &self.layers[0];
        let (inputs, columns) = (first.inputs(), first.columns());
        let stride = row_stride(columns);
        let dz = Rows { data: &block.slopes[0], stride };
        let input = Rows { data: &block.input, stride: block.input_stride };
        let weight = self.gradient.weight(0, self.shared_inputs, sums);
        weight_gradient(s, rows, inputs, columns, input, dz, write, weight);
        if self.shared.is_none() {
            bias_gradient(s, rows, columns, dz, write, self.gradient.bias(0, sums));
            return;
        }
        let groups = rows / group;
        gather(s, groups, group, columns, dz, &mut block.shared_sums);
        let dz = Rows { data: &block.shared_sums, stride };
        let input = Rows { data: &block.shared_input, stride: block.shared_stride };
        let weight = &mut self.gradient.weight(0, 0, sums)[..self.shared_inputs * columns];
        weight_gradient(s, groups, self.shared_inputs, columns, input, dz, write, weight);
        bias_gradient(s, groups, columns, dz, write, self.gradient.bias(0, sums));
    }
}
