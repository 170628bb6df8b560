//! Learning curves of several runs of one task.

use serde::Serialize;

use crate::statistics::bootstrap::{Interval, Resampling, intervals};
use crate::statistics::error::StatisticsError;
use crate::statistics::sample::mean;

/// A point of the mean of several curves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Where it is, in the unit of the steps that were given.
    pub step: f64,
    /// Mean over runs.
    pub mean: f64,
    /// Pointwise interval of that mean; `None` for a single run.
    pub interval: Option<Interval>,
}

/// Returns, at each of `steps`, the mean over runs of `runs[run][step]` and its interval. Replicates
/// draw whole runs, so the intervals belong to each other; each holds for its own step.
///
/// # Errors
/// If there is no run, a run has not one value for each step, or a value is NaN or infinite.
pub fn mean_curve(
    steps: &[f64],
    runs: &[Vec<f64>],
    plan: Resampling,
) -> Result<Vec<CurvePoint>, StatisticsError> {
    if runs.is_empty() {
        return Err(StatisticsError::NoCurve);
    }
    for (run, values) in runs.iter().enumerate() {
        if values.len() != steps.len() {
            let (values, steps) = (values.len(), steps.len());
            return Err(StatisticsError::Length { run, values, steps });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(StatisticsError::Value { run, at, value: values[at] });
        }
    }
    let curves: Vec<&[f64]> = runs.iter().map(Vec::as_slice).collect();
    let mean_at = |drawn: &Vec<&[f64]>, at: usize| mean(drawn.iter().map(|curve| curve[at]));
    let intervals = intervals(&curves, steps.len(), mean_at, plan);
    let points = steps.iter().enumerate().map(|(at, &step)| CurvePoint {
        step,
        mean: mean_at(&curves, at),
        interval: intervals.as_ref().map(|intervals| intervals[at]),
    });
    Ok(points.collect())
}

/// Returns the values at `at` of the straight lines between the `points (x, y)` of one run, `None`
/// outside of the run's own range: a run says nothing of the time before its first point or after
/// its last. Points may stand in any order; one that is not finite is left out, and of several at
/// the same `x` the last counts.
///
/// It puts curves against wall-clock, where no two runs have the same times, onto common ones.
pub fn resample(points: &[(f64, f64)], at: &[f64]) -> Vec<Option<f64>> {
    let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    let mut points: Vec<(f64, f64)> = points.iter().copied().filter(finite).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let value = |x: f64| {
        let after = points.partition_point(|point| point.0 <= x);
        let left = *points.get(after.checked_sub(1)?)?;
        match points.get(after) {
            Some(right) => Some(left.1 + (x - left.0) / (right.0 - left.0) * (right.1 - left.1)),
            None => (left.0 == x).then_some(left.1),
        }
    };
    at.iter().map(|&x| value(x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Resampling = Resampling { count: 1_000, seed: 2 };

    #[test]
    fn the_mean_of_curves_has_an_interval_at_each_step() {
        let runs = [vec![0.0, 1.0, 5.0], vec![0.0, 3.0, 5.0], vec![0.0, 8.0, 5.0]];
        let curve = mean_curve(&[0.0, 10.0, 20.0], &runs, PLAN).unwrap();
        let means: Vec<(f64, f64)> = curve.iter().map(|point| (point.step, point.mean)).collect();
        assert_eq!(means, [(0.0, 0.0), (10.0, 4.0), (20.0, 5.0)]);
        let width = |at: usize| curve[at].interval.map(|interval| interval.high - interval.low);
        assert_eq!((width(0), width(2)), (Some(0.0), Some(0.0)));
        let middle = curve[1].interval.unwrap();
        assert_eq!(
            (middle.low, middle.high),
            (1.0, 8.0),
            "of 27 draws one each is 1, 1, 1 or 8, 8, 8"
        );
    }

    #[test]
    fn a_single_run_has_no_interval() {
        let curve = mean_curve(&[1.0], &[vec![2.0]], PLAN).unwrap();
        assert_eq!(curve, [CurvePoint { step: 1.0, mean: 2.0, interval: None }]);
    }

    #[test]
    fn curves_that_are_missing_cut_short_or_not_finite_are_refused_and_named() {
        let error =
            |runs: &[Vec<f64>]| mean_curve(&[0.0, 1.0], runs, PLAN).unwrap_err().to_string();
        assert!(error(&[]).contains("there is no curve"));
        assert!(error(&[vec![1.0, 2.0], vec![1.0]]).contains("run 1 has 1 values for 2 steps"));
        let text = error(&[vec![1.0, f64::INFINITY]]);
        assert!(text.contains("run 0 has the value inf at step number 1"), "{text}");
    }

    #[test]
    fn a_curve_is_resampled_along_straight_lines_within_its_own_range() {
        let points = [(4.0, 10.0), (2.0, 0.0), (8.0, -10.0), (f64::NAN, 7.0), (6.0, f64::INFINITY)];
        let at = [1.9, 2.0, 3.0, 4.0, 5.0, 8.0, 8.1, f64::NAN];
        let expected = [None, Some(0.0), Some(5.0), Some(10.0), Some(5.0), Some(-10.0), None, None];
        assert_eq!(resample(&points, &at), expected);
        assert_eq!(resample(&[], &[0.0]), [None]);
        assert_eq!(resample(&[(1.0, 2.0)], &[1.0, 1.5]), [Some(2.0), None]);
        let step = [(0.0, 0.0), (1.0, 2.0), (1.0, 4.0), (2.0, 4.0)];
        assert_eq!(resample(&step, &[0.5, 1.0, 1.5]), [Some(1.0), Some(4.0), Some(4.0)]);
    }
}
