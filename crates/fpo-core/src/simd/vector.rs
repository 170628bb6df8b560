//! One vector type per instruction set, behind one trait.
//!
//! A kernel is written once, generic over [`Simd`], and runs inside [`Simd::vectorize`], whose body
//! is compiled for the instruction set. A value of such a type is the proof that the processor has
//! the instruction set, so that the operations themselves are safe to call.

/// Vector operations of one instruction set.
///
/// Every operation is lane by lane; nothing depends on the number of lanes but [`Simd::LANES`]
/// itself, so two instruction sets with fused multiply-add give the same bits.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// A vector of [`Simd::LANES`] numbers.
    type V: Copy;
    /// Numbers per vector.
    const LANES: usize;
    /// Whether the innermost loops of high tiles take several steps a turn, so that moving on costs
    /// little.
    const UNROLL: bool;

    /// Runs `f`, which must be `#[inline(always)]`, compiled for this instruction set.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;
    /// Cuts `rows` rows into tiles of the height that this set's registers suit.
    fn tiles(self, rows: usize, tile: &impl RowTile);

    /// `LANES` times `x`.
    fn splat(self, x: f32) -> Self::V;
    /// `LANES` numbers from `p` on.
    ///
    /// # Safety
    /// They must be readable.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// Writes `LANES` numbers from `p` on.
    ///
    /// # Safety
    /// They must be writable.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`, rounded once where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller of both.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger of both.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The nearest whole number, ties to even.
    fn round(self, a: Self::V) -> Self::V;
    /// `c − a·b`, rounded as [`Simd::mul_add`].
    fn minus_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a·2ⁿ` for `n + ROUNDER` with whole `n`, where `a` and the result are normal numbers.
    fn times_exp2(self, a: Self::V, rounded: Self::V) -> Self::V;
    /// The number whose bits are `bits` minus those of `a`, as whole numbers.
    fn minus_bits(self, bits: i32, a: Self::V) -> Self::V;
    /// 1 where `a > 0`, else 0.
    fn step(self, a: Self::V) -> Self::V;
    /// Asks for the cache line at `p`, which need not be readable, to come as `near` says.
    fn prefetch(self, p: *const f32, near: Near);
}

/// Where a cache line that will soon be needed should come.
#[derive(Clone, Copy)]
pub(crate) enum Near {
    /// The first level, for what the next few hundred instructions need.
    First,
    /// The second level, for more than the first could hold beside what is in use.
    Second,
}

/// Work on consecutive rows, a fixed number at a time.
pub(crate) trait RowTile {
    /// Computes rows `row … row + ROWS − 1`.
    fn run<const ROWS: usize>(&self, row: usize);
}

/// Runs `tile` on `HIGH` rows at a time, and on 4, 2 and 1 for the rest.
#[inline(always)]
pub(crate) fn cut<const HIGH: usize>(rows: usize, tile: &impl RowTile) {
    let mut row = 0;
    while row + HIGH <= rows {
        tile.run::<HIGH>(row);
        row += HIGH;
    }
    while row + 4 <= rows {
        tile.run::<4>(row);
        row += 4;
    }
    if row + 2 <= rows {
        tile.run::<2>(row);
        row += 2;
    }
    if row < rows {
        tile.run::<1>(row);
    }
}

/// Plain Rust, which the compiler vectorises for whatever it targets.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const WIDTH: usize = 4;

/// Adding 1.5·2²³ rounds a small number to the nearest whole one, ties to even, and leaves that
/// one, as a whole number, in the lowest bits of the sum. Taking it away again gives the number.
pub(crate) const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn zip(a: [f32; WIDTH], b: [f32; WIDTH], f: impl Fn(f32, f32) -> f32) -> [f32; WIDTH] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; WIDTH];
    const LANES: usize = WIDTH;
    const UNROLL: bool = false;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // As where there are features to enable, so that callers share the compiled body.
        #[inline(never)]
        fn apart<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        apart(f)
    }
    #[inline(always)]
    fn tiles(self, rows: usize, tile: &impl RowTile) {
        cut::<4>(rows, tile);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; WIDTH]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller says that WIDTH numbers are readable; they need no alignment here.
        unsafe { p.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller says that WIDTH numbers are writable; they need no alignment here.
        unsafe { p.cast::<Self::V>().write_unaligned(v) }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `f32::mul_add`, which is a slow call where the target has no such instruction.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn round(self, a: Self::V) -> Self::V {
        a.map(|x| (x + ROUNDER) - ROUNDER)
    }
    #[inline(always)]
    fn minus_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    fn times_exp2(self, a: Self::V, rounded: Self::V) -> Self::V {
        zip(a, rounded, |a, n| f32::from_bits(a.to_bits().wrapping_add(n.to_bits() << 23)))
    }
    #[inline(always)]
    fn minus_bits(self, bits: i32, a: Self::V) -> Self::V {
        a.map(|x| f32::from_bits(bits.wrapping_sub(x.to_bits() as i32) as u32))
    }
    #[inline(always)]
    fn step(self, a: Self::V) -> Self::V {
        a.map(|x| if x > 0.0 { 1.0 } else { 0.0 })
    }
    #[inline(always)]
    fn prefetch(self, _: *const f32, _: Near) {}
}
