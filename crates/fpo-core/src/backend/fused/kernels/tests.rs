//! The kernels against plain loops in f64, at sizes that fill no vector and no tile evenly.
//!
//! Buffers end with the last number that may be touched, so that Miri and AddressSanitizer see
//! every step beyond (`scripts/sanitize.sh`); sizes are small enough for Miri.

use crate::backend::fused::kernels::gemm::{Bias, Finish, Panels, Rows, forward, times_slope};
use crate::backend::fused::kernels::gradients::{Write, bias_gradient, weight_gradient};
use crate::backend::fused::kernels::packed::Layer;
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::nn::mlp::{Activation, count_parameters};
use crate::simd::aligned::AlignedVec;
use crate::simd::isa::{Isa, Kernel, run};
use crate::simd::vector::Simd;

/// Tests of this name on every instruction set that the processor has.
macro_rules! on_every_set {
    ($(fn $name:ident<$S:ident>($s:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            struct Case;
            impl Kernel for Case {
                type Output = ();
                fn run<$S: Simd>(self, $s: $S) $body
            }
            Isa::ALL.into_iter().filter(|isa| isa.is_available()).for_each(|isa| run(isa, Case));
        }
    )*};
}

/// Numbers between −2 and 2, by the mixing function of SplitMix64: cheap under Miri.
fn random(index: u64, len: usize) -> Vec<f32> {
    let number = |k: usize| {
        let mut x = (index << 32 | k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1 << 22) as f32 - 2.0
    };
    (1..=len).map(number).collect()
}

/// As long as `rows` rows of `width` numbers need to be, `stride` apart.
fn span(rows: usize, stride: usize, width: usize) -> usize {
    (rows - 1) * stride + width
}

fn assert_near(found: f32, expected: f64, about: impl std::fmt::Debug) {
    let error = (f64::from(found) - expected).abs();
    assert!(error < 1e-5 * (1.0 + expected.abs()), "{found} instead of {expected}: {about:?}");
}

/// The activation and its slope.
fn activation(kind: Activation, z: f64) -> (f64, f64) {
    let gate = 1.0 / (1.0 + (-z).exp());
    match kind {
        Activation::Silu => (z * gate, gate + z * gate * (1.0 - gate)),
        Activation::Relu => (z.max(0.0), f64::from(u8::from(z > 0.0))),
    }
}

/// Element `(row, column)` of a product of `a` with a weight `inner × outputs`.
fn product(a: &[f32], stride: usize, weight: &[f32], outputs: usize, at: [usize; 2]) -> f64 {
    let column = weight[at[1]..].iter().step_by(outputs);
    a[at[0] * stride..].iter().zip(column).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum()
}

/// Rows, inputs and outputs of a layer: tiles of every height, panels of one and two vectors.
const SHAPES: [[usize; 3]; 7] =
    [[1, 1, 1], [2, 3, 5], [3, 7, 17], [7, 2, 33], [13, 5, 8], [14, 18, 4], [27, 1, 47]];

/// All of them, but under Miri, which is a thousand times slower and runs the portable kernels
/// only, no larger than it takes to meet each of their tiles.
fn shapes() -> impl Iterator<Item = [usize; 3]> {
    let most = if cfg!(miri) { [7, 5, 9] } else { [usize::MAX; 3] };
    SHAPES.into_iter().map(move |shape| std::array::from_fn(|k| shape[k].min(most[k])))
}

