//! Which runs of a sweep are over. A run is over when it has a row, whatever has become of its
//! folder.

use std::path::PathBuf;

use anyhow::Result;

use crate::results::file;
use crate::results::merged::Merged;
use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::sweep::folder::SweepDir;
use crate::sweep::plan::Planned;

/// The rows that are there.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    merged: Merged,
}

/// What is known of a planned run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no row.
    ToDo,
    /// It has a result: it finished, or diverged.
    Done,
    /// It could not be finished, for a reason that says nothing of its method.
    Failed,
}

/// What came of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs with a result.
    pub done: usize,
    /// Of them, those that diverged.
    pub diverged: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that are not over.
    pub left: usize,
}

impl Ledger {
    /// Reads the rows in the folder of the sweep, and those in the files `done`.
    ///
    /// # Errors
    /// Those of reading a file; they name file and line.
    pub fn read(folder: &SweepDir, done: &[PathBuf]) -> Result<Ledger> {
        let mut merged = Merged::default();
        for path in folder.results_files()?.iter().chain(done) {
            let source = path.display().to_string();
            file::read(path)?.into_iter().for_each(|row| merged.add(row, &source));
        }
        Ok(Ledger { merged })
    }

    /// Adds a row that was just written.
    pub fn add(&mut self, row: Row) {
        self.merged.add(row, "this sweep");
    }

    /// Returns the rows.
    pub fn rows(&self) -> &[Row] {
        &self.merged.rows
    }

    /// Returns what was noticed about rows that are there twice.
    pub fn notes(&self) -> &[String] {
        &self.merged.notes
    }

    /// Returns what is known of `run`.
    pub fn state(&self, run: &Planned) -> State {
        match self.status(run) {
            Some(Status::Finished | Status::Diverged) => State::Done,
            Some(Status::Failed) => State::Failed,
            Some(Status::Unfinished) | None => State::ToDo,
        }
    }

    /// Returns how `run` ended, if it has a row.
    pub fn status(&self, run: &Planned) -> Option<Status> {
        self.merged.get(&run.digest, run.config.train.seed).map(|row| row.status)
    }

    /// Returns what has come of the runs of `plan`.
    pub fn summary(&self, plan: &[Planned]) -> Summary {
        let mut summary = Summary::default();
        for run in plan {
            match self.state(run) {
                State::Done => summary.done += 1,
                State::Failed => summary.failed += 1,
                State::ToDo => summary.left += 1,
            }
            summary.diverged += usize::from(self.status(run) == Some(Status::Diverged));
        }
        summary
    }

    /// Returns how many rows belong to no run of `plan`.
    pub fn strangers(&self, plan: &[Planned]) -> usize {
        let is_planned = |row: &&Row| {
            plan.iter().any(|run| row.key() == (run.digest.as_str(), run.config.train.seed))
        };
        self.rows().len() - self.rows().iter().filter(is_planned).count()
    }
}
