//! Numbers over all tasks, from normalised scores.
//!
//! They use the tasks on which every entry has a result: an entry with other tasks would be
//! measured by another yardstick. Entries without any result at all do not take part.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::cells::Task;
use crate::report::notes::{Note, NoteKind};
use crate::report::references::{Published, References};
use crate::report::words::list;
use crate::statistics::aggregate::Aggregate;
use crate::statistics::bootstrap::{Interval, Resampling, intervals};
use crate::statistics::improvement::{Improvement, improvement};
use crate::statistics::profile::{ProfilePoint, profile};
use crate::statistics::scores::Scores;
use crate::text::count::count;

/// Most entries that charts, profiles and pairs show: more lines than this cannot be told apart.
pub const SHOWN: usize = 8;

/// Thresholds of a profile, from the lowest to the highest.
const THRESHOLDS: usize = 51;

/// The aggregates, in the order of [`Aggregates`].
const AGGREGATES: [Aggregate; 4] =
    [Aggregate::Iqm, Aggregate::Mean, Aggregate::Median, Aggregate::OptimalityGap];

/// A number with its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its interval; `None` where a task has a single run.
    pub interval: Option<Interval>,
}

/// An entry over all tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aggregates {
    /// Label of the entry.
    pub entry: String,
    /// Name of its method.
    pub method: String,
    /// Number of results.
    pub runs: usize,
    /// Interquartile mean of all runs.
    pub iqm: Estimate,
    /// Mean over tasks of the mean over runs.
    pub mean: Estimate,
    /// Median over tasks of the mean over runs.
    pub median: Estimate,
    /// How far the runs stay below 1, on average; lower is better.
    pub optimality_gap: Estimate,
    /// Share of runs above each score; only of the entries that charts show.
    pub profile: Vec<ProfilePoint>,
}

/// How probable it is that a run of one entry beats a run of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The one, which stands higher in the ranking.
    pub x: String,
    /// The other.
    pub y: String,
    /// Probability that a run of `x` beats one of `y`.
    #[serde(flatten)]
    pub improvement: Improvement,
}

/// A published mean over the same tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PublishedMean {
    /// As published, a return.
    #[serde(flatten)]
    pub published: Published,
    /// On the scale of the tasks; `None` where they have different scales.
    pub normalised: Option<f64>,
}

/// Everything over all tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overall {
    /// The tasks that count.
    pub tasks: Vec<String>,
    /// The entries, the best first: by the interquartile mean or, on a single task, by the mean.
    pub entries: Vec<Aggregates>,
    /// Pairs of the entries that charts show.
    pub pairs: Vec<Pair>,
    /// By how much the first entry exceeds the second in what they are ranked by.
    pub lead: Option<Estimate>,
    /// Published numbers for the mean over these tasks, by method.
    pub paper: BTreeMap<String, PublishedMean>,
}

/// Returns the numbers of `methods` (label and method of each entry) over `tasks`, and what was
/// left out; `None` if no task has results of all entries that are not all equal.
pub fn overall(
    tasks: &[Task],
    methods: &[(String, String)],
    references: &References,
    plan: Resampling,
) -> (Option<Overall>, Vec<Note>) {
    let mut notes = Vec::new();
    let has_results = |at: &usize| tasks.iter().any(|task| task.cells[*at].n > 0);
    let entries: Vec<usize> = (0..methods.len()).filter(has_results).collect();
    let none_because = |why: &str| {
        let text = format!("there are no numbers over all tasks, because {why}");
        Note::new(NoteKind::Tasks, text)
    };
    if entries.is_empty() {
        return (None, vec![none_because("no run has a score")]);
    }
    let (mut counted, mut has_equal) = (Vec::new(), false);
    for task in tasks {
        let lacking: Vec<&str> = entries
            .iter()
            .filter(|&&at| task.cells[at].n == 0)
            .map(|&at| methods[at].0.as_str())
            .collect();
        let text = match (lacking.len(), task.scale) {
            (0, Some(_)) => {
                counted.push(task);
                continue;
            }
            (0, None) => {
                has_equal = true;
                let results: usize = task.cells.iter().map(|cell| cell.n).sum();
                match results {
                    1 => format!("{}: there is a single score", task.name),
                    _ => format!("{}: all scores are equal", task.name),
                }
            }
            (1..=SHOWN, _) => format!("{}: no result of {}", task.name, list(&lacking)),
            (many, _) => {
                format!("{}: no result of {many} of {}", task.name, count(entries.len(), "entry"))
            }
        };
        notes.push(Note::new(NoteKind::Tasks, text));
    }
    if counted.is_empty() {
        match has_equal {
            // The note on a single task says it all.
            true if tasks.len() == 1 => {}
            true => notes.push(none_because(
                "all scores are equal on every task that has results of all entries",
            )),
            false => notes.push(none_because("no task has results of all entries")),
        }
        return (None, notes);
    }
    // A task that counts has a scale and runs with finite scores, so there is no error here.
    let scores = |&at: &usize| {
        let of_tasks = counted.iter().map(|task| task.cells[at].normalised());
        Some((at, Scores::new(of_tasks.collect()).ok()?))
    };
    let mut ranked: Vec<(usize, Scores)> = entries.iter().filter_map(scores).collect();
    let by = if counted.len() > 1 { Aggregate::Iqm } else { Aggregate::Mean };
    ranked.sort_by(|(_, a), (_, b)| by.of(b).total_cmp(&by.of(a)));
    let found = Overall {
        tasks: counted.iter().map(|task| task.name.clone()).collect(),
        entries: aggregates(&ranked, methods, plan),
        pairs: pairs(&ranked, methods, plan),
        lead: lead(&ranked, by, plan),
        paper: paper(&counted, references),
    };
    (Some(found), notes)
}

