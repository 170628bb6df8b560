//! The tables of a report, as text in cells, for every format that has tables.

use crate::report::cells::{Cell, Run, Task};
use crate::report::headline::estimate;
use crate::report::overall::{Estimate, SHOWN};
use crate::report::summary::Report;
use crate::report::words::{fixed, list, memory};
use crate::results::outcome::Status;
use crate::terminal::humanize::{grouped, short_count, short_duration};
use crate::text::count::count;

/// What stands where there is no number.
const NOTHING: &str = "–";

/// Digits of normalised scores.
const NORMALISED: usize = 3;

/// A table: as many cells in each row as in the header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What the columns hold.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(header: [&str; N]) -> Table {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// Returns the table with columns for rows, if it has more columns than rows and is wide.
    fn upright(self) -> Table {
        if self.header.len() <= SHOWN + 1 || self.header.len() <= self.rows.len() {
            return self;
        }
        let column = |at: usize| self.rows.iter().map(move |row| row[at].clone());
        let with_first =
            |first: &str, at| [first.to_owned()].into_iter().chain(column(at)).collect();
        Table {
            header: with_first("entry", 0),
            rows: (1..self.header.len()).map(|at| with_first(&self.header[at], at)).collect(),
        }
    }
}

/// Returns the aggregates over all tasks, by entry. A single task has its own table instead.
pub fn overall(report: &Report) -> Option<Table> {
    let overall = report.overall.as_ref().filter(|_| report.tasks.len() > 1)?;
    let mut table = Table::new(["entry", "results", "IQM", "mean", "median", "optimality gap"]);
    for entry in &overall.entries {
        let number = |of: Estimate| estimate(of, NORMALISED);
        let mut row = vec![entry.entry.clone(), entry.runs.to_string()];
        row.extend([entry.iqm, entry.mean, entry.median, entry.optimality_gap].map(number));
        table.rows.push(row);
    }
    if !overall.paper.is_empty() {
        table.header.push("the paper's mean, at its own sizes".into());
        for (entry, row) in overall.entries.iter().zip(&mut table.rows) {
            row.push(overall.paper.get(&entry.method).map_or(NOTHING.into(), |paper| {
                let spread = paper.published.plus_minus.map(|spread| format!(" ± {spread}"));
                let own = format!("{}{}", paper.published.mean, spread.unwrap_or_default());
                match paper.normalised {
                    Some(normalised) => format!("{} ({own})", fixed(normalised, NORMALISED)),
                    None => own,
                }
            }));
        }
    }
    Some(table)
}

/// Returns the mean scores by task and entry.
pub fn means(report: &Report) -> Table {
    let mut table = Table { header: vec!["task".into()], rows: Vec::new() };
    table.header.extend(report.entries.iter().map(|entry| entry.label.clone()));
    for task in &report.tasks {
        let cell = |cell: &Cell| {
            let text = mean(cell, task.decimals);
            if cell.diverged > 0 { format!("{text} †") } else { text }
        };
        let cells = task.cells.iter().map(cell);
        table.rows.push([task.name.clone()].into_iter().chain(cells).collect());
    }
    table.upright()
}

fn mean(cell: &Cell, decimals: usize) -> String {
    match (cell.mean, cell.standard_error) {
        (Some(mean), Some(error)) => {
            format!("{} ± {}", fixed(mean, decimals), fixed(error, decimals))
        }
        (Some(mean), None) => format!("{} (one seed)", fixed(mean, decimals)),
        (None, _) => NOTHING.into(),
    }
}

/// Returns every statistic of every entry on `task`.
pub fn task(report: &Report, task: &Task) -> Table {
    let mut table = Table::new([
        "entry",
        "n",
        "mean ± standard error",
        "95 % interval",
        "median",
        "IQM",
        "runs (seed: score)",
    ]);
    for (entry, cell) in report.entries.iter().zip(&task.cells) {
        let number = |number: Option<f64>| {
            number.map_or(NOTHING.to_owned(), |number| fixed(number, task.decimals))
        };
        let interval = match (cell.interval, cell.n) {
            (Some(ends), _) => {
                format!("{} to {}", fixed(ends.low, task.decimals), fixed(ends.high, task.decimals))
            }
            (None, 1) => "one seed".into(),
            (None, _) => NOTHING.into(),
        };
        let run = |run: &Run| run_text(run, task.decimals);
        let runs: Vec<String> = cell.runs.iter().map(run).collect();
        table.rows.push(vec![
            entry.label.clone(),
            cell.n.to_string(),
            mean(cell, task.decimals),
            interval,
            number(cell.median),
            number(cell.iqm),
            if runs.is_empty() { NOTHING.into() } else { runs.join(" · ") },
        ]);
        if let Some(paper) = task.paper.get(&entry.method) {
            let spread = paper.plus_minus.map(|spread| format!(" ± {spread}"));
            let mean = format!("{}{}", paper.mean, spread.unwrap_or_default());
            let mut row = vec![NOTHING.to_owned(); 7];
            row[0] = format!("{}, as published", entry.method);
            row[2] = mean;
            table.rows.push(row);
        }
    }
    table
}

fn run_text(run: &Run, decimals: usize) -> String {
    let score = run.score.map(|score| fixed(score, decimals));
    match (run.status, score) {
        (Status::Finished, Some(score)) => format!("{}: {score}", run.seed),
        (Status::Diverged, Some(score)) => format!("{}: {score} †", run.seed),
        (status, _) => format!("{}: {}", run.seed, status.name()),
    }
}

