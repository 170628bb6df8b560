//! Differences between two policies that played the same episodes.

use serde::Serialize;

use crate::statistics::bootstrap::{Interval, Resampling, interval};
use crate::statistics::error::StatisticsError;
use crate::statistics::sample::{mean, standard_error};

/// The mean of paired differences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedDifference {
    /// The mean difference, in the unit of the values.
    pub mean: f64,
    /// Its standard error; `None` for a single pair.
    pub stderr: Option<f64>,
    /// Its interval over pairs; `None` for a single pair.
    pub interval: Option<Interval>,
}

/// Returns the mean of `of[i] − over[i]`, with its standard error and its interval over pairs.
///
/// What the pairs have in common, such as an easy start, cancels, so that it can be much surer than
/// the difference of two means.
///
/// # Errors
/// If there are not as many values of each, or none, or a difference is NaN or infinite.
pub fn paired_difference(
    of: &[f64],
    over: &[f64],
    plan: Resampling,
) -> Result<PairedDifference, StatisticsError> {
    if of.len() != over.len() || of.is_empty() {
        return Err(StatisticsError::Pairs { of: of.len(), over: over.len() });
    }
    let differences: Vec<f64> = of.iter().zip(over).map(|(of, over)| of - over).collect();
    if let Some(pair) = differences.iter().position(|difference| !difference.is_finite()) {
        return Err(StatisticsError::Difference { pair, difference: differences[pair] });
    }
    let mean_of = |drawn: &Vec<f64>| mean(drawn.iter().copied());
    Ok(PairedDifference {
        mean: mean_of(&differences),
        stderr: standard_error(&differences),
        interval: interval(&differences, mean_of, plan),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Resampling = Resampling { count: 2_000, seed: 9 };

    #[test]
    fn what_pairs_have_in_common_cancels() {
        let over: Vec<f64> = (0..50).map(|i| f64::from(i * i)).collect();
        let of: Vec<f64> = over.iter().map(|x| x + 3.0).collect();
        let same = paired_difference(&of, &over, PLAN).unwrap();
        assert_eq!((same.mean, same.stderr), (3.0, Some(0.0)));
        assert_eq!(same.interval, Some(Interval { low: 3.0, high: 3.0 }));
        let back = paired_difference(&over, &of, PLAN).unwrap();
        assert_eq!(back.mean, -3.0);
    }

    #[test]
    fn the_standard_error_and_the_interval_are_those_of_the_differences() {
        let found = paired_difference(&[1.0, 2.0, 3.0, 8.0], &[0.0, 0.0, 0.0, 2.0], PLAN).unwrap();
        assert_eq!((found.mean, found.stderr), (3.0, standard_error(&[1.0, 2.0, 3.0, 6.0])));
        let Interval { low, high } = found.interval.unwrap();
        assert!(1.0 <= low && low < 2.0 && 4.0 < high && high <= 6.0, "{low} {high}");
    }

    #[test]
    fn a_single_pair_has_neither_error_nor_interval() {
        let one = paired_difference(&[2.0], &[0.5], PLAN).unwrap();
        assert_eq!(one, PairedDifference { mean: 1.5, stderr: None, interval: None });
    }

    #[test]
    fn values_that_are_not_pairs_are_refused_and_named() {
        let error =
            |of: &[f64], over: &[f64]| paired_difference(of, over, PLAN).unwrap_err().to_string();
        assert!(error(&[1.0, 2.0], &[1.0]).contains("2 values cannot be paired with 1"));
        assert!(error(&[], &[]).contains("one or more"));
        assert!(error(&[1.0, f64::NAN], &[0.0, 0.0]).contains("pair 1 has the difference NaN"));
    }
}