fn aggregates(
    ranked: &[(usize, Scores)],
    methods: &[(String, String)],
    plan: Resampling,
) -> Vec<Aggregates> {
    let thresholds = thresholds(ranked);
    let of_entry = |(rank, (at, scores)): (usize, &(usize, Scores))| {
        let value = |drawn: &Scores, at: usize| AGGREGATES[at].of(drawn);
        let intervals = intervals(scores, AGGREGATES.len(), value, plan);
        let estimate = |at: usize| Estimate {
            value: value(scores, at),
            interval: intervals.as_ref().map(|intervals| intervals[at]),
        };
        Aggregates {
            entry: methods[*at].0.clone(),
            method: methods[*at].1.clone(),
            runs: scores.pooled().count(),
            iqm: estimate(0),
            mean: estimate(1),
            median: estimate(2),
            optimality_gap: estimate(3),
            profile: match rank < SHOWN {
                true => profile(scores, &thresholds, plan),
                false => Vec::new(),
            },
        }
    };
    ranked.iter().enumerate().map(of_entry).collect()
}

/// Returns thresholds from 0, or the lowest score if it is lower, to 1 or the highest score.
fn thresholds(ranked: &[(usize, Scores)]) -> Vec<f64> {
    let all = || ranked.iter().take(SHOWN).flat_map(|(_, scores)| scores.pooled());
    let (low, high) = (all().fold(0.0, f64::min), all().fold(1.0, f64::max));
    let step = (high - low) / (THRESHOLDS - 1) as f64;
    (0..THRESHOLDS).map(|at| low + at as f64 * step).collect()
}

fn pairs(ranked: &[(usize, Scores)], methods: &[(String, String)], plan: Resampling) -> Vec<Pair> {
    let shown = &ranked[..ranked.len().min(SHOWN)];
    let pairs = (0..shown.len()).flat_map(|x| (x + 1..shown.len()).map(move |y| (x, y)));
    let pair = |(x, y): (usize, usize)| {
        let ((x, x_scores), (y, y_scores)) = (&shown[x], &shown[y]);
        Some(Pair {
            x: methods[*x].0.clone(),
            y: methods[*y].0.clone(),
            // All entries here have the same tasks.
            improvement: improvement(x_scores, y_scores, plan).ok()?,
        })
    };
    pairs.filter_map(pair).collect()
}

fn lead(ranked: &[(usize, Scores)], by: Aggregate, plan: Resampling) -> Option<Estimate> {
    let [(_, first), (_, second), ..] = ranked else { return None };
    let both = (first.clone(), second.clone());
    let difference = |(first, second): &(Scores, Scores), _: usize| by.of(first) - by.of(second);
    let intervals = intervals(&both, 1, difference, plan);
    Some(Estimate {
        value: difference(&both, 0),
        interval: intervals.and_then(|mut intervals| intervals.pop()),
    })
}

fn paper(tasks: &[&Task], references: &References) -> BTreeMap<String, PublishedMean> {
    let names: Vec<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
    let range = |task: &Task| task.scale.map(|scale| (scale.low, scale.high));
    let alike = tasks.iter().all(|task| range(task) == range(tasks[0]));
    let scale = tasks[0].scale.filter(|_| alike);
    let of_method = |(method, published): (String, Published)| {
        let normalised = scale.map(|scale| scale.normalised(published.mean));
        (method, PublishedMean { published, normalised })
    };
    references.of_all(&names).into_iter().map(of_method).collect()
}
