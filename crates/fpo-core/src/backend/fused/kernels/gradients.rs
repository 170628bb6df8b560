//! Gradients of a layer's weight and bias on a block of rows, in register tiles as in
//! [`super::gemm`].

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::backend::fused::kernels::gemm::{Rows, check_rows, panel_width};
use crate::simd::vector::{Near, RowTile, Simd};

/// How a block's gradient enters the sums of its chunk.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Write {
    /// It overwrites them: the block is the first, and the memory may hold anything.
    Start,
    /// It is added to them.
    Add,
}

impl Write {
    /// Returns how the gradient of block `k` of a chunk is written.
    pub(crate) fn for_block(k: usize) -> Write {
        if k == 0 { Write::Start } else { Write::Add }
    }
}

/// Computes `dw = aᵀ·dz` or `dw += aᵀ·dz`, where `a` is `rows × inner`, `dz` is `rows × columns`,
/// and `dw` is `inner × columns` with rows `columns` apart.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a matrix product has this many sides")]
pub(crate) fn weight_gradient<S: Simd>(
    s: S,
    rows: usize,
    inner: usize,
    columns: usize,
    a: Rows,
    dz: Rows,
    write: Write,
    dw: &mut [f32],
) {
    check_rows(rows, a.data.len(), a.stride, inner);
    check_rows(rows, dz.data.len(), dz.stride, columns);
    check_rows(inner, dw.len(), columns, columns);
    assert!(columns.is_multiple_of(S::LANES));
    let (a, a_stride) = (a.data.as_ptr(), a.stride);
    let (dz, dz_stride) = (dz.data.as_ptr(), dz.stride);
    let dw = dw.as_mut_ptr();
    s.vectorize(
        #[inline(always)]
        || {
            let mut column = 0;
            while column < columns {
                let width = panel_width(s, column, columns);
                // SAFETY: `column` lies inside the rows that were checked.
                let (dz, dw) = unsafe { (dz.add(column), dw.add(column)) };
                let target = Target { dw, columns, write };
                if width == S::LANES {
                    let tile = GradientTile::<S, 1> { s, rows, a, a_stride, dz, dz_stride, target };
                    s.tiles(inner, &tile);
                } else {
                    let tile = GradientTile::<S, 2> { s, rows, a, a_stride, dz, dz_stride, target };
                    s.tiles(inner, &tile);
                }
                column += width;
            }
        },
    );
}

/// The memory that tiles write; `columns` is the stride.
#[derive(Clone, Copy)]
struct Target {
    dw: *mut f32,
    columns: usize,
    write: Write,
}

/// A tile of some rows of `dw` by `NV` vectors of columns.
struct GradientTile<S, const NV: usize> {
    s: S,
    rows: usize,
    a: *const f32,
    a_stride: usize,
    dz: *const f32,
    dz_stride: usize,
    target: Target,
}

impl<S: Simd, const NV: usize> GradientTile<S, NV> {
    /// Adds the products of the next `STEPS` rows, and moves the pointers behind them.
    ///
    /// # Safety
    /// That many rows must follow `a` and `dz`.
    #[inline(always)]
    unsafe fn step<const ROWS: usize, const STEPS: usize>(
        &self,
        a: &mut *const f32,
        dz: &mut *const f32,
        sums: &mut [[S::V; NV]; ROWS],
    ) {
        let s = self.s;
        for r in 0..STEPS {
            let mut slopes = [s.splat(0.0); NV];
            // SAFETY: the caller's promise.
            unsafe {
                for v in 0..NV {
                    slopes[v] = s.load(dz.add(r * self.dz_stride + v * S::LANES));
                }
                for i in 0..ROWS {
                    let x = s.splat(*a.add(r * self.a_stride + i));
                    for v in 0..NV {
                        sums[i][v] = s.mul_add(x, slopes[v], sums[i][v]);
                    }
                }
            }
        }
        *a = a.wrapping_add(STEPS * self.a_stride);
        *dz = dz.wrapping_add(STEPS * self.dz_stride);
    }
}

impl<S: Simd, const NV: usize> RowTile for GradientTile<S, NV> {
    #[inline(always)]
    fn run<const ROWS: usize>(&self, row: usize) {
        let (s, target) = (self.s, self.target);
        let mut sums = [[s.splat(0.0); NV]; ROWS];
        // The sums' memory is seldom in a near cache. It comes while the tile is computed.
        for i in 0..ROWS {
            s.prefetch(target.dw.wrapping_add((row + i) * target.columns), Near::First);
        }
        // SAFETY: `weight_gradient` checked the three matrices; `tiles` hands out rows below
        // `inner` only, and the panel's columns lie below `columns`.
        unsafe {
            let mut a = self.a.wrapping_add(row);
            let mut dz = self.dz;
            let mut left = self.rows;
            // Low tiles are few, and not worth the code.
            if S::UNROLL && ROWS > 4 {
                while left >= 2 {
                    self.step::<ROWS, 2>(&mut a, &mut dz, &mut sums);
                    left -= 2;
                }
            }
            for _ in 0..left {
                self.step::<ROWS, 1>(&mut a, &mut dz, &mut sums);
            }
            for i in 0..ROWS {
                for v in 0..NV {
                    let dw = target.dw.add((row + i) * target.columns + v * S::LANES);
                    let sum = match target.write {
                        Write::Start => sums[i][v],
                        Write::Add => s.add(s.load(dw), sums[i][v]),
                    };
                    s.store(dw, sum);
                }
            }
        }
    }
}

/// Computes `db = Σ_rows dz` or `db += Σ_rows dz`.
#[inline(always)]
pub(crate) fn bias_gradient<S: Simd>(
    s: S,
    rows: usize,
    columns: usize,
    dz: Rows,
    write: Write,
    db: &mut [f32],
) {
    check_rows(rows, dz.data.len(), dz.stride, columns);
    assert!(columns.is_multiple_of(S::LANES) && db.len() >= columns);
    s.vectorize(
        #[inline(always)]
        || {
            for column in (0..columns).step_by(S::LANES) {
                // SAFETY: `column` and the vector after it lie inside the rows checked above.
                unsafe {
                    let db = db.as_mut_ptr().add(column);
                    let mut sum = s.splat(0.0);
                    for row in 0..rows {
                        let dz = dz.data.as_ptr().add(row * dz.stride + column);
                        sum = s.add(sum, s.load(dz));
                    }
                    if write == Write::Add {
                        sum = s.add(s.load(db), sum);
                    }
                    s.store(db, sum);
                }
            }
        },
    );
}
