//! The charts of a report's sections.

use crate::report::cells::{Cell, Run, Task};
use crate::report::curves::Curve;
use crate::report::headline::estimate;
use crate::report::html::{lines, rows, scatter};
use crate::report::overall::{Aggregates, Estimate, Overall};
use crate::report::summary::Report;
use crate::report::words::fixed;
use crate::results::outcome::Status;
use crate::statistics::curve::CurvePoint;

/// Most pairs that one chart shows.
const PAIRS: usize = 12;

/// Returns a chart for each aggregate over all tasks.
pub fn overall(report: &Report, overall: &Overall) -> String {
    type Of = fn(&Aggregates) -> Estimate;
    let aggregates: [(&str, &str, Of); 4] = [
        ("Interquartile mean", "of all runs; higher is better", |entry| entry.iqm),
        ("Mean", "over tasks and runs; higher is better", |entry| entry.mean),
        ("Median", "over tasks of the mean over runs; higher is better", |entry| entry.median),
        ("Optimality gap", "how far runs stay below 1; lower is better", |entry| {
            entry.optimality_gap
        }),
    ];
    let shown = report.shown();
    let chart = |(caption, about, of): (&str, &str, Of)| {
        let row = |(at, entry): (usize, &Aggregates)| rows::Row {
            at,
            label: entry.entry.clone(),
            value_text: estimate(of(entry), 3),
            value: Some(of(entry).value),
            interval: of(entry).interval,
            published: match caption {
                "Mean" => overall.paper.get(&entry.method).and_then(|paper| paper.normalised),
                _ => None,
            },
            ..rows::Row::default()
        };
        let entries = overall.entries.iter().take(shown.len()).enumerate();
        let rows: Vec<rows::Row> = entries.map(row).collect();
        rows::chart(rows::Look { caption, about, ..rows::Look::default() }, &rows)
    };
    aggregates.into_iter().map(chart).collect()
}

/// Returns a chart of the scores on each task.
pub fn finals(report: &Report) -> String {
    let shown = report.shown().len();
    let chart = |task: &Task| {
        let row = |(at, cell): (usize, &Cell)| {
            let mean = cell.mean.map(|value| Estimate { value, interval: cell.interval });
            let text = mean.map_or("no result".into(), |mean| estimate(mean, task.decimals));
            let dot = |run: &Run| {
                let score = run.score?;
                let text = format!("seed {}: {}", run.seed, fixed(score, task.decimals));
                let is_diverged = run.status == Status::Diverged;
                let text = if is_diverged { format!("{text}, diverged") } else { text };
                Some((score, text, is_diverged))
            };
            rows::Row {
                at,
                label: cell.entry.clone(),
                value_text: if cell.n == 1 { format!("{text} (one seed)") } else { text },
                value: cell.mean,
                interval: cell.interval,
                dots: cell.runs.iter().filter_map(dot).collect(),
                published: task.paper.get(&report.entries[at].method).map(|paper| paper.mean),
            }
        };
        let rows: Vec<rows::Row> = task.cells.iter().take(shown).enumerate().map(row).collect();
        rows::chart(rows::Look { caption: &task.name, ..rows::Look::default() }, &rows)
    };
    report.tasks.iter().map(chart).collect()
}

/// Returns a chart of the learning curves on each task, against environment steps.
pub fn curves_over_steps(report: &Report) -> String {
    let last = report.tasks.iter().flat_map(|task| &task.cells);
    let last = last.flat_map(|cell| cell.curve.steps.last()).map(|point| point.step);
    let (unit, name) = match last.fold(0.0, f64::max) {
        last if last >= 2e6 => (1e6, "million environment steps"),
        last if last >= 2e3 => (1e3, "thousand environment steps"),
        _ => (1.0, "environment steps"),
    };
    curves(report, |curve| &curve.steps, unit, name)
}

