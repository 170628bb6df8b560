//! What of a log of metrics is kept when a run is resumed: the whole lines of the steps up to where
//! the run stands. Lines of later steps will be written again, and a half-written end is what a
//! kill leaves. A damaged line among those that are kept, or behind them where lines are missing,
//! is another matter: it is left out, and so is nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The lines of a log that are kept, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// The lines, each with its end.
    pub text: Vec<u8>,
    /// Numbers, from 1, of lines that are not lines of metrics: those before the last kept one, and
    /// where lines are missing, those after it.
    pub damaged: Vec<usize>,
    /// Steps that have no line and should have one, in order. That is not said of step 0, which
    /// has one only where the run began with an evaluation.
    pub missing: Vec<u64>,
}

impl Kept {
    /// Returns what is kept of `text` where each of the steps `recorded`, in order, should have its
    /// line and no other step has one.
    pub fn of(text: &[u8], recorded: &[u64]) -> Kept {
        let last = recorded.last().copied();
        let (mut kept, mut there) = (Vec::new(), BTreeSet::new());
        let (mut damaged, mut since_kept) = (Vec::new(), Vec::new());
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let found = line.ends_with(b"\n").then(|| step_of(line)).flatten();
            match found {
                Some(step) if Some(step) <= last => {
                    kept.extend_from_slice(line);
                    there.insert(step);
                    damaged.append(&mut since_kept);
                }
                Some(_) => {}
                None if line.ends_with(b"\n") => since_kept.push(index + 1),
                // The beginning of a line that a kill has cut.
                None => {}
            }
        }
        let missing: Vec<u64> =
            recorded.iter().copied().filter(|step| *step > 0 && !there.contains(step)).collect();
        if !missing.is_empty() {
            damaged.append(&mut since_kept);
        }
        Kept { text: kept, damaged, missing }
    }

    /// Says what is wrong with the log, if anything is.
    pub fn complaint(&self, recorded: usize) -> Option<String> {
        let damaged = match self.damaged.as_slice() {
            [] => None,
            [line] => Some(format!("line {line} is damaged")),
            [first, ..] => Some(format!(
                "{} lines are damaged, the first of them line {first}",
                self.damaged.len()
            )),
        };
        let missing = self.missing.first().map(|first| {
            let count = self.missing.len();
            format!(
                "{count} of {recorded} lines are missing, the first of them that of step {first}"
            )
        });
        let parts: Vec<String> = damaged.into_iter().chain(missing).collect();
        (!parts.is_empty()).then(|| parts.join(", and "))
    }
}

/// Returns the step of a line, if the line is a metrics object.
fn step_of(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Map<String, Value>>(line).ok()?.get(super::STEP)?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "{\"step\":0}\n{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"st";

    #[test]
    fn lines_up_to_the_last_recorded_step_are_kept_and_nothing_is_wrong() {
        let kept = Kept::of(LOG.as_bytes(), &[0, 10, 20]);
        assert_eq!(kept.text, &LOG.as_bytes()[..LOG.find("{\"step\":30").unwrap()]);
        assert_eq!(kept.complaint(3), None);
        assert_eq!(Kept::of(LOG.as_bytes(), &[]).text, b"");
    }

    #[test]
    fn a_damaged_line_is_left_out_and_named_and_its_step_is_missing() {
        let log = LOG.replace("{\"step\":10}", "{\"step!\":10}");
        let kept = Kept::of(log.as_bytes(), &[0, 10, 20]);
        assert_eq!(kept.text, b"{\"step\":0}\n{\"step\":20}\n");
        assert_eq!((kept.damaged.as_slice(), kept.missing.as_slice()), (&[2][..], &[10][..]));
        let text = "line 2 is damaged, and 1 of 3 lines are missing, the first of them that of \
                    step 10";
        assert_eq!(kept.complaint(3).unwrap(), text);
    }

    #[test]
    fn damage_behind_the_kept_lines_is_no_matter() {
        let log = LOG.replace("{\"step\":30}", "rubbish");
        assert_eq!(Kept::of(log.as_bytes(), &[0, 10, 20]).complaint(3), None);
    }

    #[test]
    fn a_damaged_line_in_place_of_the_last_one_is_named() {
        let log = LOG.replace("{\"step\":20}", "rubbish");
        let end = log.find("{\"step\":30").unwrap();
        let kept = Kept::of(&log.as_bytes()[..end], &[0, 10, 20]);
        assert_eq!((kept.damaged.as_slice(), kept.missing.as_slice()), (&[3][..], &[20][..]));
        let kept = Kept::of(b"rubbish\n", &[0, 10, 20]);
        assert_eq!((kept.damaged.as_slice(), kept.missing.as_slice()), (&[1][..], &[10, 20][..]));
    }

    #[test]
    fn a_log_that_was_shortened_lacks_its_last_steps() {
        let kept = Kept::of(b"{\"step\":0}\n", &[0, 10, 20]);
        assert_eq!(kept.missing, [10, 20]);
        assert!(kept.damaged.is_empty());
        assert!(kept.complaint(3).unwrap().starts_with("2 of 3 lines are missing"));
    }
}
