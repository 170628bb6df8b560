//! What stays of the folder of a run that is over (`--keep`).

use std::fs;
use std::io;

use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::sweep::board::Board;

/// What stays of a finished run's folder. A run that failed or diverged keeps everything, so that
/// one can find out why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Keep {
    /// Everything.
    #[default]
    All,
    /// The configuration, the policy and the best policy.
    Policy,
    /// Nothing but the row of results.
    None,
}

impl Keep {
    /// Removes from the folder `run`, which has the result `row`, what is not kept. What cannot be
    /// removed is told on `board`: it is no reason to stop.
    pub fn apply(self, run: &RunDir, row: &Row, board: &mut Board) {
        if let Err(error) = self.remove(run, row.status) {
            let path = run.root().display();
            board.message(&format!("fpo: {path} cannot be cleared: {error}"));
        }
    }

    /// Removes from the folder `run` what is not kept of a run that ended with `status`.
    ///
    /// # Errors
    /// Those of the file system, a missing folder aside.
    pub fn remove(self, run: &RunDir, status: Status) -> io::Result<()> {
        let removed = match (self, status) {
            (Keep::Policy, Status::Finished) => {
                let folders = [run.checkpoints_dir(), run.tensorboard_dir()];
                folders.iter().try_for_each(|folder| unless_missing(fs::remove_dir_all(folder)))
            }
            (Keep::None, Status::Finished) => durable::remove_folder(run.root()),
            _ => Ok(()),
        };
        unless_missing(removed)
    }
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
