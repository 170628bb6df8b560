//! One number for the scores of a method on several tasks.

use crate::statistics::sample::{iqm, mean, median};
use crate::statistics::scores::Scores;

/// The score from which on a task counts as solved in the optimality gap, `γ`.
const GAMMA: f64 = 1.0;

/// How the scores of all tasks and runs become one number (Agarwal et al. 2021, section 4.3). Scores
/// of different tasks should be normalised before; the optimality gap needs 1 to mean "solved".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Mean over tasks of the mean over runs.
    Mean,
    /// Median over tasks of the mean over runs.
    Median,
    /// Interquartile mean over all runs of all tasks, pooled: what the paper recommends.
    Iqm,
    /// `γ −` the mean over tasks and runs of `min(score, γ)` with `γ = 1`: how far the runs stay
    /// below "solved"; lower is better. The mean is one over tasks of those over runs.
    OptimalityGap,
}

impl Aggregate {
    /// Returns the aggregate of `scores`.
    pub fn of(self, scores: &Scores) -> f64 {
        let means = || scores.tasks().iter().map(|runs| mean(runs.iter().copied()));
        match self {
            Aggregate::Mean => mean(means()),
            Aggregate::Median => median(means()),
            Aggregate::Iqm => iqm(scores.pooled()),
            Aggregate::OptimalityGap => {
                let capped = |runs: &Vec<f64>| mean(runs.iter().map(|score| score.min(GAMMA)));
                GAMMA - mean(scores.tasks().iter().map(capped))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregates_of_known_scores_with_unequal_numbers_of_runs_are_right() {
        let scores =
            Scores::new(vec![vec![0.0, 0.5, 1.0], vec![2.0], vec![0.25, 0.75, -1.0, 4.0]]).unwrap();
        // The means of the tasks are 0.5, 2 and 1.
        assert_eq!(Aggregate::Mean.of(&scores), 3.5 / 3.0);
        assert_eq!(Aggregate::Median.of(&scores), 1.0);
        // -1, 0 | 0.25, 0.5, 0.75, 1 | 2, 4.
        assert_eq!(Aggregate::Iqm.of(&scores), 0.625);
        // Capped at 1 the means are 0.5, 1 and 0.25.
        let gap = Aggregate::OptimalityGap.of(&scores);
        assert!((gap - (1.0 - 1.75 / 3.0)).abs() < 1e-15, "{gap}");
    }
}
