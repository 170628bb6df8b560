//! The final scores of one method: several runs on each of several tasks.

use crate::statistics::bootstrap::{Draws, Strata};
use crate::statistics::error::StatisticsError;

/// The final scores of one method, by task and run. Tasks stand in a fixed order, the same for all
/// methods that are compared. There is at least one task, each has at least one run, and every score
/// is finite. Tasks may have different numbers of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    tasks: Vec<Vec<f64>>,
}

impl Scores {
    /// Returns the scores `tasks[task][run]`.
    ///
    /// # Errors
    /// If there is no task, a task has no run, or a score is NaN or infinite.
    pub fn new(tasks: Vec<Vec<f64>>) -> Result<Scores, StatisticsError> {
        if tasks.is_empty() {
            return Err(StatisticsError::NoTask);
        }
        for (task, runs) in tasks.iter().enumerate() {
            if runs.is_empty() {
                return Err(StatisticsError::NoRun { task });
            }
            if let Some(run) = runs.iter().position(|score| !score.is_finite()) {
                return Err(StatisticsError::Score { task, run, score: runs[run] });
            }
        }
        Ok(Scores { tasks })
    }

    /// Returns the scores of the runs of each task.
    pub fn tasks(&self) -> &[Vec<f64>] {
        &self.tasks
    }

    /// Returns the scores of all runs, task after task.
    pub fn pooled(&self) -> impl Iterator<Item = f64> {
        self.tasks.iter().flatten().copied()
    }
}

/// The runs of each task are a stratum: a replicate has as many runs of each task as there are.
impl Strata for Scores {
    fn can_vary(&self) -> bool {
        self.tasks.iter().all(Strata::can_vary)
    }

    fn redraw(&self, into: &mut Self, draws: &mut Draws) {
        for (runs, into) in self.tasks.iter().zip(&mut into.tasks) {
            runs.redraw(into, draws);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_missing_or_not_finite_are_refused_and_named() {
        for (tasks, words) in [
            (vec![], "there is no task"),
            (vec![vec![1.0], vec![]], "task 1 has no run"),
            (vec![vec![1.0], vec![2.0, f64::NAN]], "run 1 of task 1 has the score NaN"),
            (vec![vec![f64::NEG_INFINITY]], "run 0 of task 0 has the score -inf"),
        ] {
            let error = Scores::new(tasks).unwrap_err().to_string();
            assert!(error.contains(words), "no {words:?} in {error}");
        }
    }

    #[test]
    fn tasks_may_have_different_numbers_of_runs() {
        let scores = Scores::new(vec![vec![1.0, 2.0], vec![3.0]]).unwrap();
        assert_eq!(scores.pooled().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
        assert!(!scores.can_vary(), "one run of a task says nothing about others");
    }
}
