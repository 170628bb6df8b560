//! The best configurations of each method on each task, with their spread.
//!
//! The best of many configurations, chosen by the runs that are shown, is flattered by chance: its
//! score would be lower with other seeds.

use serde::Serialize;

use crate::report::cells::Task;
use crate::report::entries::Entry;

/// How many configurations are listed.
const LISTED: usize = 3;

/// A configuration of a method on a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    /// Label of the entry.
    pub entry: String,
    /// Number of results.
    pub n: usize,
    /// Mean of the scores.
    pub mean: f64,
    /// Standard error of the mean.
    pub standard_error: Option<f64>,
    /// Lowest score.
    pub min: Option<f64>,
    /// Highest score.
    pub max: Option<f64>,
}

/// The best configurations of a method on a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Name of the task.
    pub task: String,
    /// Name of the method.
    pub method: String,
    /// Number of configurations with a result.
    pub of: usize,
    /// The best ones by mean, the best first.
    pub configurations: Vec<Configuration>,
}

/// Returns the best configurations of all methods with several.
pub fn best(entries: &[Entry], tasks: &[Task]) -> Vec<Best> {
    let mut methods: Vec<&str> = Vec::new();
    for entry in entries {
        if !methods.contains(&entry.method.as_str()) {
            methods.push(&entry.method);
        }
    }
    let pairs = tasks.iter().flat_map(|task| methods.iter().map(move |method| (task, *method)));
    let of_pair = |(task, method): (&Task, &str)| {
        let of_method = entries.iter().zip(&task.cells).filter(|(entry, _)| entry.method == method);
        let found = of_method.filter_map(|(entry, cell)| {
            Some(Configuration {
                entry: entry.label.clone(),
                n: cell.n,
                mean: cell.mean?,
                standard_error: cell.standard_error,
                min: cell.min,
                max: cell.max,
            })
        });
        let mut configurations: Vec<Configuration> = found.collect();
        configurations.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        let of = configurations.len();
        configurations.truncate(LISTED);
        (of > 1).then(|| Best {
            task: task.name.clone(),
            method: method.into(),
            of,
            configurations,
        })
    };
    pairs.filter_map(of_pair).collect()
}
