//! Matrix products on blocks of rows, in register tiles.
//!
//! A tile is some rows by one panel of columns; its sums stay in registers until they are finished
//! (bias, activation, slope) and are written once. The weights of a panel lie packed one after the
//! other ([`super::packed`]). Every sum runs over its index in order, whatever the tile, so results
//! do not depend on how rows are cut or how long a vector is.

#![allow(clippy::needless_range_loop, reason = "indices over constant bounds unroll in any build")]

use std::marker::PhantomData;

use crate::backend::fused::kernels::activations::{Relu, Silu};
use crate::backend::fused::kernels::ends::{Activated, End, Plain, TimesOutput, WithSlope};
use crate::backend::fused::kernels::tiles::{Next, Target, Tile};
use crate::nn::mlp::Activation;
use crate::simd::aligned::LINE;
use crate::simd::vector::Simd;

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
#[inline(never)]
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
    let slope = std::ptr::null_mut();
    let target = Target { out, slope, stride, bias, bias_stride };
    match finish {
        Finish::Keep => product(s, rows, a, weights, target, Plain),
        Finish::Activate(Activation::Silu) => {
            product(s, rows, a, weights, target, Activated::<Silu>(PhantomData));
        }
        Finish::Activate(Activation::Relu) => {
            product(s, rows, a, weights, target, Activated::<Relu>(PhantomData));
        }
        Finish::ActivateWithSlope(activation, slope) => {
            check_rows(rows, slope.len(), stride, columns);
            let target = Target { slope: slope.as_mut_ptr(), ..target };
            match activation {
                Activation::Silu => {
                    product(s, rows, a, weights, target, WithSlope::<Silu>(PhantomData));
                }
                Activation::Relu => {
                    product(s, rows, a, weights, target, WithSlope::<Relu>(PhantomData));
                }
            }
        }
    }
}

/// Computes `out = (a·W)·out`, where the last product is elementwise: the chain rule, for which
/// `out` holds the slopes of the layer below.
#[inline(never)]
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
    let target = Target { out, slope, stride, bias, bias_stride: stride };
    product(s, rows, a, weights, target, TimesOutput);
}

#[inline(always)]
fn product<S: Simd, E: End>(s: S, rows: usize, a: Rows, weights: Panels, target: Target, end: E) {
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
                let rest = (columns - column - width).min(2 * S::LANES);
                let lines = match packed_inner * columns > IN_FIRST_LEVEL {
                    true => (rest * inner).div_ceil(LINE),
                    false => 0,
                };
                let next = Next {
                    panel: panel.wrapping_add(width * packed_inner),
                    lines,
                    per_row: lines.div_ceil(rows),
                };
                if width == S::LANES {
                    let tile =
                        Tile::<S, E, 1> { s, end, inner, a, a_stride, panel, next, column, target };
                    s.tiles(rows, &tile);
                } else {
                    let tile =
                        Tile::<S, E, 2> { s, end, inner, a, a_stride, panel, next, column, target };
                    s.tiles(rows, &tile);
                }
                column += width;
            }
        },
    );
}

/// Weights that stay in the first-level cache beside the rows, so that nothing need come ahead.
const IN_FIRST_LEVEL: usize = 4096;

/// Panics unless `rows` rows of `width` numbers, `stride` apart, fit into `len` numbers. This check
/// keeps every pointer above inside its slice.
pub(crate) fn check_rows(rows: usize, len: usize, stride: usize, width: usize) {
    assert!(
        rows == 0 || (width <= stride && (rows - 1) * stride + width <= len),
        "{rows} rows of {width} numbers, {stride} apart, do not fit into {len}"
    );
}
