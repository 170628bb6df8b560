//! The folder of one run and where everything in it lies.
//!
//! ```text
//! runs/<name>/
//!   config.toml             the resolved configuration; written first, it makes the folder a run
//!   init.safetensors        the policy that the run started from, if there was one
//!   metrics.jsonl           one line per iteration
//!   tensorboard/            the same numbers as TensorBoard events
//!   checkpoints/step_…/     what a resumed run needs
//!   policy.safetensors      the trained policy
//!   best/                   the policy that did best in evaluation
//!   divergence_….json      what is known of an iteration whose numbers were not finite
//!   changes.jsonl           what changed in config.toml, and from which step on
//!   set-aside/              what was damaged, or left by an earlier life of the run
//! ```

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::run::durable;
use crate::run::lock::{LOCK, RunLock, is_free};

const CONFIG: &str = "config.toml";
const POLICY: &str = "policy.safetensors";
const INIT: &str = "init.safetensors";
const CHANGES: &str = "changes.jsonl";

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

/// A line of `changes.jsonl`.
#[derive(Deserialize)]
struct Recorded<T> {
    step: u64,
    change: T,
}

/// Why a folder cannot be used as a run.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// A new run was to go where something is already.
    #[error(
        "{} is not empty: choose another folder for the new run{}",
        path.display(),
        if *is_run { ", or resume the run that is there" } else { "" }
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// Whether a run lies there.
        is_run: bool,
    },
    /// A run was expected and is not there.
    #[error("{} is not a run: it has no {CONFIG}", .0.display())]
    NotARun(PathBuf),
    /// Another process is training in this folder.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RunDir {
    /// Makes the folder of a new run, with all folders above it, and takes it for writing. An empty
    /// folder may be there; so may what is left of a creation that was killed before the
    /// configuration was saved.
    ///
    /// # Errors
    /// [`RunDirError::NotEmpty`] where anything else is at `path`, and [`RunDirError::InUse`] where
    /// another process is just making a run of it.
    pub fn create(path: &Path) -> Result<(Self, RunLock), RunDirError> {
        let run = Self { root: path.into() };
        let failed = |source| io_error(path, source);
        fs::create_dir_all(path).map_err(failed)?;
        // A folder of something else does not even get a lock. Only under the lock is it certain
        // that what is there is nobody's work in progress.
        run.require_free()?;
        let lock = run.lock()?;
        run.require_free()?;
        durable::remove_leftovers(path).map_err(failed)?;
        Ok((run, lock))
    }

    fn require_free(&self) -> Result<(), RunDirError> {
        if is_free(&self.root).map_err(|source| io_error(&self.root, source))? {
            return Ok(());
        }
        let is_run = self.config_path().is_file();
        Err(RunDirError::NotEmpty { path: self.root.clone(), is_run })
    }

    /// Takes the folder of a run that was begun before.
    ///
    /// # Errors
    /// [`RunDirError::NotARun`] where `path` has no saved configuration.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let run = Self { root: path.into() };
        if run.config_path().is_file() { Ok(run) } else { Err(RunDirError::NotARun(path.into())) }
    }

    /// Returns the folder at `path`, whether or not a run or anything else is there.
    pub fn at(path: &Path) -> Self {
        Self { root: path.into() }
    }

    /// Saves the resolved configuration; from then on the folder is a run.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save_config(&self, toml: &str) -> Result<(), RunDirError> {
        let path = self.config_path();
        durable::write_file(&path, toml.as_bytes()).map_err(|source| io_error(&path, source))
    }

    /// Records changes of the configuration from a step on, one line each, in `changes.jsonl`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn record_changes(&self, step: u64, changes: &[impl Serialize]) -> Result<(), RunDirError> {
        let path = self.root.join(CHANGES);
        let failed = |source| io_error(&path, source);
        let mut text = match fs::read(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(failed(source)),
        };
        for change in changes {
            let line = serde_json::json!({ "step": step, "change": change });
            text.extend_from_slice(format!("{line}\n").as_bytes());
        }
        match changes.is_empty() {
            true => Ok(()),
            false => durable::write_file(&path, &text).map_err(failed),
        }
    }

    /// Returns the changes that [`RunDir::record_changes`] has recorded, each with the step from
    /// which on it holds, in their order.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` for a line that is no record.
    pub fn changes<T: DeserializeOwned>(&self) -> Result<Vec<(u64, T)>, RunDirError> {
        let path = self.root.join(CHANGES);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io_error(&path, source)),
        };
        let read = |line: &str| -> serde_json::Result<(u64, T)> {
            let Recorded { step, change } = serde_json::from_str(line)?;
            Ok((step, change))
        };
        let changes: serde_json::Result<_> = text.lines().map(read).collect();
        changes.map_err(|error| io_error(&path, error.into()))
    }

    /// Removes what killed writes left behind, and puts back what they had set aside. The caller
    /// holds the lock.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn clean_up(&self) -> Result<(), RunDirError> {
        for folder in [self.root.clone(), self.checkpoints_dir(), self.best_dir()] {
            match durable::remove_leftovers(&folder) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error(&folder, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the run for writing, so that no second process resumes it meanwhile.
    ///
    /// # Errors
    /// [`RunDirError::InUse`] where another holds it.
    pub fn lock(&self) -> Result<RunLock, RunDirError> {
        let path = self.root.join(LOCK);
        let taken = RunLock::take(&self.root).map_err(|source| io_error(&path, source))?;
        taken.ok_or_else(|| RunDirError::InUse(self.root.clone()))
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path of the resolved configuration.
    pub fn config_path(&self) -> PathBuf {
        self.root.join(CONFIG)
    }

    /// Returns the path of the copy of the policy that the run started from.
    pub fn init_path(&self) -> PathBuf {
        self.root.join(INIT)
    }

    /// Returns the path of the metrics, one JSON object per line.
    pub fn metrics_path(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// Returns the folder of TensorBoard event files.
    pub fn tensorboard_dir(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// Returns the folder of all checkpoints.
    pub fn checkpoints_dir(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Returns the folder of the checkpoint after `step` environment steps. Names sort as their
    /// steps.
    pub fn checkpoint_dir(&self, step: u64) -> PathBuf {
        self.checkpoints_dir().join(format!("step_{step:012}"))
    }

    /// Returns the files of the run that nothing else may be written over: all that it writes but
    /// the policy, which is written anew with every checkpoint.
    pub fn own_files(&self) -> Vec<PathBuf> {
        let names = [CONFIG, LOCK, CHANGES, INIT, "metrics.jsonl", "outcome.json"];
        let mut files: Vec<PathBuf> = names.iter().map(|name| self.root.join(name)).collect();
        let aside = self.root.join("set-aside");
        let mut folders =
            vec![self.checkpoints_dir(), self.best_dir(), self.tensorboard_dir(), aside];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => files.push(entry.path()),
                }
            }
        }
        files
    }

    /// Returns the path of what is known of the divergence of iteration `iteration`, counted from
    /// 1, after a number of returns to a checkpoint.
    pub fn divergence_path(&self, iteration: u64, rollbacks: u64) -> PathBuf {
        self.root.join(format!("divergence_{iteration:06}_{rollbacks}.json"))
    }

    /// Returns the path of the trained policy.
    pub fn policy_path(&self) -> PathBuf {
        self.root.join(POLICY)
    }

    /// Returns the folder of the policy that did best in evaluation.
    pub fn best_dir(&self) -> PathBuf {
        self.root.join("best")
    }

    /// Returns the path of the policy that did best in evaluation.
    pub fn best_policy_path(&self) -> PathBuf {
        self.best_dir().join(POLICY)
    }
}

fn io_error(path: &Path, source: io::Error) -> RunDirError {
    RunDirError::Io { path: path.into(), source }
}
