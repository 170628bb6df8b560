//! The time embedding on vectors.

use crate::simd::vector::Simd;

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