/// Returns a chart of the learning curves on each task, against wall-clock.
pub fn curves_over_time(report: &Report) -> String {
    let last = report.tasks.iter().flat_map(|task| &task.cells);
    let last = last.flat_map(|cell| cell.curve.wall_clock.last()).map(|point| point.step);
    let (unit, name) = match last.fold(0.0, f64::max) {
        last if last >= 7200.0 => (3600.0, "hours of wall-clock"),
        last if last >= 120.0 => (60.0, "minutes of wall-clock"),
        _ => (1.0, "seconds of wall-clock"),
    };
    curves(report, |curve| &curve.wall_clock, unit, name)
}

fn curves(report: &Report, of: fn(&Curve) -> &Vec<CurvePoint>, unit: f64, name: &str) -> String {
    let shown = report.shown().len();
    let chart = |task: &Task| {
        let line = |(at, cell)| {
            let cell: &Cell = cell;
            let points = of(&cell.curve).iter();
            let points = points.map(|point| (point.step / unit, point.mean, point.interval));
            lines::Line { at, label: &cell.entry, points: points.collect() }
        };
        let cells = task.cells.iter().take(shown).enumerate();
        let lines: Vec<lines::Line> = cells.map(line).collect();
        let look = lines::Look { caption: &task.name, horizontal: name, vertical_ends: None };
        match lines.iter().any(|line| line.points.len() > 1) {
            true => lines::chart(look, &lines),
            false => String::new(),
        }
    };
    report.tasks.iter().map(chart).collect()
}

/// Returns the chart of the performance profiles.
pub fn profiles(report: &Report, overall: &Overall) -> String {
    let shown = report.shown().len();
    let line = |(at, entry)| {
        let entry: &Aggregates = entry;
        let points = entry.profile.iter();
        let points = points.map(|point| (point.threshold, point.share, point.interval));
        lines::Line { at, label: &entry.entry, points: points.collect() }
    };
    let entries = overall.entries.iter().take(shown).enumerate();
    let lines: Vec<lines::Line> = entries.map(line).collect();
    let look = lines::Look {
        caption: "Share of runs with a score above τ",
        horizontal: "normalised score τ",
        vertical_ends: Some((0.0, 1.0)),
    };
    lines::chart(look, &lines)
}

/// Returns the chart of the probabilities of improvement: of all pairs or, where they are many, of
/// those with the entry that leads.
pub fn pairs(report: &Report, overall: &Overall) -> String {
    let shown = report.shown();
    let all = overall.pairs.len() <= PAIRS;
    let pairs = overall.pairs.iter().filter(|pair| all || pair.x == shown[0]);
    let row = |pair: &crate::report::overall::Pair| {
        let improvement = pair.improvement;
        let probability =
            Estimate { value: improvement.probability, interval: improvement.interval };
        rows::Row {
            at: shown.iter().position(|label| *label == pair.x).unwrap_or_default(),
            label: if all { format!("{} > {}", pair.x, pair.y) } else { pair.y.clone() },
            value_text: estimate(probability, 2),
            value: Some(probability.value),
            interval: probability.interval,
            ..rows::Row::default()
        }
    };
    let rows: Vec<rows::Row> = pairs.map(row).collect();
    let about = match all {
        true => "P(X > Y) on the same task; the dashed line is ½, neither better".to_owned(),
        false => format!("of {} over each of these; the dashed line is ½", shown[0]),
    };
    let look = rows::Look {
        caption: "Probability of improvement",
        about: &about,
        ends: Some((0.0, 1.0)),
        reference: Some(0.5),
    };
    rows::chart(look, &rows)
}

/// Returns a chart for each setting that was varied.
pub fn sensitivity(report: &Report) -> String {
    let of_task = report.tasks.first().map_or(1, |task| task.decimals);
    let decimals = |normalised: bool| if normalised { 3 } else { of_task };
    let pictures = report.sensitivity.iter();
    pictures.map(|picture| scatter::chart(picture, decimals(picture.normalised))).collect()
}
