//! What a list of numbers is like, in a few of them: where training has diverged, the first
//! question is which numbers were strange already.

use serde::Serialize;

/// The extent of a list of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many numbers there are.
    pub count: usize,
    /// How many of them are not finite. The other fields leave these out.
    pub non_finite: usize,
    /// The smallest, or 0 of none.
    pub min: f64,
    /// The largest, or 0 of none.
    pub max: f64,
    /// The mean, or 0 of none.
    pub mean: f64,
    /// The root mean square, or 0 of none.
    pub rms: f64,
}

impl Summary {
    /// Returns the summary of `values`.
    pub fn of(values: &[f32]) -> Summary {
        let finite = || values.iter().filter(|x| x.is_finite()).map(|&x| f64::from(x));
        let known = finite().count();
        let share = 1.0 / known.max(1) as f64;
        let extreme = |pick: fn(f64, f64) -> f64| finite().reduce(pick).unwrap_or(0.0);
        Summary {
            count: values.len(),
            non_finite: values.len() - known,
            min: extreme(f64::min),
            max: extreme(f64::max),
            mean: share * finite().sum::<f64>(),
            rms: (share * finite().map(|x| x * x).sum::<f64>()).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_finite_are_counted_and_left_out() {
        let found = Summary::of(&[3.0, f32::NAN, -4.0, f32::INFINITY]);
        let rms = 12.5_f64.sqrt();
        let expected = Summary { count: 4, non_finite: 2, min: -4.0, max: 3.0, mean: -0.5, rms };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_without_finite_numbers_has_zeros() {
        let nothing = Summary { count: 0, non_finite: 0, min: 0.0, max: 0.0, mean: 0.0, rms: 0.0 };
        assert_eq!(Summary::of(&[]), nothing);
        assert_eq!(Summary::of(&[f32::NAN]), Summary { count: 1, non_finite: 1, ..nothing });
    }
}
