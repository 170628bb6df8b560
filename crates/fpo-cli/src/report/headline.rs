//! The answer in a few sentences: what was compared, who leads, by how much, and how sure that is.

use serde::Serialize;

use crate::report::cells::Task;
use crate::report::overall::{Estimate, Overall};
use crate::report::words::{count, fixed};

/// What was compared, and who leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Headline {
    /// Number of entries.
    pub entries: usize,
    /// Number of tasks.
    pub tasks: usize,
    /// Number of runs that are results.
    pub results: usize,
    /// Smallest and largest number of results of an entry on a task.
    pub seeds: [usize; 2],
    /// Label of the entry that leads.
    pub leader: Option<String>,
    /// Label of the one behind it.
    pub runner_up: Option<String>,
    /// What was compared, in words.
    pub compared: String,
    /// Who leads by how much, in words.
    pub verdict: String,
    /// How sure that is, in words.
    pub certainty: String,
}

/// Returns the headline of results on `tasks`.
pub fn headline(tasks: &[Task], overall: Option<&Overall>) -> Headline {
    let cells = || tasks.iter().flat_map(|task| &task.cells);
    let entries = tasks.first().map_or(0, |task| task.cells.len());
    let results = cells().map(|cell| cell.n).sum();
    let least = cells().map(|cell| cell.n).min().unwrap_or_default();
    let most = cells().map(|cell| cell.n).max().unwrap_or_default();
    let seeds = match least == most {
        true => count(most, "seed"),
        false => format!("{least} to {}", count(most, "seed")),
    };
    let compared = format!(
        "{} on {}, {seeds} each: {}",
        count(entries, "entry"),
        count(tasks.len(), "task"),
        count(results, "result")
    );
    let base = Headline {
        entries,
        tasks: tasks.len(),
        results,
        seeds: [least, most],
        compared,
        ..Headline::default()
    };
    let Some(overall) = overall else {
        let verdict = "No task has results of all entries, so nothing leads over all.".into();
        return Headline { verdict, ..base };
    };
    let over = match overall.tasks.as_slice() {
        [only] => format!("on {only}"),
        tasks => format!("over {}", count(tasks.len(), "task")),
    };
    let leader = &overall.entries[0];
    let with = format!("a normalised interquartile mean of {}", estimate(leader.iqm, 3));
    let (Some(second), Some(lead)) = (overall.entries.get(1), overall.lead) else {
        let verdict = format!("{} has {with} {over}.", leader.entry);
        let certainty = one_seed(leader.iqm).unwrap_or_default().into();
        return Headline { leader: Some(leader.entry.clone()), verdict, certainty, ..base };
    };
    let (first, behind) = (&leader.entry, &second.entry);
    let verdict = match lead.value > 0.0 {
        true => format!(
            "{first} leads {over} with {with}, {} ahead of {behind} at {}.",
            estimate(lead, 3),
            estimate(second.iqm, 3)
        ),
        false => format!("{first} and {behind} share the lead {over} with {with}."),
    };
    let certainty = match (one_seed(lead), lead.interval, overall.pairs.first()) {
        (Some(text), _, _) => text.into(),
        (None, Some(interval), Some(pair)) => {
            let probability = Estimate {
                value: pair.improvement.probability,
                interval: pair.improvement.interval,
            };
            let sure = match interval.low > 0.0 {
                true => "The interval of the lead excludes zero",
                false => {
                    "The interval of the lead includes zero, so other seeds may turn it around"
                }
            };
            format!(
                "{sure}; a run of {first} beats one of {behind} on the same task with probability \
                 {}.",
                estimate(probability, 2)
            )
        }
        _ => String::new(),
    };
    Headline {
        leader: Some(first.clone()),
        runner_up: Some(behind.clone()),
        verdict,
        certainty,
        ..base
    }
}

fn one_seed(estimate: Estimate) -> Option<&'static str> {
    let text = "One seed on some task: there is no interval, and nothing is said of other seeds.";
    estimate.interval.is_none().then_some(text)
}

/// Returns a number with its interval: `0.71 [0.62, 0.80]`.
pub fn estimate(estimate: Estimate, decimals: usize) -> String {
    let value = fixed(estimate.value, decimals);
    match estimate.interval {
        Some(interval) => {
            let ends = [interval.low, interval.high].map(|end| fixed(end, decimals));
            format!("{value} [{}]", ends.join(", "))
        }
        None => value,
    }
}
