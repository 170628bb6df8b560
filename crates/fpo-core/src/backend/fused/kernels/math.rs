//! Elementary functions on vectors: the activations with their slopes, the time embedding.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::nn::mlp::Activation;
use crate::simd::vector::Simd;

/// Vectors that are computed in lockstep. With one vector alone, the processor would have to wait
/// for the result of each operation before it could start the next.
pub(crate) type Together<V, const NV: usize, const ROWS: usize> = [[V; NV]; ROWS];

/// Replaces each vector of `$x` by `$value`, which can index other arrays with `[$i][$j]`.
macro_rules! each {
    ($x:ident[$i:ident][$j:ident] = $value:expr) => {
        for $i in 0..ROWS {
            for $j in 0..NV {
                $x[$i][$j] = $value;
            }
        }
    };
}

/// Replaces `z` by its activation.
#[inline(always)]
pub(crate) fn activate<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    activation: Activation,
    z: &mut Together<S::V, NV, ROWS>,
) {
    match activation {
        Activation::Silu => {
            let gate = sigmoid(s, z);
            each!(z[i][j] = s.mul(z[i][j], gate[i][j]));
        }
        Activation::Relu => each!(z[i][j] = s.max(z[i][j], s.splat(0.0))),
    }
}

/// Replaces `z` by its activation, and returns the derivative at `z`.
#[inline(always)]
pub(crate) fn activate_with_slope<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    activation: Activation,
    z: &mut Together<S::V, NV, ROWS>,
) -> Together<S::V, NV, ROWS> {
    match activation {
        Activation::Silu => {
            let mut gate = sigmoid(s, z);
            each!(z[i][j] = s.mul(z[i][j], gate[i][j]));
            // g + z·g·(1 − g)
            let rest = |gate| s.sub(s.splat(1.0), gate);
            each!(gate[i][j] = s.mul_add(z[i][j], rest(gate[i][j]), gate[i][j]));
            gate
        }
        Activation::Relu => {
            let mut slope = *z;
            each!(slope[i][j] = s.step(slope[i][j]));
            each!(z[i][j] = s.max(z[i][j], s.splat(0.0)));
            slope
        }
    }
}

/// Returns `1/(1 + e⁻ᶻ)` with an absolute error below 2e-7.
#[inline(always)]
fn sigmoid<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    z: &Together<S::V, NV, ROWS>,
) -> Together<S::V, NV, ROWS> {
    let mut x = *z;
    each!(x[i][j] = s.mul(x[i][j], s.splat(-std::f32::consts::LOG2_E)));
    exp2(s, &mut x);
    each!(x[i][j] = s.add(s.splat(1.0), x[i][j]));
    reciprocal(s, &x)
}

/// Replaces each x, clamped to ±126, by `2ˣ` with a relative error below 2e-7.
///
/// It splits `x = n + f` with whole n, and computes `2^f` by the Cephes polynomial of degree 6 on
/// |f| ≤ ½.
#[inline(always)]
fn exp2<S: Simd, const NV: usize, const ROWS: usize>(s: S, x: &mut Together<S::V, NV, ROWS>) {
    const COEFFICIENTS: [f32; 6] =
        [1.339_887_4e-3, 9.618_437e-3, 5.550_332_5e-2, 2.402_264_8e-1, 6.931_472e-1, 1.0];
    each!(x[i][j] = s.max(x[i][j], s.splat(-126.0)));
    each!(x[i][j] = s.min(x[i][j], s.splat(126.0)));
    let mut n = *x;
    each!(n[i][j] = s.round(n[i][j]));
    each!(x[i][j] = s.sub(x[i][j], n[i][j]));
    let mut p = [[s.splat(1.535_336_2e-4); NV]; ROWS];
    for k in 0..COEFFICIENTS.len() {
        each!(p[i][j] = s.mul_add(p[i][j], x[i][j], s.splat(COEFFICIENTS[k])));
    }
    each!(x[i][j] = s.times_exp2(p[i][j], n[i][j]));
}

