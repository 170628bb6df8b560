//! Saving a run that fails for a reason other than its numbers: a full disk, a folder that is gone.
//!
//! What was trained since the last checkpoint is still in memory. It is saved in the run's folder,
//! or, where that cannot be written, as a run of its own elsewhere, which can be resumed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Error, Result};

use crate::commands::train::session::Session;
use crate::run::dir::RunDir;
use crate::terminal::failure::describe;
use crate::text::shell::path;
use crate::training::{checkpoint, policy_file};

/// Returns the error of a run that stopped because of `cause`, with what follows from it: a command
/// stands last, so that it can be copied to the end of the line.
fn after(cause: &Error, what_follows: &str) -> Error {
    Error::msg(format!("the run stopped: {}; {what_follows}", describe(cause)))
}

impl Session {
    /// Saves the trainer, which is between two iterations, and returns `error` with the word where.
    pub(super) fn rescue(&mut self, error: Error) -> Error {
        if !self.trainer.learner.resumes_exactly() {
            return error.context("the run stopped");
        }
        if !self.trainer.crew.is_settled() {
            // No rank could say what its environments are at.
            let how = self.how_to_resume();
            return after(
                &error,
                &format!(
                    "its ranks have lost each other; go on from its last checkpoint with: {how}"
                ),
            );
        }
        let steps = self.trainer.steps();
        if self.save().is_ok() {
            let how = self.how_to_resume();
            return after(
                &error,
                &format!(
                    "its state at step {steps} is saved; once the cause is mended, go on with: \
                     {how}"
                ),
            );
        }
        let mut failures = Vec::new();
        for folder in self.shelters() {
            match self.save_as(&folder) {
                Ok(()) => {
                    let folder = path(&folder);
                    return after(
                        &error,
                        &format!(
                            "its folder cannot be written, and its state at step {steps} is saved \
                         elsewhere; go on with: fpo train --resume {folder}"
                        ),
                    );
                }
                Err(error) => failures.push(format!("{}: {}", folder.display(), describe(&error))),
            }
        }
        after(
            &error,
            &format!(
                "its state at step {steps} could not be saved anywhere ({}); go on from the last \
             checkpoint, if there is one, with: {}",
                failures.join("; "),
                self.how_to_resume()
            ),
        )
    }

    /// Returns the folders that a run may be saved to instead of its own, the best first: beside
    /// it, where one looks, in the working directory, and where temporary files lie.
    fn shelters(&self) -> Vec<PathBuf> {
        let root = self.run.root();
        let name = root.file_name().map_or("run".into(), |name| name.to_string_lossy());
        let name = format!("{name}-rescued-{}", std::process::id());
        vec![root.with_file_name(&name), PathBuf::from(&name), std::env::temp_dir().join(&name)]
    }

    /// Saves the trainer as a run of its own in `folder`.
    fn save_as(&self, folder: &std::path::Path) -> Result<()> {
        let (run, _lock) = RunDir::create(folder)?;
        run.save_config(&self.trainer.config.to_toml()?)?;
        // The checkpoint is enough to go on; the copy serves those who verify the run.
        let _ = fs::copy(self.run.init_path(), run.init_path());
        // The lines that are lost with the folder are named when the run is resumed.
        let _ = fs::copy(self.run.metrics_path(), run.metrics_path());
        checkpoint::save(&run, &self.trainer, self.elapsed())?;
        policy_file::save(&run.policy_path(), &self.trainer).context("the policy")
    }
}
