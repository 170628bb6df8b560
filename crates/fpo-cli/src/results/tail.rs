//! What the end of a run's metrics says, for whoever looks at many runs: a log of hours has tens of
//! megabytes, and the newest numbers stand in its last lines.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::results::from_run::MetricsLine;

/// Bytes that are read at a time, from the end backward.
const BLOCK: u64 = 1 << 15;
/// The most bytes of a line. What is longer was not written by this program.
const LONGEST_LINE: usize = 1 << 20;
/// What a line holds that has an evaluation.
const EVALUATION: &[u8] = b"\"eval/episode_return_mean\"";

/// The newest numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tail {
    /// Environment steps of the last whole line; `None` if there is no such line.
    pub step: Option<u64>,
    /// Mean return of the last evaluation.
    pub last: Option<f64>,
}

/// Reads the end of the metrics at `path`, as far back as to the last evaluation. What is not a
/// line of metrics is passed over; so is a last line that is being written. A missing file has no
/// lines.
///
/// # Errors
/// Those of the file system.
pub fn tail(path: &Path) -> io::Result<Tail> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tail::default()),
        opened => opened?,
    };
    let mut found = Tail::default();
    let mut start = file.metadata()?.len();
    // What follows the last line break is no whole line, so that only lines with theirs count.
    let mut rest: Vec<u8> = Vec::new();
    while start > 0 && found.last.is_none() && rest.len() <= LONGEST_LINE {
        let length = start.min(BLOCK);
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        file.by_ref().take(length).read_to_end(&mut block)?;
        block.append(&mut rest);
        let first = match start {
            0 => 0,
            // Whether the bytes before the first line break are a whole line is not known yet.
            _ => block.iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| at + 1),
        };
        let lines = block[first..].split_inclusive(|byte| *byte == b'\n');
        for line in lines.rev().filter(|line| line.ends_with(b"\n")) {
            if found.step.is_none() || line.windows(EVALUATION.len()).any(|at| at == EVALUATION) {
                note(line, &mut found);
            }
            if found.last.is_some() {
                return Ok(found);
            }
        }
        block.truncate(first);
        rest = block;
    }
    Ok(found)
}

/// Adds what `line` says to `found`, which has seen the lines behind it.
fn note(line: &[u8], found: &mut Tail) {
    let parsed = std::str::from_utf8(line).ok().and_then(MetricsLine::parse);
    if let Some(MetricsLine { step, evaluation, .. }) = parsed {
        found.step.get_or_insert(step);
        found.last = evaluation.map(|evaluation| evaluation.mean);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn tail_of(text: &[u8]) -> Tail {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, text).unwrap();
        tail(&path).unwrap()
    }

    fn plain(step: u64) -> String {
        format!("{{\"step\":{step},\"train/policy_loss\":0.5}}\n")
    }

    fn evaluated(step: u64, mean: f64) -> String {
        format!("{{\"step\":{step},\"eval/episode_return_mean\":{mean}}}\n")
    }

    #[test]
    fn the_last_line_and_the_last_evaluation_are_found_and_a_half_line_is_not() {
        let text = evaluated(0, 1.0) + &evaluated(10, 2.0) + &plain(20);
        let expected = Tail { step: Some(20), last: Some(2.0) };
        assert_eq!(tail_of(text.as_bytes()), expected);
        assert_eq!(tail_of((text.clone() + "{\"step\":30").as_bytes()), expected);
        assert_eq!(tail_of(&[text.as_bytes(), b"rubbish\n\xff\n"].concat()), expected);
        assert_eq!(tail_of(b""), Tail::default());
        assert_eq!(tail_of(b"{\"step\":3"), Tail::default());
        let nowhere = tempfile::tempdir().unwrap().path().join("none");
        assert_eq!(tail(&nowhere).unwrap(), Tail::default());
    }

    #[test]
    fn a_file_without_line_breaks_is_given_up() {
        let text = evaluated(1, 1.0) + &"x".repeat(LONGEST_LINE + 3 * BLOCK as usize);
        assert_eq!(tail_of(text.as_bytes()), Tail::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Lines lie anywhere across the borders of blocks.
        #[test]
        fn a_long_log_says_the_same_as_its_lines(
            lines in prop::collection::vec((0_usize..3000, prop::bool::weighted(0.02)), 1..120),
        ) {
            let mut text = String::new();
            let mut expected = Tail::default();
            for (index, (length, has_evaluation)) in lines.into_iter().enumerate() {
                let step = index as u64;
                let padding = "x".repeat(length);
                let evaluation = match has_evaluation {
                    true => format!(",\"eval/episode_return_mean\":{index}.5"),
                    false => String::new(),
                };
                text += &format!("{{\"step\":{step},\"pad\":\"{padding}\"{evaluation}}}\n");
                expected.step = Some(step);
                if has_evaluation {
                    expected.last = Some(index as f64 + 0.5);
                }
            }
            prop_assert_eq!(tail_of(text.as_bytes()), expected);
        }
    }
}
