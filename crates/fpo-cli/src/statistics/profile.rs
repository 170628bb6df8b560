//! Performance profiles: which share of the runs is above each score.

use serde::Serialize;

use crate::statistics::bootstrap::{Interval, Resampling, intervals};
use crate::statistics::sample::mean;
use crate::statistics::scores::Scores;

/// A point of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ProfilePoint {
    /// The score `τ`.
    pub threshold: f64,
    /// Share of runs above it, from 0 to 1.
    pub share: f64,
    /// Interval of that share; `None` where a task has a single run.
    pub interval: Option<Interval>,
}

/// Returns the performance profile of `scores` at `thresholds`: for each `τ`, the mean over tasks of
/// the share of runs with `score > τ`, with pointwise intervals. Agarwal et al. (2021, section 4.2)
/// call it the run-score distribution.
///
/// A method whose profile lies above another's at every `τ` is better in every respect that
/// aggregates measure.
pub fn profile(scores: &Scores, thresholds: &[f64], plan: Resampling) -> Vec<ProfilePoint> {
    let share = |scores: &Scores, at: usize| share_above(scores, thresholds[at]);
    let intervals = intervals(scores, thresholds.len(), share, plan);
    let points = thresholds.iter().enumerate().map(|(at, &threshold)| ProfilePoint {
        threshold,
        share: share_above(scores, threshold),
        interval: intervals.as_ref().map(|intervals| intervals[at]),
    });
    points.collect()
}

fn share_above(scores: &Scores, threshold: f64) -> f64 {
    let of_task = |runs: &Vec<f64>| mean(runs.iter().map(|score| f64::from(*score > threshold)));
    mean(scores.tasks().iter().map(of_task))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Resampling = Resampling { count: 500, seed: 0 };

    #[test]
    fn a_profile_falls_from_one_to_zero_and_tasks_weigh_alike() {
        let scores = Scores::new(vec![vec![0.1, 0.4, 0.4, 0.8], vec![-0.5, 1.0]]).unwrap();
        let thresholds: Vec<f64> = (-10..=12).map(|i| f64::from(i) / 10.0).collect();
        let profile = profile(&scores, &thresholds, PLAN);
        let share = |threshold: f64| {
            profile.iter().find(|point| point.threshold == threshold).unwrap().share
        };
        assert_eq!((share(-1.0), share(1.0)), (1.0, 0.0), "1 is not above 1");
        assert_eq!(share(0.3), 0.5 * (0.75 + 0.5));
        assert_eq!(share(0.4), 0.5 * (0.25 + 0.5), "0.4 is not above 0.4");
        for pair in profile.windows(2) {
            let [left, right] = [pair[0].interval.unwrap(), pair[1].interval.unwrap()];
            assert!(pair[0].share >= pair[1].share, "{pair:?}");
            assert!(left.low >= right.low && left.high >= right.high, "{pair:?}");
        }
        for point in &profile {
            let Interval { low, high } = point.interval.unwrap();
            assert!(0.0 <= low && low <= point.share && point.share <= high && high <= 1.0);
        }
    }

    #[test]
    fn single_runs_have_a_profile_without_intervals() {
        let scores = Scores::new(vec![vec![0.5], vec![1.5]]).unwrap();
        let expected = ProfilePoint { threshold: 1.0, share: 0.5, interval: None };
        assert_eq!(profile(&scores, &[1.0], PLAN), [expected]);
    }
}
