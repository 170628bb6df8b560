//! What a matrix product does with its complete sums: one type for each, so that every kernel is
//! compiled for its own end and decides nothing while it runs.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use std::marker::PhantomData;

use crate::backend::fused::kernels::activations::Activate;
use crate::backend::fused::kernels::elementary::Together;
use crate::simd::vector::Simd;

/// The end of a product.
pub(crate) trait End: Copy {
    /// Whether sums start from the number that the target begins with; else from zero.
    const FROM_START: bool;

    /// Turns sums into output, given the numbers that the target began with. Returns slopes if they
    /// are to be kept.
    #[inline(always)]
    fn finish<S: Simd, const NV: usize, const ROWS: usize>(
        self,
        _s: S,
        _sums: &mut Together<S::V, NV, ROWS>,
        _start: impl Fn(usize, usize) -> S::V,
    ) -> Option<Together<S::V, NV, ROWS>> {
        None
    }
}

/// `out = z`.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

/// `out = act(z)`.
#[derive(Clone, Copy)]
pub(crate) struct Activated<A>(pub(crate) PhantomData<A>);

/// `out = act(z)` and `slope = act′(z)`.
#[derive(Clone, Copy)]
pub(crate) struct WithSlope<A>(pub(crate) PhantomData<A>);

/// `out = z·out`.
#[derive(Clone, Copy)]
pub(crate) struct TimesOutput;

impl End for Plain {
    const FROM_START: bool = true;
}

impl<A: Activate> End for Activated<A> {
    const FROM_START: bool = true;

    #[inline(always)]
    fn finish<S: Simd, const NV: usize, const ROWS: usize>(
        self,
        s: S,
        sums: &mut Together<S::V, NV, ROWS>,
        _: impl Fn(usize, usize) -> S::V,
    ) -> Option<Together<S::V, NV, ROWS>> {
        A::activate(s, sums);
        None
    }
}

impl<A: Activate> End for WithSlope<A> {
    const FROM_START: bool = true;

    #[inline(always)]
    fn finish<S: Simd, const NV: usize, const ROWS: usize>(
        self,
        s: S,
        sums: &mut Together<S::V, NV, ROWS>,
        _: impl Fn(usize, usize) -> S::V,
    ) -> Option<Together<S::V, NV, ROWS>> {
        Some(A::activate_with_slope(s, sums))
    }
}

impl End for TimesOutput {
    const FROM_START: bool = false;

    #[inline(always)]
    fn finish<S: Simd, const NV: usize, const ROWS: usize>(
        self,
        s: S,
        sums: &mut Together<S::V, NV, ROWS>,
        start: impl Fn(usize, usize) -> S::V,
    ) -> Option<Together<S::V, NV, ROWS>> {
        for i in 0..ROWS {
            for v in 0..NV {
                sums[i][v] = s.mul(sums[i][v], start(i, v));
            }
        }
        None
    }
}
