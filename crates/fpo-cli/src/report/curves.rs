//! Learning curves: the mean over the runs of a cell, against environment steps and wall-clock.
//!
//! A run that diverged has stopped early. It goes on with its last evaluation to the end of the
//! others, as its score does: without it, the mean would rise where a run has died.

use serde::Serialize;

use crate::results::outcome::Status;
use crate::results::row::{Evaluation, Row};
use crate::statistics::bootstrap::Resampling;
use crate::statistics::curve::{CurvePoint, mean_curve, resample};

/// Replicates of the bands. They are drawn at each of many points, where nobody reads their ends to
/// more than a pixel.
const REPLICATES: usize = 2_000;

/// Points of a curve against wall-clock.
const TIMES: usize = 31;

/// The learning curve of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curve {
    /// Returns against environment steps, at the steps at which all runs were evaluated.
    pub steps: Vec<CurvePoint>,
    /// Returns against wall-clock in seconds, over the time in which all runs were going on.
    pub wall_clock: Vec<CurvePoint>,
}

/// Returns the learning curve of `results`, the runs of a cell that have a score.
pub fn curves(results: &[&Row], plan: Resampling) -> Curve {
    let plan = Resampling { count: plan.count.min(REPLICATES), ..plan };
    Curve {
        steps: mean_of(results, |evaluation| evaluation.step as f64, at_all_steps, plan),
        wall_clock: mean_of(results, |evaluation| evaluation.seconds, at_times, plan),
    }
}

/// Returns the mean of the runs' returns over `x`, at what `grid` makes of the runs' points.
fn mean_of(
    results: &[&Row],
    x: impl Fn(&Evaluation) -> f64,
    grid: impl Fn(&[Vec<(f64, f64)>]) -> Vec<f64>,
    plan: Resampling,
) -> Vec<CurvePoint> {
    let end = results.iter().flat_map(|row| row.evaluations.last()).map(&x).fold(0.0, f64::max);
    let points = |row: &&Row| -> Vec<(f64, f64)> {
        let evaluations = row.evaluations.iter();
        let mut points: Vec<(f64, f64)> =
            evaluations.map(|evaluation| (x(evaluation), evaluation.mean)).collect();
        if row.status == Status::Diverged
            && let Some(&(last, value)) = points.last()
            && last < end
        {
            points.push((end, value));
        }
        points
    };
    let runs: Vec<Vec<(f64, f64)>> = results.iter().map(points).collect();
    let runs: Vec<Vec<(f64, f64)>> = runs.into_iter().filter(|run| !run.is_empty()).collect();
    let grid = grid(&runs);
    let values = runs.iter().map(|run| resample(run, &grid));
    let values: Vec<Vec<Option<f64>>> = values.collect();
    let whole: Vec<usize> =
        (0..grid.len()).filter(|&at| values.iter().all(|run| run[at].is_some())).collect();
    let grid: Vec<f64> = whole.iter().map(|&at| grid[at]).collect();
    let values: Vec<Vec<f64>> =
        values.iter().map(|run| whole.iter().filter_map(|&at| run[at]).collect()).collect();
    // Rows hold finite numbers, and every run has a value at each point: there is no error left.
    mean_curve(&grid, &values, plan).unwrap_or_default()
}

/// Returns the steps at which the run with the most points was evaluated. The runs of a cell have
/// one configuration, so those that finished have the same.
fn at_all_steps(runs: &[Vec<(f64, f64)>]) -> Vec<f64> {
    let longest = runs.iter().max_by_key(|run| run.len());
    longest.into_iter().flatten().map(|&(step, _)| step).collect()
}

/// Returns evenly spread times that all runs have seen.
fn at_times(runs: &[Vec<(f64, f64)>]) -> Vec<f64> {
    let starts = runs.iter().flat_map(|run| run.first()).map(|&(time, _)| time);
    let ends = runs.iter().flat_map(|run| run.last()).map(|&(time, _)| time);
    let (start, end) = (starts.fold(0.0, f64::max), ends.fold(f64::INFINITY, f64::min));
    match start < end && end.is_finite() {
        true => {
            let step = (end - start) / (TIMES - 1) as f64;
            let inner = (1..TIMES - 1).map(|at| start + at as f64 * step);
            [start].into_iter().chain(inner).chain([end]).collect()
        }
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    const PLAN: Resampling = Resampling { count: 100, seed: 0 };

    fn pairs(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
        curve.iter().map(|point| (point.step, point.mean)).collect()
    }

    #[test]
    fn a_run_that_diverged_goes_on_with_its_last_evaluation() {
        let (good, mut diverged) = (example("A", "fpo", 4), example("A", "fpo", 5));
        diverged.status = Status::Diverged;
        diverged.evaluations.truncate(1);
        let curve = curves(&[&good, &diverged], PLAN);
        assert_eq!(pairs(&curve.steps), [(0.0, 1.0), (2000.0, 0.5 * (14.0 + 1.0))]);
        assert_eq!(curve.wall_clock.last().map(|point| point.mean), Some(7.5));
    }

    #[test]
    fn wall_clock_covers_the_time_that_all_runs_have_seen() {
        let (slow, mut fast) = (example("A", "fpo", 0), example("A", "fpo", 0));
        fast.evaluations[1].seconds = 1.0;
        fast.evaluations[0].seconds = 0.5;
        let curve = curves(&[&slow, &fast], PLAN).wall_clock;
        assert_eq!(curve.len(), TIMES);
        // The slow run rises from 1 to 10 in two seconds, the fast one from half a second to one.
        assert_eq!((curve[0].step, curve[0].mean), (0.5, 0.5 * (1.0 + 3.25)));
        let last = curve[TIMES - 1];
        assert_eq!((last.step, last.mean), (1.0, 0.5 * (10.0 + 5.5)));
    }

    #[test]
    fn without_runs_there_is_no_curve_and_one_run_has_no_band() {
        assert_eq!(curves(&[], PLAN), Curve::default());
        let row = example("A", "fpo", 0);
        let curve = curves(&[&row], PLAN);
        assert_eq!(pairs(&curve.steps), [(0.0, 1.0), (2000.0, 10.0)]);
        assert!(curve.steps.iter().all(|point| point.interval.is_none()));
    }
}
