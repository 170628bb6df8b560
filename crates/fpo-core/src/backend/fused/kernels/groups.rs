//! Sums that a group of rows shares: [`spread`] copies them to the rows, and [`gather`] adds them
//! up from the rows.

use crate::backend::fused::kernels::gemm::{Rows, check_rows};
use crate::simd::vector::Simd;

/// Sets each of `rows` rows of `out`, as far apart as those of `sums`, to its group's row of `sums`
/// plus `extra`.
#[inline(always)]
pub(crate) fn spread<S: Simd>(
    s: S,
    rows: usize,
    group: usize,
    columns: usize,
    sums: Rows,
    extra: Option<&[f32]>,
    out: &mut [f32],
) {
    let stride = sums.stride;
    check_rows(rows.div_ceil(group), sums.data.len(), stride, columns);
    check_rows(rows, out.len(), stride, columns);
    assert!(columns.is_multiple_of(S::LANES) && extra.is_none_or(|extra| extra.len() >= columns));
    let out = out.as_mut_ptr();
    s.vectorize(
        #[inline(always)]
        || {
            for column in (0..columns).step_by(S::LANES) {
                // SAFETY: `extra` and the rows that were checked hold a vector from `column` on;
                // row `first + k` lies below `rows`, and its group below `rows / group`, rounded
                // up.
                unsafe {
                    let shift = match extra {
                        Some(extra) => s.load(extra.as_ptr().add(column)),
                        None => s.splat(0.0),
                    };
                    let mut first = 0;
                    while first < rows {
                        let sum = s.load(sums.data.as_ptr().add(first / group * stride + column));
                        let sum = s.add(sum, shift);
                        for k in 0..group.min(rows - first) {
                            s.store(out.add((first + k) * stride + column), sum);
                        }
                        first += group;
                    }
                }
            }
        },
    );
}

/// Sets each of `groups` rows of `out`, as far apart as those of `dz`, to the sum of its group's
/// `group` rows of `dz`.
#[inline(always)]
pub(crate) fn gather<S: Simd>(
    s: S,
    groups: usize,
    group: usize,
    columns: usize,
    dz: Rows,
    out: &mut [f32],
) {
    let stride = dz.stride;
    check_rows(groups * group, dz.data.len(), stride, columns);
    check_rows(groups, out.len(), stride, columns);
    assert!(columns.is_multiple_of(S::LANES));
    let out = out.as_mut_ptr();
    s.vectorize(
        #[inline(always)]
        || {
            for row in 0..groups {
                for column in (0..columns).step_by(S::LANES) {
                    // SAFETY: the rows that were checked hold a vector from `column` on.
                    unsafe {
                        let mut sum = s.splat(0.0);
                        for k in 0..group {
                            let at = (row * group + k) * stride + column;
                            sum = s.add(sum, s.load(dz.data.as_ptr().add(at)));
                        }
                        s.store(out.add(row * stride + column), sum);
                    }
                }
            }
        },
    );
}
