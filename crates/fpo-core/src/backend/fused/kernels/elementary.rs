//! Elementary functions on vectors, several vectors in lockstep.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::simd::vector::{ROUNDER, Simd};

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
pub(super) use each;

/// Where the sigmoid stops to fall, at 9e-14. Units that are as good as dead would have values and
/// slopes whose products are subnormal numbers, on which Intel's processors are many times slower.
const LEAST: f32 = -30.0;

/// Returns `1/(1 + e⁻ᶻ)` with an absolute error below 2e-7; it is never below 9e-14.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    z: &Together<S::V, NV, ROWS>,
) -> Together<S::V, NV, ROWS> {
    let mut x = *z;
    exp_minus_from(s, &mut x, LEAST);
    each!(x[i][j] = s.add(s.splat(1.0), x[i][j]));
    reciprocal(s, &x)
}

/// Replaces each z, clamped to ±87, by `e⁻ᶻ` with a relative error below 3e-7 + 1.5e-8·|z|.
///
/// It splits `−z·log₂e = n + f` with whole n, and computes `2^f` by the polynomial of degree 5 that
/// is 1 at 0 and has the smallest relative error on |f| ≤ ½, 9e-8. Adding 1.5·2²³ rounds to a whole
/// number, which then stands in the lowest bits of the sum, from where it is shifted into the
/// exponent.
#[inline(always)]
pub(crate) fn exp_minus<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    x: &mut Together<S::V, NV, ROWS>,
) {
    exp_minus_from(s, x, -87.0);
}

/// Does what [`exp_minus`] does for z clamped to `least` to 87.
#[inline(always)]
fn exp_minus_from<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    x: &mut Together<S::V, NV, ROWS>,
    least: f32,
) {
    #[allow(clippy::approx_constant, reason = "a coefficient near ln 2, which it is not")]
    const COEFFICIENTS: [f32; 5] = [9.671_513e-3, 5.550_733_6e-2, 2.402_224_5e-1, 6.931_47e-1, 1.0];
    let (log2e, rounder) = (s.splat(std::f32::consts::LOG2_E), s.splat(ROUNDER));
    each!(x[i][j] = s.max(x[i][j], s.splat(least)));
    each!(x[i][j] = s.min(x[i][j], s.splat(87.0)));
    let mut n = *x;
    each!(n[i][j] = s.minus_mul_add(n[i][j], log2e, rounder));
    let mut f = n;
    each!(f[i][j] = s.sub(rounder, f[i][j]));
    each!(f[i][j] = s.minus_mul_add(x[i][j], log2e, f[i][j]));
    each!(x[i][j] = s.splat(1.326_472_7e-3));
    for k in 0..COEFFICIENTS.len() {
        each!(x[i][j] = s.mul_add(x[i][j], f[i][j], s.splat(COEFFICIENTS[k])));
    }
    each!(x[i][j] = s.times_exp2(x[i][j], n[i][j]));
}

/// Returns `1/x` for positive normal numbers `x` below 1e38 with a relative error below 2e-7. It
/// takes three Newton steps `y ← y + y·(1 − x·y)` from the guess that negating the exponent gives,
/// which needs a third of the time of a division.
#[inline(always)]
pub(crate) fn reciprocal<S: Simd, const NV: usize, const ROWS: usize>(
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

/// Replaces each x in [0, 1] by `ln(1 + x)` with a relative error below 2e-7: x times the
/// polynomial of degree 8 with the smallest relative error, 3e-8, that is 1 at 0.
#[inline(always)]
pub(crate) fn ln_1p<S: Simd, const NV: usize, const ROWS: usize>(
    s: S,
    x: &mut Together<S::V, NV, ROWS>,
) {
    const COEFFICIENTS: [f32; 8] = [
        -3.006_575_6e-2,
        7.920_448e-2,
        -1.375_379_9e-1,
        1.915_365_3e-1,
        -2.485_716_3e-1,
        3.332_132_4e-1,
        -4.999_965e-1,
        1.0,
    ];
    let mut p = [[s.splat(5.364_814_3e-3); NV]; ROWS];
    for k in 0..COEFFICIENTS.len() {
        each!(p[i][j] = s.mul_add(p[i][j], x[i][j], s.splat(COEFFICIENTS[k])));
    }
    each!(x[i][j] = s.mul(x[i][j], p[i][j]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::isa::{Isa, Kernel, run};

    /// Exponential, reciprocal and logarithm of each number, on one instruction set.
    struct Elementary<'a>(&'a [f32]);

    impl Kernel for Elementary<'_> {
        type Output = Vec<[f32; 3]>;

        fn run<S: Simd>(self, s: S) -> Vec<[f32; 3]> {
            let first = |v: S::V| {
                let mut lanes = [0.0f32; 16];
                // SAFETY: no vector is longer than 16.
                unsafe { s.store(lanes.as_mut_ptr(), v) };
                assert_eq!(lanes[0].to_bits(), lanes[S::LANES - 1].to_bits());
                lanes[0]
            };
            let each = |&x: &f32| {
                let (mut e, mut l) = ([[s.splat(x)]], [[s.splat(x)]]);
                exp_minus(s, &mut e);
                ln_1p(s, &mut l);
                [first(e[0][0]), first(reciprocal(s, &[[s.splat(x)]])[0][0]), first(l[0][0])]
            };
            self.0.iter().map(each).collect()
        }
    }

    fn relative(found: f32, expected: f64) -> f64 {
        (f64::from(found) / expected - 1.0).abs()
    }

    #[test]
    fn elementary_functions_equal_those_in_double_precision() {
        let wide: Vec<f32> = (-860..=860).map(|k| k as f32 * 0.1).collect();
        let positive: Vec<f32> = (-800..=1200).map(|k| 2f32.powf(k as f32 * 0.1)).collect();
        let unit: Vec<f32> = (1..=4096).map(|k| k as f32 / 4096.0).collect();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            // The argument of the exponential is rounded, as are log₂e and, where it is not fused,
            // the product with it.
            let allowed = |x: f32| match isa {
                Isa::Portable => 3e-7 + 1.5e-7 * f64::from(x.abs()),
                Isa::Avx2 | Isa::Avx512 => 3e-7 + 1.5e-8 * f64::from(x.abs()),
            };
            for (&x, [found, ..]) in wide.iter().zip(run(isa, Elementary(&wide))) {
                let off = relative(found, (-f64::from(x)).exp());
                assert!(off < allowed(x), "exp(-{x}) on {} off by {off:e}", isa.name());
            }
            for (&x, [_, found, _]) in positive.iter().zip(run(isa, Elementary(&positive))) {
                let off = relative(found, 1.0 / f64::from(x));
                assert!(off < 3e-7, "1/{x} on {} off by {off:e}", isa.name());
            }
            for (&x, [.., found]) in unit.iter().zip(run(isa, Elementary(&unit))) {
                let off = relative(found, f64::from(x).ln_1p());
                assert!(off < 3e-7, "ln(1 + {x}) on {} off by {off:e}", isa.name());
            }
            assert_eq!(run(isa, Elementary(&[0.0]))[0][2], 0.0);
        }
    }
}
