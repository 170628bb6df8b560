//! Matrix products on blocks of rows, in register tiles.
//!
//! A tile is some rows by one panel of columns; its sums stay in registers until they are finished
//! (bias, activation, slope) and are written once. The weights of a panel lie packed one after the
//! other ([`super::packed`]). Every sum runs over its index in order, whatever the tile, so results
//! do not depend on how rows are cut or how long a vector is.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use crate::backend::fused::kernels::math::{Together, activate, activate_with_slope};
use crate::nn::mlp::Activation;
use crate::simd::vector::{RowTile, Simd};

/// A row-major matrix to read.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// The numbers, from the first element on.
    pub(crate) data: &'a [f32],
    /// Numbers from one row to the next.
    pub(crate) stride: usize,
}

/// Packed weights `(inner, columns)`.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    /// The packed numbers.
    pub(crate) data: &'a [f32],
    /// Rows that were packed.
    pub(crate) packed_inner: usize,
    /// Rows that a product uses, the first ones; at most `packed_inner`.
    pub(crate) inner: usize,
    /// Columns, padding included: a multiple of the vector length.
    pub(crate) columns: usize,
}

/// The number from which a sum starts.
#[derive(Clone, Copy)]
pub(crate) enum Bias<'a> {
    /// The number of its column in this row, which is as long as the panels' columns.
    Row(&'a [f32]),
    /// The number that the output holds.
    Output,
}

/// What is done with a complete sum `z`.
pub(crate) enum Finish<'a> {
    /// `out = z`.
    Keep,
    /// `out = act(z)`.
    Activate(Activation),
    /// `out = act(z)` and `slope = act′(z)`, in a buffer shaped as the output.
    ActivateWithSlope(Activation, &'a mut [f32]),
}

/// Returns the width of the panel that begins at `column`: two vectors, or one if only one is left.
pub(crate) fn panel_width<S: Simd>(_: S, column: usize, columns: usize) -> usize {
    if columns - column > S::LANES { 2 * S::LANES } else { S::LANES }
}

/// Computes `out = finish(bias + a·W)` for `rows` rows; `stride` is the output's.
#[allow(clippy::too_many_arguments, reason = "a matrix product has this many sides")]
#[inline(always)]
pub(crate) fn forward<S: Simd>(
    s: S,
    rows: usize,
    a: Rows,
    weights: Panels,
    bias: Bias,
    out: &mut [f32],
    stride: usize,
    finish: Finish,
) {
    // Both pointers into the output come from one borrow.
    let columns = weights.columns;
    check_rows(rows, out.len(), stride, columns);
    let out = out.as_mut_ptr();
    let (bias, bias_stride) = match bias {
        Bias::Row(row) => {
            assert!(row.len() >= columns);
            (row.as_ptr(), 0)
        }
        Bias::Output => (out.cast_const(), stride),
    };
    let (end, slope) = match finish {
        Finish::Keep => (End::Keep, std::ptr::null_mut()),
        Finish::Activate(act) => (End::Activate(act), std::ptr::null_mut()),
        Finish::ActivateWithSlope(act, slope) => {
            check_rows(rows, slope.len(), stride, columns);
            (End::ActivateWithSlope(act), slope.as_mut_ptr())
        }
    };
    let target = Target { out, slope, stride, bias, bias_stride, end };
    product(s, rows, a, weights, target);
}

/// Computes `out = (a·W)·out`, where the last product is elementwise: the chain rule, for which
/// `out` holds the slopes of the layer below.
#[inline(always)]
pub(crate) fn times_slope<S: Simd>(
    s: S,
    rows: usize,
    a: Rows,
    weights: Panels,
    out: &mut [f32],
    stride: usize,
) {
    check_rows(rows, out.len(), stride, weights.columns);
    let out = out.as_mut_ptr();
    let (slope, bias) = (std::ptr::null_mut(), out.cast_const());
    let end = End::TimesOutput;
    product(s, rows, a, weights, Target { out, slope, stride, bias, bias_stride: stride, end });
}

#[derive(Clone, Copy)]
enum End {
    Keep,
    Activate(Activation),
    ActivateWithSlope(Activation),
    TimesOutput,
}

/// The memory that tiles write. `out`, `bias` and, for `ActivateWithSlope`, `slope` are valid for
/// all rows.
#[derive(Clone, Copy)]
struct Target {
    out: *mut f32,
    slope: *mut f32,
    stride: usize,
    bias: *const f32,
    bias_stride: usize,
    end: End,
}

