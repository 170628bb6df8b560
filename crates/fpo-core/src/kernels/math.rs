//! Elementary functions on vectors: exp, the activations with their slopes, the time embedding.

use super::simd::Simd;
use crate::Activation;

/// `eˣ` for x clamped to ±87, relative error below 2e-7.
///
/// `x = n·ln 2 + r` with whole n, and `e^r` by the Cephes polynomial of degree 6 on |r| ≤ ln 2 / 2.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let c = |x| s.splat(x);
    let x = s.min(s.max(x, c(-87.0)), c(87.0));
    let n = s.round(s.mul(x, c(std::f32::consts::LOG2_E)));
    let r = s.mul_add(n, c(-LN2_HIGH), x);
    let r = s.mul_add(n, c(-LN2_LOW), r);
    let mut p = c(1.987_569_1e-4);
    for k in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = s.mul_add(p, r, c(k));
    }
    let p = s.add(s.mul_add(p, s.mul(r, r), r), c(1.0));
    s.mul(p, s.exp2_whole(n))
}

/// The activation at `z`.
#[inline(always)]
pub(crate) fn activate<S: Simd>(s: S, activation: Activation, z: S::V) -> S::V {
    match activation {
        Activation::Silu => s.mul(z, sigmoid(s, z)),
        Activation::Relu => s.max(z, s.splat(0.0)),
    }
}

/// The activation at `z` and its derivative there.
#[inline(always)]
pub(crate) fn activate_with_slope<S: Simd>(s: S, activation: Activation, z: S::V) -> (S::V, S::V) {
    match activation {
        Activation::Silu => {
            let gate = sigmoid(s, z);
            let value = s.mul(z, gate);
            (value, s.mul_add(value, s.sub(s.splat(1.0), gate), gate))
        }
        Activation::Relu => (s.max(z, s.splat(0.0)), s.step(z)),
    }
}

#[inline(always)]
fn sigmoid<S: Simd>(s: S, z: S::V) -> S::V {
    let one = s.splat(1.0);
    reciprocal(s, s.add(one, exp(s, s.sub(s.splat(0.0), z))))
}

/// `1/x` for `x ≥ 1`, relative error below 2e-7: three Newton steps `y ← y + y·(1 − x·y)` from the
/// guess that negating the exponent gives, a third of the time that a division takes.
#[inline(always)]
fn reciprocal<S: Simd>(s: S, x: S::V) -> S::V {
    /// Halves the largest relative error of the guess, which is then 0.12.
    const GUESS: i32 = 0x7ef3_11c3;
    let minus_x = s.sub(s.splat(0.0), x);
    let mut y = s.minus_bits(GUESS, x);
    for _ in 0..3 {
        let error = s.mul_add(minus_x, y, s.splat(1.0));
        y = s.mul_add(y, error, y);
    }
    y
}

/// Time embeddings `concat(cos(t·2ᵏ), sin(t·2ᵏ))`, as [`crate::time::embed`].
pub(crate) struct TimeEmbedding {
    frequencies: Vec<f32>,
    /// Quarter turns by which each lane's sine is advanced: 1 makes it a cosine.
    quarters: Vec<f32>,
    dim: usize,
}

/// Angles up to here are reduced with three parts of π/2 in f32 without loss.
const LARGEST_ANGLE: f32 = 2048.0;

impl TimeEmbedding {
    /// Embeddings of length `dim`, an even number.
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

    /// Numbers that [`TimeEmbedding::write`] writes, the padding included.
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

/// `sin(x + quarter·π/2)` for whole `quarter` and |x| up to 2048, absolute error below 2e-7.
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
