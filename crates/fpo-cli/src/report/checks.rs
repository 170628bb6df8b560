//! What must be told about the runs themselves: those without a result, those that diverged, and
//! what is not alike between runs that are compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::cells::score;
use crate::report::entries::Entry;
use crate::report::notes::{Note, NoteKind};
use crate::report::words::list;
use crate::results::outcome::Status;
use crate::results::row::{Row, Scored};
use crate::terminal::humanize::short_count;
use crate::text::count::count;

/// Returns what must be told about the runs of `entries` on `tasks`.
pub fn check(entries: &[Entry], tasks: &[&str], scored: Scored) -> Vec<Note> {
    let mut notes = Vec::new();
    for entry in entries {
        missing(entry, entries, tasks, &mut notes);
        entry.rows.iter().for_each(|row| notes.extend(about(&entry.label, row, scored)));
    }
    unequal(entries, tasks, scored, &mut notes);
    programs(entries, &mut notes);
    machines(entries, &mut notes);
    notes
}

/// Tells which seeds of `entry` no row is about. A seed is expected on a task if any entry has it
/// there.
fn missing(entry: &Entry, all: &[Entry], tasks: &[&str], notes: &mut Vec<Note>) {
    let seeds = |entry: &Entry, task: &str| -> BTreeSet<u64> {
        entry.rows.iter().filter(|row| row.task == task).map(|row| row.seed).collect()
    };
    let mut by_seeds: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for task in tasks {
        let expected: BTreeSet<u64> = all.iter().flat_map(|entry| seeds(entry, task)).collect();
        let own = seeds(entry, task);
        let lacking: Vec<String> = expected.difference(&own).map(u64::to_string).collect();
        let what = match (own.len(), lacking.as_slice()) {
            (_, []) => continue,
            (0, _) => "no run at all".to_owned(),
            (_, [seed]) => format!("no run with seed {seed}"),
            (_, seeds) => format!("no run with seeds {}", list(seeds)),
        };
        by_seeds.entry(what).or_default().push(task);
    }
    for (what, tasks) in by_seeds {
        let text = format!("{}: {what} on {}", entry.label, list(&tasks));
        notes.push(Note::new(NoteKind::Missing, text));
    }
}

/// Tells what is wrong with a run.
fn about(label: &str, row: &Row, scored: Scored) -> Option<Note> {
    let run = format!("{label} on {}, seed {}", row.task, row.seed);
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let steps = short_count(row.env_steps);
    let (kind, text) = match (row.status, score(row, scored)) {
        (Status::Finished, Some(_)) => return None,
        (Status::Finished, None) => (
            NoteKind::Missing,
            format!("{run}: finished without an evaluation, so it has no score"),
        ),
        (Status::Diverged, Some(score)) => {
            let which = match scored {
                Scored::Last => "last",
                Scored::Best => "best",
            };
            let text = format!(
                "{run}: diverged after {steps} steps; counts with its {which} evaluation, \
                 {score:.1}{reason}"
            );
            (NoteKind::Diverged, text)
        }
        (Status::Diverged, None) => {
            let text = format!(
                "{run}: diverged after {steps} steps, before its first evaluation, so it has no \
                 score and the numbers are without it{reason}"
            );
            (NoteKind::Diverged, text)
        }
        (Status::Failed, _) => {
            (NoteKind::Failed, format!("{run}: failed after {steps} steps{reason}"))
        }
        (Status::Unfinished, _) => {
            (NoteKind::Unfinished, format!("{run}: not over, after {steps} steps{reason}"))
        }
    };
    Some(Note::new(kind, text))
}

/// Tells on which tasks entries have different numbers of results.
fn unequal(entries: &[Entry], tasks: &[&str], scored: Scored, notes: &mut Vec<Note>) {
    for task in tasks {
        let mut by_number: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for entry in entries {
            let results = entry.rows.iter().filter(|row| row.task == *task);
            let number = results.filter(|row| score(row, scored).is_some()).count();
            by_number.entry(number).or_default().push(&entry.label);
        }
        if by_number.len() > 1 {
            let usual = by_number.iter().max_by_key(|(number, labels)| (labels.len(), **number));
            let usual = usual.map(|(&number, _)| number);
            let fewer = by_number.iter().filter(|(number, _)| Some(**number) != usual);
            let fewer: Vec<String> =
                fewer.map(|(number, labels)| format!("{number} of {}", list(labels))).collect();
            let others = count(usual.unwrap_or_default(), "result");
            let text = format!("{task}: {}, {others} of every other entry", list(&fewer));
            notes.push(Note::new(NoteKind::Seeds, text));
        }
    }
}

/// Tells which entries were made by which version of the program, if there are several.
fn programs(entries: &[Entry], notes: &mut Vec<Note>) {
    let program = |row: &Row| {
        let made_by = &row.made_by;
        let commit = made_by.commit.as_deref().map(|commit| format!(" at {commit}"));
        let version = (!made_by.fpo.is_empty()).then_some(&made_by.fpo)?;
        Some(format!("fpo {version}{}", commit.unwrap_or_default()))
    };
    notes.extend(several(entries, program).map(|text| Note::new(NoteKind::Program, text)));
}