/// Returns `1/x` for `x ≥ 1` with a relative error below 2e-7. It takes three Newton steps `y ← y +
/// y·(1 − x·y)` from the guess that negating the exponent gives, which needs a third of the time of
/// a division.
#[inline(always)]
fn reciprocal<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    x: &Together<S::V, NV, ROWS>,
) -> Together<S::V, NV, ROWS> {
    /// With this constant the largest relative error of the guess is smallest, 0.12.
    const GUESS: i32 = 0x7ef3_11c3;
    let mut y = *x;
    each!(y[i][j] = s.minus_bits(GUESS, y[i][j]));
    let mut error = y;
    for _ in 0..3 {
        each!(error[i][j] = s.minus_mul_add(x[i][j], y[i][j], s.splat(1.0)));
        each!(y[i][j] = s.mul_add(y[i][j], error[i][j], y[i][j]));
    }
    y
}

/// Time embeddings `concat(cos(t·2ᵏ), sin(t·2ᵏ))`, as [`crate::time::embed`] computes them.
pub(crate) struct TimeEmbedding {
    frequencies: Vec<f32>,
    /// Quarter turns by which each lane's sine is advanced: 1 makes it a cosine.
    quarters: Vec<f32>,
    dim: usize,
}

/// The largest angle that three parts of π/2 in f32 reduce without loss.
const LARGEST_ANGLE: f32 = 2048.0;

impl TimeEmbedding {
    /// Returns the tables for embeddings of length `dim`, an even number.
    pub(crate) fn new<S: Simd>(_: S, dim: usize) -> TimeEmbedding {
        let half = dim / 2;
        let padded = dim.next_multiple_of(S::LANES);
        let mut frequencies = vec![0.0; padded];
        let mut quarters = vec![0.0; padded];
        for k in 0..half {
            frequencies[k] = (1u64 << k) as f32;
            frequencies[half + k] = frequencies[k];
            quarters[k] = 1.0;
        }
        TimeEmbedding { frequencies, quarters, dim }
    }

    /// Returns how many numbers [`TimeEmbedding::write`] writes, the padding included.
    pub(crate) fn padded_len(&self) -> usize {
        self.frequencies.len()
    }

    /// Writes the embedding of `t` in [0, 1] to the start of `out`, `padded_len` numbers.
    #[inline(always)]
    pub(crate) fn write<S: Simd>(&self, s: S, t: f32, out: &mut [f32]) {
        let out = &mut out[..self.frequencies.len()];
        for at in (0..out.len()).step_by(S::LANES) {
            // SAFETY: the three slices have the same length, a multiple of LANES.
            unsafe {
                let frequency = s.load(self.frequencies.as_ptr().add(at));
                let quarter = s.load(self.quarters.as_ptr().add(at));
                let angle = s.mul(s.splat(t), frequency);
                s.store(out.as_mut_ptr().add(at), shifted_sine(s, angle, quarter));
            }
        }
        let half = self.dim / 2;
        for k in 0..half {
            let angle = t * self.frequencies[k];
            if angle > LARGEST_ANGLE {
                (out[half + k], out[k]) = angle.sin_cos();
            }
        }
    }
}

