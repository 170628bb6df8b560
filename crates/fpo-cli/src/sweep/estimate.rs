//! How long runs will take, from the runs that are over: seconds per environment step of the same
//! configuration, else of the same task and method, else of the same task, else of all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::sweep::plan::Planned;

/// Steps and seconds of runs that are over.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    steps: f64,
    seconds: f64,
}

/// What is known about the speed of runs.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    paces: HashMap<String, Pace>,
}

/// Returns under which names a run's pace is kept, the most telling first.
fn names(digest: &str, task: &str, method: &str) -> [String; 4] {
    [format!("1 {digest}"), format!("2 {task}\n{method}"), format!("3 {task}"), "4".into()]
}

impl Durations {
    /// Returns what `rows` say.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Durations {
        let mut durations = Durations::default();
        rows.into_iter().for_each(|row| durations.add(row));
        durations
    }

    /// Takes in a run that is over, if it ran to its end.
    pub fn add(&mut self, row: &Row) {
        if row.status != Status::Finished || row.env_steps == 0 {
            return;
        }
        self.learn((&row.digest, &row.task, &row.method), row.env_steps, row.seconds);
    }

    /// Takes in that a run with this digest, of this task and method, takes `seconds` for `steps`
    /// environment steps.
    pub fn learn(&mut self, (digest, task, method): (&str, &str, &str), steps: u64, seconds: f64) {
        for name in names(digest, task, method) {
            let pace = self.paces.entry(name).or_default();
            pace.steps += steps as f64;
            pace.seconds += seconds;
        }
    }

    /// Returns whether a run of the same task and method as `run` is known.
    pub fn knows_method(&self, run: &Planned) -> bool {
        let [_, method, ..] = names(&run.digest, &run.labels.task, &run.labels.method);
        self.paces.contains_key(&method)
    }

    /// Returns the seconds that `run` will take, if any run like it is known.
    pub fn seconds(&self, run: &Planned) -> Option<f64> {
        let names = names(&run.digest, &run.labels.task, &run.labels.method);
        let pace = names.iter().find_map(|name| self.paces.get(name))?;
        Some(run.steps() as f64 * pace.seconds / pace.steps)
    }
}

/// Returns the seconds until all runs are done, where `running` have these seconds left and `todo`
/// take these, the longest of which starts first on the first of `jobs` places that is free.
pub fn until_done(running: &[f64], todo: &[f64], jobs: usize) -> f64 {
    // Whole milliseconds have an order, which numbers in general do not.
    let milliseconds = |seconds: &f64| (seconds * 1e3) as u64;
    let mut places: BinaryHeap<Reverse<u64>> =
        running.iter().map(milliseconds).map(Reverse).collect();
    while places.len() < jobs {
        places.push(Reverse(0));
    }
    let mut todo: Vec<u64> = todo.iter().map(milliseconds).collect();
    todo.sort_unstable_by_key(|&time| Reverse(time));
    for time in todo {
        if let Some(Reverse(free)) = places.pop() {
            places.push(Reverse(free + time));
        }
    }
    places.into_iter().map(|Reverse(end)| end).max().unwrap_or(0) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_that_of_the_longest_place() {
        assert_eq!(until_done(&[], &[], 2), 0.0);
        assert_eq!(until_done(&[5.0], &[], 2), 5.0);
        assert_eq!(until_done(&[], &[3.0, 2.0, 2.0], 2), 4.0);
        assert_eq!(until_done(&[10.0, 1.0], &[4.0, 4.0], 2), 10.0);
        assert_eq!(until_done(&[1.0, 1.0, 1.0], &[2.0], 1), 3.0);
    }
}
