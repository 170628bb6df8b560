//! The list as text: aligned columns, each line within the width of the terminal.

use crate::commands::list::entry::Entry;
use crate::results::standing::Standing;
use crate::terminal::humanize::{short_count, short_duration};
use crate::text::columns::{fitted, width};
use crate::text::shown::{line as text, shown};

const HEAD: [&str; COLUMNS] =
    ["run", "task", "method", "seed", "state", "steps", "last", "best", "age"];
const COLUMNS: usize = 9;
/// Columns of numbers, which stand at the right.
const RIGHT: [bool; COLUMNS] = [false, false, false, true, false, true, true, true, true];
/// What stands between two columns.
const GAP: usize = 2;
/// Columns that give way where a line is too long, in this order, and how narrow they become: first
/// the name of the run, then that of the task. After that the end of the line is cut.
const GIVE_WAY: [(usize, usize); 2] = [(0, 12), (1, 8)];
/// What stands for a number that is not known.
const NONE: &str = "–";

/// Returns the list as text. Lines are cut to `most` columns, of which names give up theirs first.
pub(super) fn table(entries: &[Entry], most: Option<usize>) -> String {
    let mut rows = vec![HEAD.map(String::from)];
    rows.extend(entries.iter().map(cells));
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = self::width(cell).max(*width);
        }
    }
    let most = most.unwrap_or(usize::MAX);
    for (column, narrowest) in GIVE_WAY {
        let whole = widths.iter().sum::<usize>() + GAP * (COLUMNS - 1);
        let narrower = widths[column].saturating_sub(whole.saturating_sub(most));
        widths[column] = narrower.max(narrowest.min(widths[column]));
    }
    let mut lines: Vec<String> =
        rows.iter().map(|row| fitted(line(row, &widths).trim_end(), most)).collect();
    lines.push(String::new());
    lines.push(fitted(&summary(entries), most));
    // What is wrong names the file, and is told whole: cut, it would help nobody.
    lines.extend(entries.iter().filter_map(|entry| entry.problem.as_deref()).map(self::text));
    lines.join("\n")
}

/// Returns the cells of a run.
fn cells(entry: &Entry) -> [String; COLUMNS] {
    let name = |name: &Option<String>| name.as_deref().map_or(NONE.into(), shown);
    let count = |count: Option<u64>| count.map_or(NONE.into(), short_count);
    let number = |number: Option<f64>| number.map_or(NONE.into(), |number| format!("{number:.1}"));
    let steps = match (entry.steps, entry.total_steps) {
        (None | Some(0), None) => NONE.into(),
        (steps, total) => format!("{}/{}", count(steps), count(total)),
    };
    [
        shown(&entry.name),
        name(&entry.task),
        name(&entry.method),
        entry.seed.map_or(NONE.into(), |seed| seed.to_string()),
        entry.state.name().into(),
        steps,
        number(entry.last),
        number(entry.best),
        short_duration(entry.age_s),
    ]
}

fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = String::new();
    for (index, (cell, most)) in row.iter().zip(widths).enumerate() {
        let cell = fitted(cell, *most);
        let space = " ".repeat(most.saturating_sub(width(&cell)));
        let gap = if index == 0 { "" } else { "  " };
        line += &match RIGHT[index] {
            true => format!("{gap}{space}{cell}"),
            false => format!("{gap}{cell}{space}"),
        };
    }
    line
}

/// Returns how many runs there are, and how many of each state.
fn summary(entries: &[Entry]) -> String {
    let mut states: Vec<Standing> = entries.iter().map(|entry| entry.state).collect();
    states.sort();
    let counts = states.chunk_by(|a, b| a == b).map(|same| {
        let name = same[0].name();
        format!("{} {name}", same.len())
    });
    let runs = if entries.len() == 1 { "run" } else { "runs" };
    format!("{} {runs}: {}", entries.len(), counts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, state: Standing) -> Entry {
        Entry {
            run: format!("runs/{name}"),
            name: name.into(),
            task: Some("CheetahRun".into()),
            method: Some("fpo".into()),
            seed: Some(12),
            state,
            reason: None,
            steps: Some(15_360),
            total_steps: Some(2_995_200),
            last: Some(101.26),
            best: None,
            age_s: 75,
            problem: None,
        }
    }

    #[test]
    fn columns_are_aligned_and_states_are_counted() {
        let damaged = Entry {
            task: None,
            method: None,
            seed: None,
            steps: None,
            total_steps: None,
            last: None,
            problem: Some("b: no \x1b config".into()),
            ..entry("b", Standing::Damaged)
        };
        let text = table(&[entry("a-long-name", Standing::Running), damaged], None);
        let expected = "\
run          task        method  seed  state         steps   last  best    age
a-long-name  CheetahRun  fpo       12  running  15.3k/2.9M  101.3     –  1m15s
b            –           –          –  damaged           –      –     –  1m15s

2 runs: 1 running, 1 damaged
b: no \\u{1b} config";
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_keep_to_the_width_and_names_give_way_first() {
        let entries = [entry("a-name-that-is-much-too-long-for-this", Standing::Finished)];
        let text = table(&entries, Some(84));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(width(lines[1]), 84, "{text}");
        assert!(lines[1].contains("…") && lines[1].ends_with("1m15s"), "{text}");
        // Then tasks do, so that the numbers are whole in eighty columns.
        let text = table(&entries, Some(79));
        let line = text.lines().nth(1).unwrap();
        assert!(
            width(line) == 79 && line.contains("CheetahR…") && line.ends_with("1m15s"),
            "{text}"
        );
        for most in [0, 1, 20, 60] {
            let text = table(&entries, Some(most));
            assert!(text.lines().all(|line| width(line) <= most), "{most}: {text}");
        }
    }
}
