//! What the runs were made with, and what they cost.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::entries::Entry;
use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::statistics::sample::mean;
use crate::text::count::count;

/// What the runs of an entry were made with, and what they cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hardware {
    /// Label of the entry.
    pub entry: String,
    /// Number of runs, those without a result too.
    pub runs: usize,
    /// Machines, in words, with their numbers of runs.
    pub machines: BTreeMap<String, usize>,
    /// Versions and commits of the program, with their numbers of runs.
    pub programs: BTreeMap<String, usize>,
    /// Mean wall-clock of the runs that finished, in seconds.
    pub seconds_mean: Option<f64>,
    /// Wall-clock of all runs together, in seconds.
    pub seconds_total: f64,
    /// Wall-clock times threads of all runs together, in seconds: an upper bound of the processor
    /// time.
    pub thread_seconds: f64,
    /// Environment steps per second of the runs that finished, evaluations included.
    pub steps_per_second: Option<f64>,
    /// The most memory that a run had at once, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// Returns what the runs of each entry took.
pub fn hardware(entries: &[Entry]) -> Vec<Hardware> {
    entries.iter().map(of_entry).collect()
}

fn of_entry(entry: &Entry) -> Hardware {
    let rows = &entry.rows;
    let is_finished = |row: &&&Row| row.status == Status::Finished && row.seconds > 0.0;
    let finished: Vec<&Row> = rows.iter().filter(is_finished).copied().collect();
    let mean_of = |number: fn(&Row) -> f64| {
        (!finished.is_empty()).then(|| mean(finished.iter().map(|row| number(row))))
    };
    Hardware {
        entry: entry.label.clone(),
        runs: rows.len(),
        machines: numbers(rows, machine),
        programs: numbers(rows, program),
        seconds_mean: mean_of(|row| row.seconds),
        seconds_total: rows.iter().map(|row| row.seconds).sum(),
        thread_seconds: rows.iter().map(|row| row.seconds * row.made_by.threads as f64).sum(),
        steps_per_second: mean_of(|row| row.env_steps as f64 / row.seconds),
        peak_memory_bytes: rows.iter().filter_map(|row| row.peak_memory_bytes).max(),
    }
}

fn numbers(rows: &[&Row], name: fn(&Row) -> String) -> BTreeMap<String, usize> {
    let mut numbers = BTreeMap::new();
    rows.iter().for_each(|row| *numbers.entry(name(row)).or_default() += 1);
    numbers
}

/// Returns what is known of the machine of `row`, in words.
fn machine(row: &Row) -> String {
    let made_by = &row.made_by;
    // Some devices say themselves with how many threads they compute.
    let says = made_by.device.contains("thread");
    let threads = (made_by.threads > 0 && !says).then(|| count(made_by.threads, "thread"));
    let parts = [
        made_by.cpu.clone(),
        threads.unwrap_or_default(),
        made_by.device.clone(),
        made_by.os.clone(),
    ];
    in_words(parts, ", ")
}

/// Returns what is known of the program that made `row`, in words.
fn program(row: &Row) -> String {
    let version = &row.made_by.fpo;
    let version = if version.is_empty() { String::new() } else { format!("fpo {version}") };
    in_words([version, row.made_by.commit.clone().unwrap_or_default()], " at ")
}

fn in_words<const N: usize>(parts: [String; N], between: &str) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "unknown".into() } else { parts.join(between) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::entries::entries;
    use crate::results::row::tests::example;

    #[test]
    fn costs_are_added_up_over_all_runs_and_averaged_over_those_that_finished() {
        let mut rows: Vec<Row> = (0..3).map(|seed| example("A", "fpo", seed)).collect();
        for row in &mut rows {
            row.made_by.threads = 2;
            row.made_by.cpu = "Fast".into();
        }
        rows[1].seconds = 5.0;
        rows[2].status = Status::Failed;
        rows[2].seconds = 10.0;
        rows[2].peak_memory_bytes = Some(9 << 20);
        let found = &hardware(&entries(&rows).0)[0];
        assert_eq!((found.seconds_mean, found.seconds_total), (Some(3.75), 17.5));
        assert_eq!((found.thread_seconds, found.steps_per_second), (35.0, Some(600.0)));
        assert_eq!((found.runs, found.peak_memory_bytes), (3, Some(9 << 20)));
        assert_eq!(found.machines, BTreeMap::from([("Fast, 2 threads".to_owned(), 3)]));
        assert_eq!(found.programs, BTreeMap::from([("unknown".to_owned(), 3)]));
    }
}
