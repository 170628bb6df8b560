//! What the end of a run's process means for the sweep.

use std::io;
use std::process::ExitStatus;

use crate::results::outcome::{Outcome, Status};
use crate::run::dir::{RunDir, RunDirError};
use crate::terminal::failure::STOPPED;

/// How often a run may be killed without having got further than the time before.
const MOST_DEATHS: usize = 5;

/// What the system says when a disk or a quota is full.
const NO_SPACE: [&str; 2] = ["(os error 28)", "(os error 122)"];

/// What follows from the end of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The run is over: it is to get its row.
    Over(Outcome),
    /// Another process makes this run: look again later.
    InUse,
    /// The process was stopped or killed: the run goes on from its checkpoint.
    Interrupted(String),
    /// Nothing can be written, which is no fault of the run: the sweep has to stop.
    NoSpace(String),
}

/// Returns what the end of the process of `run` means. `last_error` is what it printed last.
pub fn ending(ended: &io::Result<ExitStatus>, run: &RunDir, last_error: Option<String>) -> Ending {
    let status = match ended {
        Ok(status) => *status,
        Err(error) => return Ending::Interrupted(format!("it was lost: {error}")),
    };
    match status.code() {
        Some(code) if code == i32::from(STOPPED) => return Ending::Interrupted("stopped".into()),
        None => return Ending::Interrupted(status.to_string()),
        Some(_) => {}
    }
    let outcome = Outcome::load(run).ok().flatten();
    if status.success() {
        return match outcome {
            Some(outcome) if outcome.status == Status::Finished => Ending::Over(outcome),
            _ => failed(
                "the process succeeded, but its folder says nothing of a finished run".into(),
            ),
        };
    }
    if is_in_use(run) {
        return Ending::InUse;
    }
    let reason = last_error.unwrap_or_else(|| status.to_string());
    let texts = [Some(&reason), outcome.as_ref().and_then(|outcome| outcome.reason.as_ref())];
    if texts.iter().flatten().any(|text| NO_SPACE.iter().any(|mark| text.contains(mark))) {
        return Ending::NoSpace(reason);
    }
    match outcome {
        Some(outcome) if outcome.status != Status::Finished => Ending::Over(outcome),
        _ => failed(reason),
    }
}

fn failed(reason: String) -> Ending {
    Ending::Over(Outcome::of_failure(reason))
}

/// Returns whether another process trains in the folder of `run`.
pub fn is_in_use(run: &RunDir) -> bool {
    let there = RunDir::open(run.root());
    there.is_ok_and(|run| matches!(run.lock(), Err(RunDirError::InUse(_))))
}

/// Counts how often a run was killed without getting further.
#[derive(Clone, Debug, Default)]
pub struct Deaths {
    count: usize,
    progress: Option<u64>,
}

impl Deaths {
    /// Takes note of the death of `run` for `reason`. Returns the outcome of the run if that was
    /// once too often.
    pub fn add(&mut self, run: &RunDir, reason: &str) -> Option<Outcome> {
        let progress = saved_step(run);
        let got_further = progress > self.progress;
        self.count = if got_further { 1 } else { self.count + 1 };
        self.progress = progress;
        (self.count >= MOST_DEATHS).then(|| {
            Outcome::of_failure(format!(
                "{reason}, for the {MOST_DEATHS}th time without having got further than the time \
                 before"
            ))
        })
    }
}

/// Returns the step of the newest checkpoint of `run`, by the names of their folders.
fn saved_step(run: &RunDir) -> Option<u64> {
    let entries = std::fs::read_dir(run.checkpoints_dir()).ok()?;
    let step = |name: &str| name.strip_prefix("step_")?.parse().ok();
    entries.flatten().filter_map(|entry| step(&entry.file_name().to_string_lossy())).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_dies_again_and_again_fails_unless_it_gets_further_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path());
        let mut deaths = Deaths::default();
        for _ in 1..MOST_DEATHS {
            assert_eq!(deaths.add(&run, "signal: 9"), None);
        }
        // A checkpoint is progress, after which it may die as often again.
        std::fs::create_dir_all(run.checkpoint_dir(512)).unwrap();
        for _ in 1..MOST_DEATHS {
            assert_eq!(deaths.add(&run, "signal: 9"), None);
        }
        let outcome = deaths.add(&run, "signal: 9").unwrap();
        assert_eq!((outcome.status, outcome.peak_memory_bytes), (Status::Failed, None));
        let reason = outcome.reason.unwrap();
        assert!(reason.starts_with("signal: 9, for the 5th time"), "{reason}");
    }
}