/// Returns the probabilities of improvement.
pub fn pairs(report: &Report) -> Option<Table> {
    let overall = report.overall.as_ref().filter(|overall| !overall.pairs.is_empty())?;
    let mut table = Table::new(["X", "Y", "P(X > Y)"]);
    for pair in &overall.pairs {
        let improvement = pair.improvement;
        let probability =
            Estimate { value: improvement.probability, interval: improvement.interval };
        table.rows.push(vec![pair.x.clone(), pair.y.clone(), estimate(probability, 2)]);
    }
    Some(table)
}

/// Returns the best configurations by task and method.
pub fn best(report: &Report) -> Option<Table> {
    let mut table = Table::new(["task", "method", "rank", "configuration", "n", "mean", "range"]);
    for best in &report.best {
        let task = report.tasks.iter().find(|task| task.name == best.task);
        let decimals = task.map_or(1, |task| task.decimals);
        for (rank, found) in best.configurations.iter().enumerate() {
            let error = found.standard_error.map(|error| format!(" ± {}", fixed(error, decimals)));
            let ends = [found.min, found.max].map(|end| end.unwrap_or(found.mean));
            let range = match found.n {
                1 => "one seed".into(),
                _ => ends.map(|end| fixed(end, decimals)).join(" to "),
            };
            table.rows.push(vec![
                best.task.clone(),
                best.method.clone(),
                format!("{} of {}", rank + 1, best.of),
                found.entry.clone(),
                found.n.to_string(),
                format!("{}{}", fixed(found.mean, decimals), error.unwrap_or_default()),
                range,
            ]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Returns the means of each value of each setting that was varied.
pub fn sensitivity(report: &Report) -> Option<Table> {
    let mut table = Table::new(["setting", "method", "value", "configurations", "mean score"]);
    for picture in &report.sensitivity {
        let decimals = match picture.normalised {
            true => NORMALISED,
            false => report.tasks.first().map_or(1, |task| task.decimals),
        };
        for mean in &picture.means {
            table.rows.push(vec![
                picture.setting.clone(),
                picture.method.clone(),
                crate::report::words::setting(&mean.value),
                mean.configurations.to_string(),
                fixed(mean.mean, decimals),
            ]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Returns in what the configurations differ.
pub fn differences(report: &Report) -> Option<Table> {
    let mut table = Table { header: vec!["field".into()], rows: Vec::new() };
    table.header.extend(report.entries.iter().map(|entry| entry.label.clone()));
    for difference in &report.differences {
        let row = [difference.field.clone()].into_iter().chain(difference.values.iter().cloned());
        table.rows.push(row.collect());
    }
    (!table.rows.is_empty()).then(|| table.upright())
}

/// Returns what the runs were made with, and what they cost.
pub fn hardware(report: &Report) -> Table {
    let mut table = Table::new([
        "entry",
        "runs",
        "wall-clock of a run",
        "steps per second",
        "peak memory",
        "thread-hours in all",
        "made on",
        "made by",
    ]);
    for entry in &report.hardware {
        let numbers = |found: &std::collections::BTreeMap<String, usize>| {
            let parts: Vec<String> = match found.len() {
                1 => found.keys().cloned().collect(),
                _ => found.iter().map(|(name, runs)| format!("{name} ({runs})")).collect(),
            };
            parts.join("; ")
        };
        let or_nothing = |text: Option<String>| text.unwrap_or(NOTHING.into());
        let duration = |seconds: f64| match seconds {
            seconds if seconds < 10.0 => format!("{} s", fixed(seconds, 1)),
            seconds => short_duration(seconds.round() as u64),
        };
        table.rows.push(vec![
            entry.entry.clone(),
            entry.runs.to_string(),
            or_nothing(entry.seconds_mean.map(duration)),
            or_nothing(entry.steps_per_second.map(|rate| grouped(rate.round() as u64))),
            or_nothing(entry.peak_memory_bytes.map(memory)),
            hours(entry.thread_seconds / 3600.0),
            numbers(&entry.machines),
            numbers(&entry.programs),
        ]);
    }
    table
}

/// Returns hours with more digits the fewer they are.
fn hours(hours: f64) -> String {
    fixed(hours, if hours < 1.0 { 3 } else { 1 })
}

/// Returns what was read.
pub fn inputs(report: &Report) -> Table {
    let mut table = Table::new(["input", "rows", "SHA-256"]);
    for source in &report.inputs {
        let digest = source.sha256.clone().unwrap_or(NOTHING.into());
        table.rows.push(vec![source.path.clone(), source.rows.to_string(), digest]);
    }
    table
}

/// Returns what is to be said about the numbers over all tasks.
pub fn about_overall(report: &Report) -> String {
    let Some(overall) = &report.overall else { return String::new() };
    let tasks = match overall.tasks.len() {
        all if all == report.tasks.len() => count(all, "task"),
        some => {
            format!("{some} of {} ({})", count(report.tasks.len(), "task"), list(&overall.tasks))
        }
    };
    format!(
        "Normalised scores over {tasks}, with 95 % stratified bootstrap intervals ({} \
         replicates).",
        short_count(report.replicates as u64)
    )
}
