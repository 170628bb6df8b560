//! Register tiles of a matrix product: some rows by one panel of columns, whose sums stay in
//! registers from the first step to the end ([`super::ends`]).

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::backend::fused::kernels::elementary::Together;
use crate::backend::fused::kernels::ends::End;
use crate::simd::aligned::LINE;
use crate::simd::vector::{Near, RowTile, Simd};

/// The memory that tiles write. `out`, `bias` and, where slopes are kept, `slope` are valid for all
/// rows.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) out: *mut f32,
    pub(super) slope: *mut f32,
    pub(super) stride: usize,
    pub(super) bias: *const f32,
    pub(super) bias_stride: usize,
}

/// A tile of some rows by `NV` vectors of columns.
pub(super) struct Tile<S, E, const NV: usize> {
    pub(super) s: S,
    pub(super) end: E,
    pub(super) inner: usize,
    pub(super) a: *const f32,
    pub(super) a_stride: usize,
    pub(super) panel: *const f32,
    pub(super) next: Next,
    pub(super) column: usize,
    pub(super) target: Target,
}

/// The panel after the one in use, of which each row of a tile asks for some cache lines.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) panel: *const f32,
    pub(super) lines: usize,
    pub(super) per_row: usize,
}

impl<S: Simd, E: End, const NV: usize> RowTile for Tile<S, E, NV> {
    #[inline(always)]
    fn run<const ROWS: usize>(&self, row: usize) {
        let s = self.s;
        let mut sums = [[s.splat(0.0); NV]; ROWS];
        if E::FROM_START {
            for i in 0..ROWS {
                for v in 0..NV {
                    sums[i][v] = self.start(row + i, v);
                }
            }
        }
        self.fetch_ahead::<ROWS>(row);
        // SAFETY: `product` and its callers checked that `rows` rows of `inner` numbers lie in `a`,
        // `inner` rows of the panel in the weights, and `rows` rows of the panel's columns in the
        // target; `tiles` hands out rows below `rows` only.
        unsafe {
            // One moving pointer for every three rows: the processor's addresses reach the rows at
            // once and twice the stride from it without an instruction of their own.
            let mut heads = [self.a; ROWS];
            for i in (0..ROWS).step_by(3) {
                heads[i] = self.a.wrapping_add((row + i) * self.a_stride);
            }
            let mut panel = self.panel;
            let mut left = self.inner;
            // Low tiles are few, and not worth the code.
            if S::UNROLL && ROWS > 4 {
                while left >= 4 {
                    self.step::<ROWS, 4>(&mut heads, &mut panel, &mut sums);
                    left -= 4;
                }
            }
            for _ in 0..left {
                self.step::<ROWS, 1>(&mut heads, &mut panel, &mut sums);
            }
        }
        if ROWS.is_multiple_of(2) {
            for i in (0..ROWS).step_by(2) {
                self.finish(row + i, [sums[i], sums[i + 1]]);
            }
        } else {
            for i in 0..ROWS {
                self.finish(row + i, [sums[i]]);
            }
        }
    }
}

impl<S: Simd, E: End, const NV: usize> Tile<S, E, NV> {
    /// Adds the products of the next `STEPS` numbers of each row, and moves the pointers behind
    /// them.
    ///
    /// # Safety
    /// That many numbers must lie in each row from its head on, and rows in the panel.
    #[inline(always)]
    unsafe fn step<const ROWS: usize, const STEPS: usize>(
        &self,
        heads: &mut [*const f32; ROWS],
        panel: &mut *const f32,
        sums: &mut Together<S::V, NV, ROWS>,
    ) {
        let s = self.s;
        for k in 0..STEPS {
            let mut weights = [s.splat(0.0); NV];
            // SAFETY: the caller's promise.
            unsafe {
                for v in 0..NV {
                    weights[v] = s.load(panel.add((k * NV + v) * S::LANES));
                }
                for i in 0..ROWS {
                    let x = s.splat(*heads[i / 3 * 3].add(i % 3 * self.a_stride + k));
                    for v in 0..NV {
                        sums[i][v] = s.mul_add(x, weights[v], sums[i][v]);
                    }
                }
            }
        }
        for i in (0..ROWS).step_by(3) {
            heads[i] = heads[i].wrapping_add(STEPS);
        }
        *panel = panel.wrapping_add(STEPS * NV * S::LANES);
    }

    /// Asks for the memory that this tile will write, and for a part of the next panel, so that
    /// neither is waited for.
    #[inline(always)]
    fn fetch_ahead<const ROWS: usize>(&self, row: usize) {
        let (s, target) = (self.s, self.target);
        if self.next.lines == 0 {
            return;
        }
        for i in 0..ROWS {
            let at = (row + i) * target.stride + self.column;
            s.prefetch(target.out.wrapping_add(at), Near::First);
        }
        let lines = self.next.per_row * ROWS;
        let first = self.next.per_row * row;
        for line in first..(first + lines).min(self.next.lines) {
            s.prefetch(self.next.panel.wrapping_add(line * LINE), Near::Second);
        }
    }

    /// Finishes the sums of the rows from `row` on as the target says, and writes them.
    #[inline(always)]
    fn finish<const ROWS: usize>(&self, row: usize, mut sums: Together<S::V, NV, ROWS>) {
        if let Some(slopes) = self.end.finish(self.s, &mut sums, |i, v| self.start(row + i, v)) {
            self.write(self.target.slope, row, &slopes);
        }
        self.write(self.target.out, row, &sums);
    }

    /// Returns vector `v` of the numbers that row `row` begins with.
    #[inline(always)]
    fn start(&self, row: usize, v: usize) -> S::V {
        let at = row * self.target.bias_stride + self.column + v * S::LANES;
        // SAFETY: as in `run`.
        unsafe { self.s.load(self.target.bias.add(at)) }
    }

    /// Writes some rows of the tile to `out`, which is shaped as the target.
    #[inline(always)]
    fn write<const ROWS: usize>(&self, out: *mut f32, row: usize, rows: &Together<S::V, NV, ROWS>) {
        for i in 0..ROWS {
            for v in 0..NV {
                let at = (row + i) * self.target.stride + self.column + v * S::LANES;
                // SAFETY: as in `run`; a slope's buffer is shaped as the output.
                unsafe { self.s.store(out.add(at), rows[i][v]) };
            }
        }
    }
}