on_every_set! {
    fn a_forward_product_equals_plain_loops<S>(s) {
        for (k, [rows, inputs, outputs]) in shapes().enumerate() {
            let (weight, bias) = (random(1, inputs * outputs), random(2, outputs));
            let mut layer = Layer::new(s, inputs, outputs, false);
            layer.pack(s, &weight, &bias);
            let columns = layer.columns();
            let (a_stride, stride) = (inputs + k, columns + k);
            // The first `inner` inputs alone may be asked for; those behind them do not exist then.
            for inner in [inputs, inputs.div_ceil(2)] {
                let mut a = random(3, span(rows, a_stride, inputs));
                a.truncate(span(rows, a_stride, inner));
                let input = Rows { data: &a, stride: a_stride };
                let before = random(4, span(rows, stride, columns));
                let sum = |row, column: usize, from: f32| {
                    let weight = &weight[..inner * outputs];
                    f64::from(from) + product(&a, a_stride, weight, outputs, [row, column])
                };
                for kind in [Activation::Silu, Activation::Relu] {
                    let mut out = before.clone();
                    let finish = Finish::Activate(kind);
                    let (weights, bias_row) = (layer.forward(inner), Bias::Row(layer.bias()));
                    forward(s, rows, input, weights, bias_row, &mut out, stride, finish);
                    let mut added = before.clone();
                    let mut slope = vec![0.0; before.len()];
                    let finish = Finish::ActivateWithSlope(kind, &mut slope);
                    let weights = layer.forward(inner);
                    forward(s, rows, input, weights, Bias::Output, &mut added, stride, finish);
                    let mut kept = before.clone();
                    let weights = layer.forward(inner);
                    forward(s, rows, input, weights, Bias::Output, &mut kept, stride, Finish::Keep);
                    for row in 0..rows {
                        for (column, &bias) in bias.iter().enumerate() {
                            let at = row * stride + column;
                            let about = (rows, inputs, outputs, inner, kind, row, column);
                            let from_bias = sum(row, column, bias);
                            assert_near(out[at], activation(kind, from_bias).0, about);
                            let z = sum(row, column, before[at]);
                            assert_near(kept[at], z, about);
                            let (value, derivative) = activation(kind, z);
                            assert_near(added[at], value, about);
                            assert_near(slope[at], derivative, about);
                        }
                    }
                }
            }
        }
    }

    fn the_way_back_through_a_layer_equals_plain_loops<S>(s) {
        for (k, [rows, inputs, outputs]) in shapes().enumerate() {
            let weight = random(1, inputs * outputs);
            let mut layer = Layer::new(s, inputs, outputs, true);
            layer.pack(s, &weight, &[]);
            let Panels { columns, .. } = layer.backward();
            let (dz_stride, stride) = (outputs + k, columns + k);
            let dz = random(2, span(rows, dz_stride, outputs));
            let slopes = random(3, span(rows, stride, columns));
            let mut out = slopes.clone();
            let data = Rows { data: &dz, stride: dz_stride };
            times_slope(s, rows, data, layer.backward(), &mut out, stride);
            for row in 0..rows {
                for input in 0..inputs {
                    let weight = &weight[input * outputs..][..outputs];
                    let at = row * stride + input;
                    let sum = product(&dz, dz_stride, weight, 1, [row, 0]);
                    assert_near(out[at], sum * f64::from(slopes[at]), (rows, inputs, outputs));
                }
            }
        }
    }

    fn gradients_of_weight_and_bias_equal_plain_loops<S>(s) {
        for (k, [rows, inner, outputs]) in shapes().enumerate() {
            let columns = outputs.next_multiple_of(S::LANES);
            let (a_stride, dz_stride) = (inner + k, columns + k);
            let a = random(1, span(rows, a_stride, inner));
            let dz = random(2, span(rows, dz_stride, columns));
            let rows_of = |data, stride| Rows { data, stride };
            let (a_rows, dz_rows) = (rows_of(&a, a_stride), rows_of(&dz, dz_stride));
            // Sums that are started must not hear of what lay there.
            let (mut dw, mut db) = (vec![f32::NAN; inner * columns], vec![f32::NAN; columns]);
            for (write, times) in [(Write::Start, 1.0), (Write::Add, 2.0)] {
                weight_gradient(s, rows, inner, columns, a_rows, dz_rows, write, &mut dw);
                bias_gradient(s, rows, columns, dz_rows, write, &mut db);
                for column in 0..columns {
                    let dz = |row: usize| f64::from(dz[row * dz_stride + column]);
                    assert_near(db[column], times * (0..rows).map(dz).sum::<f64>(), "bias");
                    for input in 0..inner {
                        let a = |row: usize| f64::from(a[row * a_stride + input]);
                        let sum = (0..rows).map(|row| a(row) * dz(row)).sum::<f64>();
                        let about = (rows, inner, outputs, input, column, times);
                        assert_near(dw[input * columns + column], times * sum, about);
                    }
                }
            }
        }
    }

    fn a_perceptron_and_its_gradient_equal_plain_loops<S>(s) {
        // Groups of rows, shared inputs, sizes.
        let cases: [([usize; 2], usize, &[usize]); 4] = [
            ([1, 1], 0, &[1, 1, 1]),
            ([5, 1], 0, &[3, 9, 17, 1]),
            ([3, 4], 2, &[7, 5, 6]),
            ([2, 3], 5, &[6, 19, 3, 4]),
        ];
        for ([groups, group], shared, sizes) in cases {
            let rows = groups * group;
            let len = count_parameters(sizes);
            let flat: Vec<f32> = random(1, len).iter().map(|x| 0.5 * x).collect();
            let mut net = Perceptron::new(s, sizes, shared, Activation::Silu);
            net.pack(s, &flat);
            let own = sizes[0] - shared;
            let outputs = sizes[sizes.len() - 1];
            let (common, inputs) = (random(2, groups * shared), random(3, rows * own));
            let upstream = random(4, rows * outputs);

            let mut block = net.block(rows, groups, 0);
            let fill = |buffer: &mut AlignedVec, stride: usize, from: &[f32], width: usize| {
                for (row, from) in buffer.chunks_exact_mut(stride).zip(from.chunks(width.max(1))) {
                    row[..width].copy_from_slice(from);
                }
            };
            let (stride, shared_stride) = (block.input_stride, block.shared_stride);
            fill(&mut block.input, stride, &inputs, own);
            if shared > 0 {
                fill(&mut block.shared_input, shared_stride, &common, shared);
            }
            net.forward_shared(s, groups, &mut block);
            net.forward(s, rows, group, own, None, Keep::Slopes, &mut block);
            let row = |k: usize| {
                let (group, k) = (k / group, k * own);
                [&common[group * shared..][..shared], &inputs[k..k + own]].concat()
            };
            let mut expected = vec![0.0; len];
            for k in 0..rows {
                let upstream = &upstream[k * outputs..][..outputs];
                let output = backpropagate(sizes, &flat, &row(k), upstream, &mut expected);
                for (j, y) in output.into_iter().enumerate() {
                    assert_near(block.output[k * block.output_stride + j], y, (sizes, k, j));
                }
            }
            let stride = block.output_stride;
            fill(&mut block.output, stride, &upstream, outputs);
            let mut sums = vec![f32::NAN; net.gradient().len()];
            net.backward(s, rows, group, &mut block, Write::Start, &mut sums);
            let mut gradient = vec![0.0; len];
            net.gradient().write(&sums, &mut gradient);
            for (k, (&found, expected)) in gradient.iter().zip(expected).enumerate() {
                assert_near(found, expected, (sizes, "gradient", k));
            }
        }
    }
}