/// Returns `sin(x + quarter·π/2)` for whole `quarter` and |x| up to 2048, with an absolute error
/// below 2e-7.
#[inline(always)]
fn shifted_sine<S: Simd>(s: S, x: S::V, quarter: S::V) -> S::V {
    let c = |x| s.splat(x);
    let turns = s.round(s.mul(x, c(std::f32::consts::FRAC_2_PI)));
    // π/2 in three parts, the first two of few bits, so that their products with `turns` are exact.
    let mut r = s.mul_add(turns, c(-1.570_312_5), x);
    r = s.mul_add(turns, c(-4.837_513e-4), r);
    r = s.mul_add(turns, c(-7.549_79e-8), r);
    let r2 = s.mul(r, r);
    let mut sine = c(-1.951_529_6e-4);
    sine = s.mul_add(sine, r2, c(8.332_161e-3));
    sine = s.mul_add(sine, r2, c(-1.666_665_5e-1));
    sine = s.mul_add(s.mul(sine, r2), r, r);
    let mut cosine = c(2.443_315_7e-5);
    cosine = s.mul_add(cosine, r2, c(-1.388_731_6e-3));
    cosine = s.mul_add(cosine, r2, c(4.166_664_6e-2));
    let tail = s.mul_add(r2, c(-0.5), c(1.0));
    cosine = s.mul_add(s.mul(cosine, r2), r2, tail);

    // The quadrant q = turns + quarter modulo 4: odd ones take the cosine, 2 and 3 change sign.
    let q = s.add(turns, quarter);
    let floor_half = |q| s.round(s.mul_add(q, c(0.5), c(-0.25)));
    let half = floor_half(q);
    let odd = s.sub(q, s.add(half, half));
    let picked = s.mul_add(odd, cosine, s.mul(s.sub(c(1.0), odd), sine));
    let quarter = floor_half(half);
    let negative = s.sub(half, s.add(quarter, quarter));
    s.mul(picked, s.mul_add(negative, c(-2.0), c(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::isa::{Isa, Kernel, run};

    /// Activation, slope and embedding of many numbers on one instruction set.
    struct Elementary<'a> {
        z: &'a [f32],
        activation: Activation,
    }

    impl Kernel for Elementary<'_> {
        type Output = Vec<[f32; 2]>;

        fn run<S: Simd>(self, s: S) -> Vec<[f32; 2]> {
            let one = |&z: &f32| {
                let (mut value, mut slope) = ([0.0; 16], [0.0; 16]);
                // SAFETY: no vector is longer than 16.
                unsafe {
                    let mut z = [[s.splat(z)]];
                    let [[at_z]] = activate_with_slope(s, self.activation, &mut z);
                    s.store(value.as_mut_ptr(), z[0][0]);
                    s.store(slope.as_mut_ptr(), at_z);
                }
                assert_eq!(value[0], value[S::LANES - 1]);
                [value[0], slope[0]]
            };
            self.z.iter().map(one).collect()
        }
    }

    struct Embedded(f32, usize);

    impl Kernel for Embedded {
        type Output = Vec<f32>;

        fn run<S: Simd>(self, s: S) -> Vec<f32> {
            let embedding = TimeEmbedding::new(s, self.1);
            let mut out = vec![0.0; embedding.padded_len()];
            embedding.write(s, self.0, &mut out);
            out.truncate(self.1);
            out
        }
    }

    fn sets() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available())
    }

    #[test]
    fn silu_and_its_slope_equal_the_formula_in_double_precision() {
        let z: Vec<f32> = (-2000..=2000).map(|k| k as f32 * 0.05).collect();
        for isa in sets() {
            let found = run(isa, Elementary { z: &z, activation: Activation::Silu });
            for (&z, [value, slope]) in z.iter().zip(found) {
                let z = f64::from(z);
                let gate = 1.0 / (1.0 + (-z).exp());
                let errors = [
                    f64::from(value) - z * gate,
                    f64::from(slope) - gate * (1.0 + z * (1.0 - gate)),
                ];
                let largest = errors[0].abs().max(errors[1].abs());
                assert!(largest < 3e-7 * (1.0 + z.abs()), "{} at {z}: {errors:?}", isa.name());
            }
        }
    }

    #[test]
    fn relu_is_zero_below_zero() {
        for isa in sets() {
            let z = [-2.0, -0.0, 0.0, 0.5];
            let found = run(isa, Elementary { z: &z, activation: Activation::Relu });
            assert_eq!(found, [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.5, 1.0]]);
        }
    }

    #[test]
    fn embeddings_equal_the_formula_at_every_frequency() {
        for isa in sets() {
            for dim in [2, 8, 16, 30, 64] {
                for t in [0.0, 0.1, 1.0 / 3.0, 0.7, 1.0] {
                    let found = run(isa, Embedded(t, dim));
                    for k in 0..dim / 2 {
                        let (sin, cos) = f64::from(t * (1u64 << k) as f32).sin_cos();
                        let off = (f64::from(found[k]) - cos)
                            .abs()
                            .max((f64::from(found[dim / 2 + k]) - sin).abs());
                        assert!(off < 3e-7, "{} at {t}·2^{k} off by {off:e}", isa.name());
                    }
                }
            }
        }
    }
}