/// Tells which entries were made on which machine, if there are several.
fn machines(entries: &[Entry], notes: &mut Vec<Note>) {
    let machine = |row: &Row| {
        let made_by = &row.made_by;
        (!made_by.cpu.is_empty()).then(|| match made_by.device.contains("thread") {
            true => format!("{}, {}", made_by.cpu, made_by.device),
            false => {
                let threads = count(made_by.threads, "thread");
                format!("{}, {threads} on {}", made_by.cpu, made_by.device)
            }
        })
    };
    let text = several(entries, machine)
        .map(|text| format!("{text}; wall-clock is not comparable between them"));
    notes.extend(text.map(|text| Note::new(NoteKind::Machine, text)));
}

/// Returns how many runs of which entries have which `property`, if there are several.
fn several(entries: &[Entry], property: impl Fn(&Row) -> Option<String>) -> Option<String> {
    let mut found: BTreeMap<String, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for entry in entries {
        for value in entry.rows.iter().filter_map(|row| property(row)) {
            let (runs, labels) = found.entry(value).or_default();
            *runs += 1;
            labels.insert(&entry.label);
        }
    }
    let describe = |(value, (runs, labels)): (&String, &(usize, BTreeSet<&str>))| {
        let labels: Vec<&str> = labels.iter().copied().collect();
        let whose = match labels.len() {
            few if few < entries.len() && few <= 4 => list(&labels),
            few if few < entries.len() => count(few, "entry"),
            _ => "all entries".into(),
        };
        format!("{value}: {} of {whose}", count(*runs, "run"))
    };
    (found.len() > 1).then(|| found.iter().map(describe).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::entries::entries;
    use crate::results::row::tests::example;

    fn notes(rows: &[Row]) -> Vec<(NoteKind, String)> {
        let (entries, _) = entries(rows);
        let tasks = crate::report::cells::task_names(rows);
        check(&entries, &tasks, Scored::Last).into_iter().map(|n| (n.kind, n.text)).collect()
    }

    #[test]
    fn complete_and_equal_runs_leave_nothing_to_say() {
        let row = |method, seed| example("A", method, seed);
        assert_eq!(notes(&[row("fpo", 1), row("fpo", 2), row("ppo", 1), row("ppo", 2)]), []);
    }

    #[test]
    fn what_is_missing_is_named_by_entry_task_and_seed() {
        let rows = [
            example("A", "fpo", 1),
            example("A", "fpo", 2),
            example("B", "fpo", 1),
            example("A", "ppo", 2),
        ];
        let expected = [
            (NoteKind::Missing, "ppo: no run at all on B"),
            (NoteKind::Missing, "ppo: no run with seed 1 on A"),
            (NoteKind::Seeds, "A: 1 of ppo, 2 results of every other entry"),
            (NoteKind::Seeds, "B: 0 of ppo, 1 result of every other entry"),
        ];
        let mut found = notes(&rows);
        found.sort();
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn runs_that_did_not_finish_are_told_with_their_reason() {
        let run = |seed, status, reason: &str| Row {
            status,
            reason: Some(reason.into()),
            ..example("A", "fpo", seed)
        };
        let mut early = run(4, Status::Diverged, "NaN");
        early.last = None;
        let rows = [
            run(1, Status::Diverged, "policy is NaN"),
            run(2, Status::Failed, "disk full"),
            run(3, Status::Unfinished, "killed"),
            early,
        ];
        let found = notes(&rows);
        for (at, kind, words) in [
            (0, NoteKind::Diverged, ["counts with its last evaluation, 11.0", "policy is NaN"]),
            (1, NoteKind::Failed, ["seed 2: failed after 2k steps", "disk full"]),
            (2, NoteKind::Unfinished, ["seed 3: not over", "killed"]),
            (3, NoteKind::Diverged, ["before its first evaluation", "no score"]),
        ] {
            assert_eq!(found[at].0, kind);
            assert!(words.iter().all(|word| found[at].1.contains(word)), "{found:?}");
        }
    }

    #[test]
    fn different_programs_and_machines_are_told() {
        let (mut a, mut b) = (example("A", "fpo", 1), example("A", "ppo", 1));
        (a.made_by.fpo, b.made_by.fpo) = ("1.0".into(), "1.0".into());
        b.made_by.commit = Some("abc".into());
        (a.made_by.cpu, b.made_by.cpu) = ("fast".into(), "slow".into());
        let found = notes(&[a, b]);
        assert_eq!(found[0].1, "fpo 1.0: 1 run of fpo; fpo 1.0 at abc: 1 run of ppo");
        assert!(found[1].1.starts_with("fast, 0 threads on : 1 run of fpo; slow"), "{found:?}");
    }
}
