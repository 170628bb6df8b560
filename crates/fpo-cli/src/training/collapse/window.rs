//! How many numbers are looked at, and which of them count.

/// Training returns whose mean can be the best.
pub(crate) const WINDOW: usize = 5;

/// Returns in a row that make a fall or a recovery, where one alone says little.
pub(crate) const PATIENCE: u32 = 3;

/// Larger numbers could overflow in sums of squares, and JSON cannot keep what is not finite.
pub(crate) fn is_usable(value: f64) -> bool {
    value.abs() <= 1e100
}
