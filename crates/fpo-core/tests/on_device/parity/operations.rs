//! Single operations of those that losses, samplers and optimisers are composed of, forward and
//! backward, in f32 on the device against f64 on the CPU.

use candle_core::{DType, Device, Result, Tensor, Var};
use fpo_core::{Noise, Purpose};

use super::{PRECISION, relative_error, say};
use crate::device::{device, host};

/// Of the largest entry; a sum of a few hundred numbers and a function take a few roundings.
const ROUNDING: f64 = 2e-6;
const SHAPE: [usize; 3] = [12, 20, 9];

/// A function of two tensors of [`SHAPE`].
type Function = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Operations that only choose or move numbers, so that nothing is rounded.
const EXACT: [(&str, Function); 17] = [
    ("relu", |x, _| x.relu()),
    ("abs", |x, _| x.abs()),
    ("neg", |x, _| x.neg()),
    ("clamp", |x, _| x.clamp(-0.5, 0.75)),
    ("minimum", |x, y| x.minimum(y)),
    ("maximum", |x, y| x.maximum(y)),
    ("max along a dimension", |x, _| x.max(2)),
    ("min along a dimension", |x, _| x.min(1)),
    ("narrow", |x, _| x.narrow(1, 3, 7)?.contiguous()),
    ("transpose", |x, _| x.transpose(0, 2)?.contiguous()),
    ("broadcast_as", |x, _| x.narrow(1, 4, 1)?.broadcast_as(&SHAPE)?.contiguous()),
    ("cat", |x, y| Tensor::cat(&[x, y, x], 1)),
    ("stack", |x, y| Tensor::stack(&[y, x], 0)),
    ("index_select", |x, _| x.index_select(&Tensor::new(&[7u32, 0, 19, 7], x.device())?, 1)),
    ("gather", |x, y| {
        let of_sign = y.narrow(2, 0, 2)?.gt(0.0)?.to_dtype(DType::U32)?;
        x.contiguous()?.gather(&of_sign.contiguous()?, 2)
    }),
    ("where_cond", |x, y| y.gt(0.0)?.where_cond(x, &x.zeros_like()?)),
    ("lt and ge", |x, y| {
        let (below, above) = (x.lt(y)?.to_dtype(x.dtype())?, x.ge(0.25)?.to_dtype(x.dtype())?);
        x.mul(&(below - above)?)
    }),
];

/// Operations that round.
const ROUNDED: [(&str, Function); 26] = [
    ("matmul", |x, y| x.flatten(0, 1)?.matmul(&y.flatten(0, 1)?.narrow(0, 5, 16)?.t()?)),
    ("matmul with a transposed left side", |x, y| x.flatten(0, 1)?.t()?.matmul(&y.flatten(0, 1)?)),
    ("broadcast_add", |x, y| x.broadcast_add(&y.narrow(1, 0, 1)?)),
    ("broadcast_sub", |x, y| x.broadcast_sub(&y.narrow(0, 2, 1)?)),
    ("broadcast_mul", |x, y| x.broadcast_mul(&y.narrow(2, 8, 1)?)),
    ("broadcast_div", |x, y| x.broadcast_div(&(y.narrow(1, 0, 1)?.abs()? + 0.5)?)),
    ("affine", |x, _| x.affine(0.3, -1.7)),
    ("silu", |x, _| x.silu()),
    ("tanh", |x, _| x.tanh()),
    ("exp", |x, _| x.exp()),
    ("log", |x, _| (x.abs()? + 0.5)?.log()),
    ("sqr", |x, _| x.sqr()),
    ("sqrt", |x, _| (x.abs()? + 0.5)?.sqrt()),
    ("recip", |x, _| (x.abs()? + 0.5)?.recip()),
    ("powf", |x, _| (x.abs()? + 0.5)?.powf(1.5)),
    ("cos", |x, _| (x * 3.0)?.cos()),
    ("sin", |x, _| (x * 3.0)?.sin()),
    ("sum of the last dimension", |x, _| x.sum(2)),
    ("sum of the first dimension", |x, _| x.sum(0)),
    ("sum_all", |x, _| x.sqr()?.sum_all()),
    ("mean of a dimension", |x, _| x.mean(1)),
    ("mean_keepdim", |x, _| x.mean_keepdim(1)),
    ("mean_all", |x, _| x.abs()?.mean_all()),
    ("difference", |x, y| x - y),
    ("product", |x, y| x * y),
    ("quotient", |x, y| x / (y.abs()? + 0.5)?),
];

/// The result of `function` and the gradients of a weighted sum of it, in `dtype` on `device`.
fn outcome(function: Function, device: &Device, dtype: DType) -> [Vec<f64>; 3] {
    let draw = |index, shape: &[usize]| {
        let drawn = Noise::new(5).normal_tensor(Purpose::LossNoise, index, shape, &Device::Cpu);
        drawn.unwrap().to_dtype(dtype).unwrap().to_device(device).unwrap()
    };
    let [x, y] = [0, 1].map(|index| Var::from_tensor(&draw(index, &SHAPE)).unwrap());
    let result = function(&x, &y).unwrap();
    let weighted = (&result * draw(2, result.dims())).unwrap().sum_all().unwrap();
    let gradients = weighted.backward().unwrap();
    let gradient = |var: &Var| gradients.get(var).map(host).unwrap_or_default();
    [host(&result), gradient(&x), gradient(&y)]
}

fn largest_error(functions: &[(&str, Function)], allowed: f64) -> f64 {
    let _guard = PRECISION.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut worst = 0.0f64;
    for &(name, function) in functions {
        let found = outcome(function, &device(), DType::F32);
        let expected = outcome(function, &Device::Cpu, DType::F64);
        for (part, (found, expected)) in ["result", "gradient of the first", "of the second"]
            .into_iter()
            .zip(found.iter().zip(&expected))
        {
            let error = relative_error(found, expected);
            assert!(error <= allowed, "{name}, {part}: off by {error:.1e} of {allowed:.0e}");
            worst = worst.max(error);
        }
    }
    worst
}

#[test]
fn operations_that_choose_and_move_numbers_are_exact() {
    // Products of weights and numbers are rounded in gradients, and only there.
    let worst = largest_error(&EXACT, ROUNDING);
    for (name, function) in EXACT {
        let [found, ..] = outcome(function, &device(), DType::F32);
        let [expected, ..] = outcome(function, &Device::Cpu, DType::F64);
        assert!(found == expected, "{name}: not the numbers it was given");
    }
    say(&format!("operations that choose and move: exact; gradients off by {worst:.1e}"));
}

#[test]
fn operations_that_round_agree_with_double_precision() {
    let worst = largest_error(&ROUNDED, ROUNDING);
    assert!(worst > 0.0, "f32 and f64 cannot agree to the last bit");
    say(&format!("operations that round: off by at most {worst:.1e} of {ROUNDING:.0e}"));
}
