//! The answer in a few sentences: what was compared, who leads, by how much, and how sure that is.

use serde::Serialize;

use crate::report::cells::Task;
use crate::report::overall::{Aggregates, Estimate, Overall};
use crate::report::unranked::unranked;
use crate::report::words::{fixed, names};
use crate::statistics::bootstrap::Interval;
use crate::text::count::count;

/// Below this number of seeds a reader is warned of intervals: a bootstrap knows no other runs than
/// those that it draws from.
const FEW: usize = 5;

/// Stands where some runs have no others to be compared with.
const ONE_SEED: &str =
    "One seed on some task: there is no interval, and nothing is said of other seeds.";

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
    let labels = tasks.first().map_or(Vec::new(), |task| {
        task.cells.iter().map(|cell| cell.entry.as_str()).collect::<Vec<_>>()
    });
    let compared = format!(
        "{} on {}, {seeds} each: {}",
        names(&labels),
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
        let found = unranked(tasks);
        let certainty = match (found.is_one_seed, found.shared) {
            (true, _) => ONE_SEED,
            (false, true) => "All scores are equal, so these runs do not say what is better.",
            (false, false) => "",
        };
        let (leader, verdict) = (found.only, found.verdict);
        return Headline { leader, verdict, certainty: certainty.into(), ..base };
    };
    let yardstick = Yardstick::of(tasks, overall);
    let over = match overall.tasks.as_slice() {
        [only] => format!("on {only}"),
        tasks => format!("over {}", count(tasks.len(), "task")),
    };
    let leader = &overall.entries[0];
    let with = format!("a {} of {}", yardstick.name, yardstick.value(leader));
    let (Some(second), Some(lead)) = (overall.entries.get(1), overall.lead) else {
        let verdict = format!("{} has {with} {over}.", leader.entry);
        let certainty = one_seed(leader.iqm).unwrap_or_default().into();
        return Headline { leader: Some(leader.entry.clone()), verdict, certainty, ..base };
    };
    let (first, behind) = (&leader.entry, &second.entry);
    let best = (yardstick.of)(leader).value;
    let equal = overall.entries.iter().filter(|entry| (yardstick.of)(entry).value == best);
    let equal: Vec<&str> = equal.map(|entry| entry.entry.as_str()).collect();
    let verdict = match lead.value > 0.0 {
        true => format!(
            "{first} leads {over} with {with}, {} ahead of {behind} at {}.",
            yardstick.difference(lead),
            yardstick.value(second)
        ),
        false => format!("{} share the lead {over} with {with}.", names(&equal)),
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
                 {}.{}",
                estimate(probability, 2),
                if least < FEW {
                    " Intervals from fewer than five seeds are too narrow."
                } else {
                    ""
                }
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

/// What the headline measures entries by: the normalised interquartile mean, or the mean return
/// where there is a single task.
struct Yardstick {
    name: &'static str,
    decimals: usize,
    /// What a return is on the scale of the numbers over all tasks: 0 and 1.
    low: f64,
    range: f64,
    of: fn(&Aggregates) -> Estimate,
}

impl Yardstick {
    fn of(tasks: &[Task], overall: &Overall) -> Yardstick {
        let scale = match overall.tasks.as_slice() {
            [only] => tasks.iter().find(|task| task.name == *only),
            _ => None,
        };
        match scale.and_then(|task| Some((task.scale?, task.decimals))) {
            Some((scale, decimals)) => Yardstick {
                name: "mean return",
                decimals,
                low: scale.low,
                range: scale.range(),
                of: |entry| entry.mean,
            },
            None => Yardstick {
                name: "normalised interquartile mean",
                decimals: 3,
                low: 0.0,
                range: 1.0,
                of: |entry| entry.iqm,
            },
        }
    }

    fn value(&self, entry: &Aggregates) -> String {
        self.scaled((self.of)(entry), self.low)
    }

    fn difference(&self, lead: Estimate) -> String {
        self.scaled(lead, 0.0)
    }

    fn scaled(&self, number: Estimate, zero: f64) -> String {
        let of = |number: f64| zero + number * self.range;
        let ends = number.interval;
        let interval = ends.map(|ends| Interval { low: of(ends.low), high: of(ends.high) });
        estimate(Estimate { value: of(number.value), interval }, self.decimals)
    }
}

fn one_seed(estimate: Estimate) -> Option<&'static str> {
    estimate.interval.is_none().then_some(ONE_SEED)
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
