//! How probable it is that a run of one method beats a run of another.

use serde::Serialize;

use crate::statistics::bootstrap::{Interval, Resampling, interval};
use crate::statistics::error::StatisticsError;
use crate::statistics::sample::mean;
use crate::statistics::scores::Scores;

/// The probability of improvement of one method over another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Improvement {
    /// The probability, from 0 to 1; ½ where neither is better.
    pub probability: f64,
    /// Its interval; `None` where a task has a single run of either method.
    pub interval: Option<Interval>,
}

/// Returns the probability of improvement of `x` over `y`: the mean over tasks of
/// `P(X > Y) + ½·P(X = Y)` over all pairs of a run of `x` and a run of `y`, which is Mann and
/// Whitney's `U / (n·m)` (Agarwal et al. 2021, section 4.3). The interval draws the runs of both
/// methods independently.
///
/// It says how often one method is better, not by how much.
///
/// # Errors
/// If the methods have different numbers of tasks.
pub fn improvement(
    x: &Scores,
    y: &Scores,
    plan: Resampling,
) -> Result<Improvement, StatisticsError> {
    let [x_tasks, y_tasks] = [x, y].map(|scores| scores.tasks().len());
    if x_tasks != y_tasks {
        return Err(StatisticsError::Tasks { x: x_tasks, y: y_tasks });
    }
    let both = (x.clone(), y.clone());
    Ok(Improvement {
        probability: probability(&both),
        interval: interval(&both, probability, plan),
    })
}

fn probability((x, y): &(Scores, Scores)) -> f64 {
    mean(x.tasks().iter().zip(y.tasks()).map(|(x, y)| of_task(x, y)))
}

fn of_task(x: &[f64], y: &[f64]) -> f64 {
    let pairs = x.iter().flat_map(|x| y.iter().map(move |y| (x, y)));
    mean(pairs.map(|(x, y)| 0.5 * (f64::from(x > y) + f64::from(x >= y))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Resampling = Resampling { count: 1_000, seed: 5 };

    fn scores(tasks: &[&[f64]]) -> Scores {
        Scores::new(tasks.iter().map(|runs| runs.to_vec()).collect()).unwrap()
    }

    #[test]
    fn wins_count_one_and_ties_a_half() {
        let x = scores(&[&[3.0, 1.0], &[5.0, 5.0]]);
        let y = scores(&[&[2.0, 1.0, 0.0], &[6.0, 5.0]]);
        // Task 0: 3 wins, then 1 tie and 1 win of 3. Task 1: 2 ties of 4.
        let expected = ((3.0 + 1.5) / 6.0 + 1.0 / 4.0) / 2.0;
        assert_eq!(improvement(&x, &y, PLAN).unwrap().probability, expected);
    }

    #[test]
    fn the_probabilities_of_both_directions_sum_to_one_and_against_itself_it_is_a_half() {
        let x = scores(&[&[0.3, 0.1, 0.7], &[0.2, 0.2, 0.9]]);
        let y = scores(&[&[0.3, 0.4], &[0.2, -0.5]]);
        let there = improvement(&x, &y, PLAN).unwrap();
        let back = improvement(&y, &x, PLAN).unwrap();
        assert!((there.probability + back.probability - 1.0).abs() < 1e-15);
        assert_eq!(improvement(&x, &x, PLAN).unwrap().probability, 0.5);
        let interval = there.interval.unwrap();
        assert!(interval.low <= there.probability && there.probability <= interval.high);
    }

    #[test]
    fn a_single_run_has_no_interval_and_other_tasks_are_an_error() {
        let one = improvement(&scores(&[&[1.0, 2.0]]), &scores(&[&[1.5]]), PLAN).unwrap();
        assert_eq!(one, Improvement { probability: 0.5, interval: None });
        let error = improvement(&scores(&[&[1.0]]), &scores(&[&[1.0], &[1.0]]), PLAN).unwrap_err();
        assert_eq!(error, StatisticsError::Tasks { x: 1, y: 2 });
    }
}
