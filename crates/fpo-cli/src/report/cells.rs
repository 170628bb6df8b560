//! The results on each task: one cell for each entry, with its runs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::curves::{Curve, curves};
use crate::report::entries::Entry;
use crate::report::references::{Published, References};
use crate::report::scale::Scale;
use crate::report::words::decimals;
use crate::results::outcome::Status;
use crate::results::row::{Row, Scored};
use crate::statistics::bootstrap::{Interval, Resampling, interval};
use crate::statistics::sample::{iqm, mean, median, standard_error};

/// A run in a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Digest of its configuration.
    pub digest: String,
    /// How it ended.
    pub status: Status,
    /// Its score, a mean return; `None` if it is no result.
    pub score: Option<f64>,
    /// The score on the scale of the task.
    pub normalised: Option<f64>,
    /// Environment steps done.
    pub env_steps: u64,
    /// Wall-clock, in seconds.
    pub seconds: f64,
    /// What was wrong, if it did not finish.
    pub reason: Option<String>,
}

/// The runs of an entry on a task. Statistics are over those runs that are results; they are `None`
/// where no run is a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Label of the entry.
    pub entry: String,
    /// Number of results.
    pub n: usize,
    /// Mean of the scores.
    pub mean: Option<f64>,
    /// Standard error of the mean; needs two results.
    pub standard_error: Option<f64>,
    /// 95 % bootstrap interval of the mean; needs two results.
    pub interval: Option<Interval>,
    /// Median.
    pub median: Option<f64>,
    /// Interquartile mean.
    pub iqm: Option<f64>,
    /// Lowest score.
    pub min: Option<f64>,
    /// Highest score.
    pub max: Option<f64>,
    /// How many of the results diverged.
    pub diverged: usize,
    /// All runs, those without a score too.
    pub runs: Vec<Run>,
    /// The learning curve.
    pub curve: Curve,
}

/// The results on a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What counts as 0 and 1; `None` where all scores are equal and nothing else says.
    pub scale: Option<Scale>,
    /// Digits after the point with which its scores are shown.
    pub decimals: usize,
    /// Published numbers, by method.
    pub paper: BTreeMap<String, Published>,
    /// One for each entry, in the order of the entries.
    pub cells: Vec<Cell>,
}

/// Returns the score of `row` if it is a result: failed runs and those that are not over are none.
pub fn score(row: &Row, scored: Scored) -> Option<f64> {
    match row.status {
        Status::Finished | Status::Diverged => row.score(scored),
        Status::Failed | Status::Unfinished => None,
    }
}

/// Returns the names of the tasks of `rows` in the order in which they are met.
pub fn task_names(rows: &[Row]) -> Vec<&str> {
    let mut names = Vec::new();
    for row in rows {
        if !names.contains(&row.task.as_str()) {
            names.push(&row.task);
        }
    }
    names
}

/// How the results of tasks are made.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// Which evaluation of a run is its score.
    pub scored: Scored,
    /// What scores are compared with.
    pub references: &'a References,
    /// How intervals are drawn.
    pub plan: Resampling,
}

impl Making<'_> {
    /// Returns the results of `entries` on the task `name`.
    pub fn task(&self, name: &str, entries: &[Entry]) -> Task {
        let results = entries.iter().flat_map(|entry| &entry.rows);
        let results = results.filter(|row| row.task == name && score(row, self.scored).is_some());
        let results: Vec<&Row> = results.copied().collect();
        let scale = Scale::of(name, &results, self.scored, self.references);
        let cell = |entry: &Entry| {
            let on_it = entry.rows.iter().filter(|row| row.task == name);
            let rows: Vec<&Row> = on_it.copied().collect();
            self.cell(&entry.label, &rows, scale)
        };
        Task {
            name: name.into(),
            scale,
            decimals: scale.map_or(1, |scale| decimals(scale.range())),
            paper: self.references.of_task(name),
            cells: entries.iter().map(cell).collect(),
        }
    }

    fn cell(&self, entry: &str, rows: &[&Row], scale: Option<Scale>) -> Cell {
        let results: Vec<&Row> =
            rows.iter().filter(|row| score(row, self.scored).is_some()).copied().collect();
        let scores: Vec<f64> = results.iter().filter_map(|row| score(row, self.scored)).collect();
        let numbers = || scores.iter().copied();
        let there = |value: f64| (!scores.is_empty()).then_some(value);
        let mean_of = |scores: &Vec<f64>| mean(scores.iter().copied());
        let run = |row: &&Row| {
            let score = score(row, self.scored);
            Run {
                seed: row.seed,
                digest: row.digest.clone(),
                status: row.status,
                score,
                normalised: score.and_then(|score| Some(scale?.normalised(score))),
                env_steps: row.env_steps,
                seconds: row.seconds,
                reason: row.reason.clone(),
            }
        };
        let mut runs: Vec<Run> = rows.iter().map(run).collect();
        runs.sort_by_key(|run| run.seed);
        Cell {
            entry: entry.into(),
            n: scores.len(),
            mean: there(mean_of(&scores)),
            standard_error: standard_error(&scores),
            interval: interval(&scores, mean_of, self.plan),
            median: there(median(numbers())),
            iqm: there(iqm(numbers())),
            min: there(numbers().fold(f64::INFINITY, f64::min)),
            max: there(numbers().fold(f64::NEG_INFINITY, f64::max)),
            diverged: results.iter().filter(|row| row.status == Status::Diverged).count(),
            runs,
            curve: curves(&results, self.plan),
        }
    }
}

impl Cell {
    /// Returns the scores of the results on the scale of the task.
    pub fn normalised(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.normalised).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::entries::entries;
    use crate::results::row::tests::example;

    #[test]
    fn only_results_count_and_a_diverged_run_is_one() {
        let mut rows: Vec<Row> = (0..5).map(|seed| example("A", "fpo", seed)).collect();
        rows[1].status = Status::Diverged;
        rows[2].status = Status::Failed;
        rows[3].status = Status::Unfinished;
        let (entries, _) = entries(&rows);
        let making = Making {
            scored: Scored::Last,
            references: &References::default(),
            plan: Resampling { count: 200, seed: 0 },
        };
        let task = making.task("A", &entries);
        let cell = &task.cells[0];
        // The scores are 10, 11 and 14.
        assert_eq!((cell.n, cell.diverged, cell.runs.len()), (3, 1, 5));
        assert_eq!((cell.min, cell.median, cell.max), (Some(10.0), Some(11.0), Some(14.0)));
        assert_eq!(cell.normalised(), [0.0, 0.25, 1.0]);
        assert!(cell.interval.is_some());
        assert_eq!(making.task("B", &entries).cells[0].mean, None);
    }

    #[test]
    fn a_single_result_has_no_interval() {
        let rows = [example("A", "fpo", 0)];
        let (entries, _) = entries(&rows);
        let making = Making {
            scored: Scored::Last,
            references: &References::default(),
            plan: Resampling::default(),
        };
        let cell = &making.task("A", &entries).cells[0];
        assert_eq!((cell.mean, cell.standard_error, cell.interval), (Some(10.0), None, None));
    }
}
