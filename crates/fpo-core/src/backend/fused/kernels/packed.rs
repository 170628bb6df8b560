//! The weights of a layer, packed for the matrix products, and the layout of its gradient.

use crate::backend::fused::kernels::gemm::{Panels, panel_width};
use crate::simd::aligned::{AlignedVec, LINE};
use crate::simd::vector::Simd;

/// One linear map `z = a·W (+ b)`.
#[derive(Clone)]
pub(crate) struct Layer {
    inputs: usize,
    outputs: usize,
    forward: AlignedVec,
    backward: AlignedVec,
    bias: AlignedVec,
}

impl Layer {
    /// Returns a map of these sizes, with zeros for weights. `backward` says whether the gradient
    /// with respect to its input will be needed.
    pub(crate) fn new<S: Simd>(_: S, inputs: usize, outputs: usize, backward: bool) -> Layer {
        let columns = outputs.next_multiple_of(S::LANES);
        let backward = if backward { inputs.next_multiple_of(S::LANES) * outputs } else { 0 };
        Layer {
            inputs,
            outputs,
            forward: AlignedVec::zeros(columns * inputs),
            backward: AlignedVec::zeros(backward),
            bias: AlignedVec::zeros(columns),
        }
    }

    /// Copies in `weight`, `inputs × outputs` row-major, and `bias`; an empty `bias` stands for
    /// zeros.
    pub(crate) fn pack<S: Simd>(&mut self, s: S, weight: &[f32], bias: &[f32]) {
        let Layer { inputs, outputs, .. } = *self;
        assert_eq!(weight.len(), inputs * outputs);
        self.bias[..bias.len()].copy_from_slice(bias);
        let columns = self.bias.len();
        let mut column = 0;
        while column < columns {
            let width = panel_width(s, column, columns);
            let used = width.min(outputs - column);
            let panel = &mut self.forward[column * inputs..][..width * inputs];
            for (row, packed) in panel.chunks_exact_mut(width).enumerate() {
                packed[..used].copy_from_slice(&weight[row * outputs + column..][..used]);
            }
            column += width;
        }
        if self.backward.is_empty() {
            return;
        }
        let columns = inputs.next_multiple_of(S::LANES);
        let mut column = 0;
        while column < columns {
            let width = panel_width(s, column, columns);
            let used = width.min(inputs - column);
            let panel = &mut self.backward[column * outputs..][..width * outputs];
            for (j, row) in weight[column * outputs..].chunks_exact(outputs).take(used).enumerate()
            {
                for (packed, &w) in panel[j..].iter_mut().step_by(width).zip(row) {
                    *packed = w;
                }
            }
            column += width;
        }
    }

    /// Returns the number of rows of the weight.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of columns, padded to whole vectors.
    pub(crate) fn columns(&self) -> usize {
        self.bias.len()
    }

    /// Returns the bias, padded with zeros.
    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Returns the first `inner` rows of W, for `a·W` with inputs of `inner` numbers.
    pub(crate) fn forward(&self, inner: usize) -> Panels<'_> {
        Panels { data: &self.forward, packed_inner: self.inputs, inner, columns: self.columns() }
    }

    /// Returns Wᵀ, for `dz·Wᵀ`.
    pub(crate) fn backward(&self) -> Panels<'_> {
        let columns = self.backward.len() / self.outputs;
        let inner = self.outputs;
        Panels { data: &self.backward, packed_inner: inner, inner, columns }
    }
}

/// Returns the distance between rows of an activation buffer, in numbers: whole cache lines, and an
/// odd number of them if rows are long, so that the rows of a tile do not compete for the same
/// cache sets.
pub(crate) fn row_stride(columns: usize) -> usize {
    let lines = columns.div_ceil(LINE);
    LINE * if lines >= 8 { lines | 1 } else { lines }
}

/// The places of a network's gradients in an accumulator: for each layer the rows of the weight and
/// then the bias, each row padded to whole vectors.
#[derive(Clone)]
pub(crate) struct GradientLayout {
    layers: Vec<LayerGradient>,
    len: usize,
}

/// One layer's part of an accumulator.
#[derive(Clone, Copy)]
pub(crate) struct LayerGradient {
    offset: usize,
    inputs: usize,
    outputs: usize,
    columns: usize,
}

impl GradientLayout {
    /// Returns the layout for a perceptron of these sizes.
    pub(crate) fn new<S: Simd>(_: S, sizes: &[usize]) -> GradientLayout {
        let mut len = 0;
        let layer = |pair: &[usize]| {
            let columns = pair[1].next_multiple_of(S::LANES);
            let offset = len;
            len += (pair[0] + 1) * columns;
            LayerGradient { offset, inputs: pair[0], outputs: pair[1], columns }
        };
        let layers = sizes.windows(2).map(layer).collect();
        GradientLayout { layers, len }
    }

    /// Returns the length of an accumulator.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns layer `k`'s weight gradient from row `from` on.
    pub(crate) fn weight<'a>(&self, k: usize, from: usize, sums: &'a mut [f32]) -> &'a mut [f32] {
        let layer = self.layers[k];
        let rows = layer.inputs - from;
        &mut sums[layer.offset + from * layer.columns..][..rows * layer.columns]
    }

    /// Returns layer `k`'s bias gradient.
    pub(crate) fn bias<'a>(&self, k: usize, sums: &'a mut [f32]) -> &'a mut [f32] {
        let layer = self.layers[k];
        &mut sums[layer.offset + layer.inputs * layer.columns..][..layer.columns]
    }

    /// Writes `sums` to `flat`, a gradient without padding.
    pub(crate) fn write(&self, sums: &[f32], flat: &mut [f32]) {
        let mut rest = flat;
        for layer in &self.layers {
            let LayerGradient { offset, inputs, outputs, columns } = *layer;
            let (own, next) = rest.split_at_mut((inputs + 1) * outputs);
            rest = next;
            let rows = sums[offset..].chunks(columns);
            for (out, row) in own.chunks_exact_mut(outputs).zip(rows) {
                out.copy_from_slice(&row[..outputs]);
            }
        }
    }
}
