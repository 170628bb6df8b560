//! How many numbers the comparisons look at, and which numbers count.

/// Number of training returns whose mean can be the best.
pub(crate) const WINDOW: usize = 5;

/// Number of returns in a row that make a fall or a recovery, where one alone says little.
pub(crate) const PATIENCE: u32 = 3;

/// Returns whether a number counts. Larger numbers could overflow in sums of squares, and JSON
/// cannot keep numbers that are not finite.
pub(crate) fn is_usable(value: f64) -> bool {
    value.abs() <= 1e100
}