/// The output of a SiLU network for one input; adds the gradient of `upstream · output` to `sums`.
fn backpropagate(
    sizes: &[usize],
    flat: &[f32],
    input: &[f32],
    upstream: &[f32],
    sums: &mut [f64],
) -> Vec<f64> {
    let flat: Vec<f64> = flat.iter().map(|&x| f64::from(x)).collect();
    let layers = sizes.len() - 1;
    let offset = |layer: usize| count_parameters(&sizes[..=layer]);
    let mut inputs = vec![input.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()];
    let mut slopes = Vec::new();
    for layer in 0..layers {
        let (below, width, from) = (&inputs[layer], sizes[layer + 1], offset(layer));
        let bias = &flat[from + below.len() * width..][..width];
        let z = (0..width).map(|j| {
            bias[j]
                + below.iter().enumerate().map(|(i, x)| x * flat[from + i * width + j]).sum::<f64>()
        });
        let last = layer + 1 == layers;
        let (values, slope): (Vec<f64>, Vec<f64>) =
            z.map(|z| if last { (z, 1.0) } else { activation(Activation::Silu, z) }).unzip();
        inputs.push(values);
        slopes.push(slope);
    }
    let mut dz: Vec<f64> = upstream.iter().map(|&x| f64::from(x)).collect();
    for layer in (0..layers).rev() {
        let (below, width, from) = (&inputs[layer], sizes[layer + 1], offset(layer));
        for (i, x) in below.iter().enumerate() {
            dz.iter().enumerate().for_each(|(j, d)| sums[from + i * width + j] += x * d);
        }
        let biases = from + below.len() * width;
        dz.iter().enumerate().for_each(|(j, d)| sums[biases + j] += d);
        if layer > 0 {
            let back = |i: usize| {
                dz.iter().enumerate().map(|(j, d)| d * flat[from + i * width + j]).sum::<f64>()
            };
            dz = (0..below.len()).map(|i| back(i) * slopes[layer - 1][i]).collect();
        }
    }
    inputs.pop().unwrap_or_default()
}
