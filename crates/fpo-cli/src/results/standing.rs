//! How a run stands, from its lock and its outcome.

use std::io;

use serde::Serialize;

use crate::results::outcome::{Outcome, Status};
use crate::run::dir::RunDir;
use crate::run::lock::is_held;

/// How a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A process is training it.
    #[default]
    Running,
    /// It is about to be saved and stopped, which only its own process knows.
    Stopping,
    /// It made all of its steps.
    Finished,
    /// It was stopped or killed, and can be resumed.
    Stopped,
    /// A number stopped being finite.
    Diverged,
    /// It could not go on for another reason.
    Failed,
    /// Its files do not say how it stands.
    Damaged,
}

impl Standing {
    /// Returns how the run in a folder stands. Who holds it comes first: a run that goes on may
    /// have the outcome of its earlier life for a moment. The outcome comes too, if it was read.
    ///
    /// # Errors
    /// Those of reading the outcome.
    pub fn of(run: &RunDir) -> io::Result<(Standing, Option<Outcome>)> {
        if is_held(run.root()) {
            return Ok((Standing::Running, None));
        }
        let outcome = Outcome::load(run)?;
        let standing = match outcome.as_ref().map(|outcome| outcome.status) {
            Some(Status::Finished) => Standing::Finished,
            Some(Status::Diverged) => Standing::Diverged,
            Some(Status::Failed) => Standing::Failed,
            Some(Status::Unfinished) | None => Standing::Stopped,
        };
        Ok((standing, outcome))
    }

    /// Returns the standing in a word.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Stopping => "stopping",
            Standing::Finished => "finished",
            Standing::Stopped => "stopped",
            Standing::Diverged => "diverged",
            Standing::Failed => "failed",
            Standing::Damaged => "damaged",
        }
    }
}