#[inline(always)]
fn product<S: Simd>(s: S, rows: usize, a: Rows, weights: Panels, target: Target) {
    let Panels { data, packed_inner, inner, columns } = weights;
    check_rows(rows, a.data.len(), a.stride, inner);
    assert!(inner <= packed_inner && columns.is_multiple_of(S::LANES));
    assert!(data.len() >= packed_inner * columns);
    s.vectorize(
        #[inline(always)]
        || {
            let mut column = 0;
            while column < columns {
                let width = panel_width(s, column, columns);
                let (a, a_stride) = (a.data.as_ptr(), a.stride);
                // SAFETY: every panel before this one takes `packed_inner` rows of its width.
                let panel = unsafe { data.as_ptr().add(column * packed_inner) };
                if width == S::LANES {
                    s.tiles(rows, &Tile::<S, 1> { s, inner, a, a_stride, panel, column, target });
                } else {
                    s.tiles(rows, &Tile::<S, 2> { s, inner, a, a_stride, panel, column, target });
                }
                column += width;
            }
        },
    );
}

/// A tile of some rows by `NV` vectors of columns.
struct Tile<S, const NV: usize> {
    s: S,
    inner: usize,
    a: *const f32,
    a_stride: usize,
    panel: *const f32,
    column: usize,
    target: Target,
}

impl<S: Simd, const NV: usize> RowTile for Tile<S, NV> {
    #[inline(always)]
    fn run<const ROWS: usize>(&self, row: usize) {
        let s = self.s;
        let mut sums = [[s.splat(0.0); NV]; ROWS];
        // SAFETY: `product` and its callers checked that `rows` rows of `inner` numbers lie in `a`,
        // `inner` rows of the panel in the weights, and `rows` rows of the panel's columns in the
        // target; `tiles` hands out rows below `rows` only.
        unsafe {
            // One moving pointer for every four rows, so that a row is found by one addition in the
            // load itself.
            let mut heads = [self.a.wrapping_add(row * self.a_stride); 3];
            heads[1] = heads[0].wrapping_add(4 * self.a_stride);
            heads[2] = heads[0].wrapping_add(8 * self.a_stride);
            let mut panel = self.panel;
            let mut weights = [s.splat(0.0); NV];
            for _ in 0..self.inner {
                for v in 0..NV {
                    weights[v] = s.load(panel.add(v * S::LANES));
                }
                for i in 0..ROWS {
                    let x = s.splat(*heads[i / 4].add(i % 4 * self.a_stride));
                    for v in 0..NV {
                        sums[i][v] = s.mul_add(x, weights[v], sums[i][v]);
                    }
                }
                heads[0] = heads[0].wrapping_add(1);
                heads[1] = heads[1].wrapping_add(1);
                heads[2] = heads[2].wrapping_add(1);
                panel = panel.wrapping_add(NV * S::LANES);
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

impl<S: Simd, const NV: usize> Tile<S, NV> {
    /// Finishes the sums of the rows from `row` on as the target says, and writes them.
    #[inline(always)]
    fn finish<const ROWS: usize>(&self, row: usize, mut sums: Together<S::V, NV, ROWS>) {
        let (s, target) = (self.s, self.target);
        for i in 0..ROWS {
            for v in 0..NV {
                let at = self.column + v * S::LANES;
                // SAFETY: as in `run`.
                let bias = unsafe { s.load(target.bias.add((row + i) * target.bias_stride + at)) };
                sums[i][v] = match target.end {
                    End::TimesOutput => s.mul(sums[i][v], bias),
                    _ => s.add(sums[i][v], bias),
                };
            }
        }
        match target.end {
            End::Keep | End::TimesOutput => {}
            End::Activate(activation) => activate(s, activation, &mut sums),
            End::ActivateWithSlope(activation) => {
                let slopes = activate_with_slope(s, activation, &mut sums);
                self.write(target.slope, row, &slopes);
            }
        }
        self.write(target.out, row, &sums);
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

/// Panics unless `rows` rows of `width` numbers, `stride` apart, fit into `len` numbers. This check
/// keeps every pointer above inside its slice.
pub(crate) fn check_rows(rows: usize, len: usize, stride: usize, width: usize) {
    assert!(
        rows == 0 || (width <= stride && (rows - 1) * stride + width <= len),
        "{rows} rows of {width} numbers, {stride} apart, do not fit into {len}"
    );
}
