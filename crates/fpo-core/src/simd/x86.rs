//! The vector types of x86-64: AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use crate::simd::vector::{Near, RowTile, Simd, cut};

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Proof that the processor has AVX-512F, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx2 {
    /// Returns the proof, if the processor has the instructions.
    pub(crate) fn detect() -> Option<Avx2> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

impl Avx512 {
    /// Returns the proof, if the processor has the instructions.
    pub(crate) fn detect() -> Option<Avx512> {
        let found = is_x86_feature_detected!("avx512f") && Avx2::detect().is_some();
        found.then_some(Avx512(()))
    }
}

/// Implements [`Simd`] from the names of the intrinsics that differ by width only.
macro_rules! simd {
    ($set:ident, $vector:ty, $lanes:literal, $rows:literal, $features:literal,
     $load:ident, $store:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident,
     $fma:ident, $fnma:ident, $min:ident, $max:ident, $round:expr, $exp2:expr,
     $minus_bits:expr, $step:expr) => {
        // SAFETY (all blocks below): `self` exists only where detection found the features; the
        // caller promises that the pointers of `load` and `store` are valid, and they need no
        // alignment.
        #[allow(clippy::undocumented_unsafe_blocks, reason = "one argument for all, above")]
        impl Simd for $set {
            type V = $vector;
            const LANES: usize = $lanes;
            const UNROLL: bool = true;

            #[inline(always)]
            fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
                #[target_feature(enable = $features)]
                fn with_features<R>(f: impl FnOnce() -> R) -> R {
                    f()
                }
                unsafe { with_features(f) }
            }
            #[inline(always)]
            fn tiles(self, rows: usize, tile: &impl RowTile) {
                cut::<$rows>(rows, tile);
            }
            #[inline(always)]
            fn splat(self, x: f32) -> $vector {
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(self, p: *const f32) -> $vector {
                unsafe { $load(p) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f32, v: $vector) {
                unsafe { $store(p, v) }
            }
            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: $vector, b: $vector) -> $vector {
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            fn min(self, a: $vector, b: $vector) -> $vector {
                unsafe { $min(a, b) }
            }
            #[inline(always)]
            fn max(self, a: $vector, b: $vector) -> $vector {
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            fn round(self, a: $vector) -> $vector {
                unsafe { $round(a) }
            }
            #[inline(always)]
            fn minus_mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                unsafe { $fnma(a, b, c) }
            }
            #[inline(always)]
            fn times_exp2(self, a: $vector, rounded: $vector) -> $vector {
                unsafe { $exp2(a, rounded) }
            }
            #[inline(always)]
            fn minus_bits(self, bits: i32, a: $vector) -> $vector {
                unsafe { $minus_bits(bits, a) }
            }
            #[inline(always)]
            fn step(self, a: $vector) -> $vector {
                unsafe { $step(a) }
            }
            #[inline(always)]
            fn prefetch(self, p: *const f32, near: Near) {
                // A prefetch reads nothing, so it may point anywhere.
                match near {
                    Near::First => unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) },
                    Near::Second => unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) },
                }
            }
        }
    };
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

simd!(
    Avx2,
    __m256,
    8,
    6,
    "avx2,fma",
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    |a| _mm256_round_ps::<NEAREST>(a),
    |a, rounded| {
        let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
    },
    |bits, a| {
        _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_set1_epi32(bits), _mm256_castps_si256(a)))
    },
    |a| {
        let above = _mm256_cmp_ps::<_CMP_GT_OQ>(a, _mm256_setzero_ps());
        _mm256_and_ps(above, _mm256_set1_ps(1.0))
    }
);

simd!(
    Avx512,
    __m512,
    16,
    12,
    "avx512f,avx2,fma",
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    |a| _mm512_roundscale_ps::<NEAREST>(a),
    |a, rounded| {
        let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
        _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent))
    },
    |bits, a| {
        _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(bits), _mm512_castps_si512(a)))
    },
    |a| {
        let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, _mm512_setzero_ps());
        _mm512_maskz_mov_ps(above, _mm512_set1_ps(1.0))
    }
);
