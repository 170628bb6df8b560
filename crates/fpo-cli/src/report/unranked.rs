//! The headline where there are no numbers over all tasks, because nothing can be normalised: no
//! run has a score, no task has results of all entries, or all scores on those that have are equal.

use crate::report::cells::Task;
use crate::report::words::{fixed, list, names};
use crate::text::count::count;

/// Most tasks whose scores the headline lists.
const LISTED: usize = 4;

/// What can be said without numbers over all tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Unranked {
    /// What the scores are, in words.
    pub verdict: String,
    /// Label of the entry with results, if there is one alone.
    pub only: Option<String>,
    /// Whether several entries share all their scores.
    pub shared: bool,
    /// Whether an entry has a single result on a task that the verdict speaks of.
    pub is_one_seed: bool,
}

/// Returns what can be said of `tasks`. As over all tasks, entries without any result take no part.
pub(super) fn unranked(tasks: &[Task]) -> Unranked {
    let entries = tasks.first().map_or(0, |task| task.cells.len());
    let has_results = |at: &usize| tasks.iter().any(|task| task.cells[*at].n > 0);
    let entries: Vec<usize> = (0..entries).filter(has_results).collect();
    if entries.is_empty() {
        return Unranked { verdict: "No run has a score.".into(), ..Unranked::default() };
    }
    let is_whole = |task: &&Task| entries.iter().all(|&at| task.cells[at].n > 0);
    let whole: Vec<&Task> = tasks.iter().filter(is_whole).collect();
    let Some(first) = whole.first() else {
        let verdict = "No task has results of all entries, so nothing leads over all.".into();
        return Unranked { verdict, ..Unranked::default() };
    };
    // None of them counts over all tasks although it is whole, so that it has no scale: its scores
    // are equal, and the lowest of an entry is all of them.
    let score = |task: &Task| task.cells[entries[0]].min.map(|score| fixed(score, task.decimals));
    let on = |task: &&Task| format!("{} on {}", score(task).unwrap_or_default(), task.name);
    let labels: Vec<&str> = entries.iter().map(|&at| first.cells[at].entry.as_str()).collect();
    let (who, have) = match labels.as_slice() {
        [only] => ((*only).to_owned(), "has"),
        several => (names(several), "share"),
    };
    let what = match whole.len() {
        1 => format!("a mean return of {}", on(first)),
        2..=LISTED => {
            format!("mean returns of {}", list(&whole.iter().map(on).collect::<Vec<_>>()))
        }
        many => format!("one mean return on each of {}", count(many, "task")),
    };
    let is_one = |task: &&Task| entries.iter().any(|&at| task.cells[at].n == 1);
    Unranked {
        verdict: format!("{who} {have} {what}."),
        only: (labels.len() == 1).then_some(who),
        shared: labels.len() > 1,
        is_one_seed: whole.iter().any(is_one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::cells::{Making, task_names};
    use crate::report::entries::entries;
    use crate::report::headline::headline;
    use crate::report::notes::Note;
    use crate::report::overall::overall;
    use crate::report::references::References;
    use crate::results::outcome::Status;
    use crate::results::row::tests::example;
    use crate::results::row::{Row, Scored};
    use crate::statistics::bootstrap::Resampling;

    fn equal(task: &str, method: &str, seed: u64, score: f64) -> Row {
        Row { last: Some(score), ..example(task, method, seed) }
    }

    /// Returns verdict and certainty of the headline, and the notes on what is left out.
    fn told(rows: &[Row]) -> (String, String, Vec<String>) {
        let (entries, _) = entries(rows);
        let (references, plan) = (References::default(), Resampling { count: 100, seed: 0 });
        let making = Making { scored: Scored::Last, references: &references, plan };
        let tasks: Vec<Task> =
            task_names(rows).iter().map(|name| making.task(name, &entries)).collect();
        let methods: Vec<(String, String)> =
            entries.iter().map(|entry| (entry.label.clone(), entry.method.clone())).collect();
        let (overall, notes) = overall(&tasks, &methods, &references, plan);
        let found = headline(&tasks, overall.as_ref());
        let text = |note: Note| note.text;
        (found.verdict, found.certainty, notes.into_iter().map(text).collect())
    }

    #[test]
    fn equal_scores_are_told_as_such() {
        let rows = |methods: &[&str], tasks: &[(&str, f64)]| {
            let mut rows = Vec::new();
            for (task, score) in tasks {
                for method in methods {
                    rows.extend([1, 2].map(|seed| equal(task, method, seed, *score)));
                }
            }
            rows
        };
        let (verdict, certainty, notes) = told(&rows(&["fpo", "ppo"], &[("A", 20.0)]));
        assert_eq!(verdict, "fpo and ppo share a mean return of 20.0 on A.");
        assert!(certainty.contains("do not say what is better"), "{certainty}");
        assert_eq!(notes, ["A: all scores are equal"]);

        let (verdict, certainty, _) = told(&rows(&["fpo"], &[("A", -0.5), ("B", 3.0)]));
        assert_eq!(verdict, "fpo has mean returns of −0.5 on A and 3.0 on B.");
        assert_eq!(certainty, "");

        let five = ["A", "B", "C", "D", "E"].map(|task| (task, 1.0));
        let (verdict, _, notes) = told(&rows(&["a", "b", "c", "d", "e"], &five));
        assert_eq!(verdict, "5 entries share one mean return on each of 5 tasks.");
        let reason = "there are no numbers over all tasks, because all scores are equal on every \
                      task that has results of all entries";
        assert_eq!(notes.last().map(String::as_str), Some(reason));
    }

    #[test]
    fn a_single_run_has_its_score() {
        let (verdict, certainty, notes) = told(&[equal("A", "fpo", 1, 20.0)]);
        assert_eq!(verdict, "fpo has a mean return of 20.0 on A.");
        assert!(certainty.starts_with("One seed"), "{certainty}");
        assert_eq!(notes, ["A: there is a single score"]);
    }

    #[test]
    fn runs_without_any_score_are_told_as_such() {
        let unfinished = Row { status: Status::Unfinished, ..example("A", "fpo", 1) };
        let never_evaluated = Row { last: None, ..example("B", "ppo", 1) };
        let (verdict, certainty, notes) = told(&[unfinished, never_evaluated]);
        assert_eq!((verdict.as_str(), certainty.as_str()), ("No run has a score.", ""));
        assert_eq!(notes, ["there are no numbers over all tasks, because no run has a score"]);
    }

    /// An entry without results takes no part, and a task without all of them does not count.
    #[test]
    fn what_has_no_result_is_not_spoken_of() {
        let failed = Row { status: Status::Failed, ..equal("A", "dppo", 1, 7.0) };
        let rows = [equal("A", "fpo", 1, 2.0), equal("A", "ppo", 1, 2.0), failed];
        let verdict = "fpo and ppo share a mean return of 2.0 on A.";
        assert_eq!(told(&rows).0, verdict);
        let other = [equal("B", "fpo", 1, 9.0), equal("B", "fpo", 2, 8.0)];
        let (found, _, notes) = told(&[&rows[..], &other[..]].concat());
        assert_eq!(found, verdict);
        assert_eq!(notes[1], "B: no result of ppo");
        let apart = [equal("A", "fpo", 1, 2.0), equal("B", "ppo", 1, 2.0)];
        let (found, _, notes) = told(&apart);
        assert!(found.starts_with("No task has results of all entries"), "{found}");
        assert!(notes[2].ends_with("no task has results of all entries"), "{notes:?}");
    }

    /// A task with bounds of its own has numbers for equal scores too.
    #[test]
    fn all_that_share_the_lead_are_named() {
        let rows = ["a", "b", "c"].map(|method| equal("Classic/Pendulum", method, 1, 50.0));
        let last = equal("Classic/Pendulum", "d", 1, 40.0);
        let verdict = told(&[&rows[..], &[last]].concat()).0;
        let expected = "a, b and c share the lead on Classic/Pendulum with a mean return of 50.0.";
        assert_eq!(verdict, expected);
    }
}
