//! Activations with their slopes, on vectors.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::backend::fused::kernels::elementary::{Together, each, sigmoid};
use crate::simd::vector::Simd;

/// An activation on vectors.
pub(crate) trait Activate: Copy {
    /// Replaces `z` by its activation.
    fn activate<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    );
    /// Replaces `z` by its activation, and returns the derivative at `z`.
    fn activate_with_slope<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    ) -> Together<S::V, NV, ROWS>;
}

/// [`crate::Activation::Silu`].
#[derive(Clone, Copy)]
pub(crate) struct Silu;

/// [`crate::Activation::Relu`].
#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Activate for Silu {
    #[inline(always)]
    fn activate<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    ) {
        let gate = sigmoid(s, z);
        each!(z[i][j] = s.mul(z[i][j], gate[i][j]));
    }

    #[inline(always)]
    fn activate_with_slope<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    ) -> Together<S::V, NV, ROWS> {
        let mut gate = sigmoid(s, z);
        each!(z[i][j] = s.mul(z[i][j], gate[i][j]));
        // g + z·g·(1 − g)
        let rest = |gate| s.sub(s.splat(1.0), gate);
        each!(gate[i][j] = s.mul_add(z[i][j], rest(gate[i][j]), gate[i][j]));
        gate
    }
}

impl Activate for Relu {
    #[inline(always)]
    fn activate<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    ) {
        each!(z[i][j] = s.max(z[i][j], s.splat(0.0)));
    }

    #[inline(always)]
    fn activate_with_slope<S: Simd, const NV: usize, const ROWS: usize>(
        s: S,
        z: &mut Together<S::V, NV, ROWS>,
    ) -> Together<S::V, NV, ROWS> {
        let mut slope = *z;
        each!(slope[i][j] = s.step(slope[i][j]));
        Self::activate(s, z);
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::mlp::Activation;
    use crate::simd::isa::{Isa, Kernel, run};

    /// Activation and slope of many numbers on one instruction set.
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
                    let [[at_z]] = match self.activation {
                        Activation::Silu => Silu::activate_with_slope(s, &mut z),
                        Activation::Relu => Relu::activate_with_slope(s, &mut z),
                    };
                    s.store(value.as_mut_ptr(), z[0][0]);
                    s.store(slope.as_mut_ptr(), at_z);
                }
                assert_eq!(value[0], value[S::LANES - 1]);
                [value[0], slope[0]]
            };
            self.z.iter().map(one).collect()
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

    /// Products of values and slopes stay normal numbers, of which processors are not slow.
    #[test]
    fn silu_and_its_slope_are_nowhere_tiny_but_at_zero() {
        let z: Vec<f32> = (1..=2000).map(|k| k as f32 * -0.5).collect();
        for isa in sets() {
            let found = run(isa, Elementary { z: &z, activation: Activation::Silu });
            for (z, numbers) in z.iter().zip(found) {
                let least = numbers.iter().fold(f32::INFINITY, |least, x| least.min(x.abs()));
                assert!(least > 1e-14, "{numbers:?} at {z} on {}", isa.name());
                assert!(*z > -40.0 || numbers[0].abs() < 1e-9, "{numbers:?} at {z}");
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
}
