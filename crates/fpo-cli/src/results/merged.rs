//! Puts the rows of several files together, so that each run counts once.
//!
//! Of two rows of the same configuration and seed the one that says more is kept: a result before a
//! failure, a failure before a run that is not over. Two results of one run should be equal; where
//! they are not, the first is kept and the difference is told.

use std::collections::HashMap;

use crate::results::outcome::Status;
use crate::results::row::Row;

/// Rows of which no two have the same configuration and seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The rows, in the order in which their runs were first met.
    pub rows: Vec<Row>,
    /// What was noticed, in words: one line for each pair of rows of one run.
    pub notes: Vec<String>,
    places: HashMap<(String, u64), usize>,
}

impl Merged {
    /// Adds `row`, which was read from `source`.
    pub fn add(&mut self, row: Row, source: &str) {
        let key = (row.digest.clone(), row.seed);
        let Some(&place) = self.places.get(&key) else {
            self.places.insert(key, self.rows.len());
            return self.rows.push(row);
        };
        let known = &mut self.rows[place];
        let name =
            format!("{} on {} with seed {} ({})", row.method, row.task, row.seed, row.digest);
        match says(row.status).cmp(&says(known.status)) {
            std::cmp::Ordering::Greater => *known = row,
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal if says(row.status) < RESULT => *known = row,
            std::cmp::Ordering::Equal => {
                let same = returns(known) == returns(&row) && known.status == row.status;
                self.notes.push(match same {
                    true => format!("{name} is there twice, with equal results ({source})"),
                    false => format!(
                        "{name} has two different results: the first is kept, with {}, and the \
                         one in {source} is not, with {}",
                        last(known),
                        last(&row)
                    ),
                });
            }
        }
    }

    /// Returns the row with this digest and seed.
    pub fn get(&self, digest: &str, seed: u64) -> Option<&Row> {
        self.places.get(&(digest.to_owned(), seed)).map(|&place| &self.rows[place])
    }
}

/// The rank of a row that says what came of a run.
const RESULT: u8 = 2;

/// Returns how much a row with this status says about its run.
fn says(status: Status) -> u8 {
    match status {
        Status::Finished | Status::Diverged => RESULT,
        Status::Failed => 1,
        Status::Unfinished => 0,
    }
}

/// Returns what must be equal in two results of one run: steps and mean returns.
fn returns(row: &Row) -> Vec<(u64, f64)> {
    row.evaluations.iter().map(|evaluation| (evaluation.step, evaluation.mean)).collect()
}

fn last(row: &Row) -> String {
    match row.last {
        Some(value) => format!("{} at a return of {value:.1}", row.status.name()),
        None => format!("{} without an evaluation", row.status.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    #[test]
    fn a_result_wins_over_a_failure_whatever_comes_first() {
        let good = example("A", "fpo", 1);
        let mut failed = good.clone();
        failed.status = Status::Failed;
        for rows in [[good.clone(), failed.clone()], [failed, good.clone()]] {
            let mut merged = Merged::default();
            rows.into_iter().for_each(|row| merged.add(row, "a"));
            assert_eq!((merged.rows.as_slice(), merged.notes.len()), (&[good.clone()][..], 0));
        }
    }

    #[test]
    fn equal_results_are_noticed_and_different_ones_told_apart() {
        let row = example("A", "fpo", 1);
        let mut other = row.clone();
        other.evaluations[1].mean += 1.0;
        let mut merged = Merged::default();
        merged.add(row.clone(), "a");
        merged.add(row.clone(), "b");
        merged.add(other, "c");
        merged.add(example("A", "fpo", 2), "c");
        assert_eq!(merged.rows.len(), 2);
        assert_eq!(merged.get(&row.digest, 1), Some(&row));
        assert!(merged.notes[0].contains("twice, with equal results (b)"), "{:?}", merged.notes);
        assert!(merged.notes[1].contains("two different results"), "{:?}", merged.notes);
    }
}
