//! The policy of a run that did best in evaluation, kept in `best/`.
//!
//! ```text
//! best/
//!   best.json              the evaluation and the policy's digest; the same of the policy before
//!   policy.safetensors     the policy
//! ```
//!
//! Two files cannot be replaced at once, so `best.json` is replaced first and names both the new
//! policy and the one before: whichever of them the policy file then is, its record is there. A
//! kill at any moment leaves the old best or the new one, never a mixture.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::dir::RunDir;
use crate::run::sealed_json::{Refused, sha256};
use crate::run::set_aside::set_aside;
use crate::run::{durable, sealed_json};
use crate::terminal::humanize::grouped;

/// Version of the layout that this program writes and reads.
const VERSION: u32 = 1;
const RECORD: &str = "best.json";

/// The outcome of an evaluation of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Environment steps that the policy was trained for.
    pub step: u64,
    /// Mean of the episodes' summed rewards.
    pub return_mean: f64,
    /// Standard error of that mean; one episode has none.
    pub return_stderr: Option<f64>,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "return {:.1}", self.return_mean)?;
        if let Some(stderr) = self.return_stderr {
            write!(f, " ± {stderr:.1}")?;
        }
        write!(f, " at step {}", grouped(self.step))
    }
}

/// The best policy of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Its evaluation.
    pub score: Score,
    /// Its file.
    pub policy: PathBuf,
}

/// What became of a policy that was offered.
#[derive(Debug)]
pub enum Offered {
    /// It is not better than the best: that one stays.
    Declined,
    /// It is the best now.
    Taken,
    /// It is kept, for the best before it was damaged, as this says, and lies aside now.
    TakenForDamaged(BestError),
}

/// Why the best policy cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BestError {
    /// A file is not as it was written.
    #[error("best policy: {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was kept by another version of this program.
    #[error("{} has format version {found}; this program reads {VERSION}", path.display())]
    Version {
        /// The record.
        path: PathBuf,
        /// The version found.
        found: u64,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The content of `best.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    best: Entry,
    /// The best before: still the policy file's if a kill came between the two writes.
    previous: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    evaluation: Score,
    /// SHA-256 of the policy file, in hexadecimal.
    policy_sha256: String,
}

/// Returns the best policy of `run` so far and checks both of its files; returns `None` if no
/// policy was kept yet.
///
/// # Errors
/// [`BestError::Damaged`] naming the file that is not as it was written, [`BestError::Version`],
/// and those of the file system.
pub fn load(run: &RunDir) -> Result<Option<Best>, BestError> {
    let found = read(run)?;
    Ok(found.map(|entry| Best { score: entry.evaluation, policy: run.best_policy_path() }))
}

/// Returns the best evaluation of `run` so far, as the record has it, or `None` where no
/// policy was evaluated yet.
/// The policy is not looked at, which takes [`load`] longer than a list of many runs may.
///
/// # Errors
/// As [`load`], but for the policy.
pub fn score(run: &RunDir) -> Result<Option<Score>, BestError> {
    let path = record_path(run);
    let Some(bytes) = read_bytes(&path)? else { return Ok(None) };
    Ok(Some(open(&path, &bytes)?.best.evaluation))
}

/// Keeps `policy`, the bytes of its file, if `score` is strictly better than the best so far.
///
/// A return that is not finite is never the best. Any policy takes the place of a damaged best,
/// which is set aside: it may be the record alone that is damaged.
///
/// # Errors
/// As [`load`], damage aside. The best from before is then still there.
pub fn offer(run: &RunDir, score: Score, policy: &[u8]) -> Result<Offered, BestError> {
    if !score.return_mean.is_finite() {
        return Ok(Offered::Declined);
    }
    // JSON has no number for a standard error that is not finite.
    let return_stderr = score.return_stderr.filter(|stderr| stderr.is_finite());
    let evaluation = Score { return_stderr, ..score };
    let entry = Entry { evaluation, policy_sha256: sha256(policy) };
    match read(run) {
        Ok(Some(best)) if score.return_mean <= best.evaluation.return_mean => Ok(Offered::Declined),
        Ok(Some(best)) => {
            durable::remove_leftovers(&run.best_dir()).map_err(io_error(&run.best_dir()))?;
            replace_record(run, entry, best)?;
            replace_policy(run, policy)?;
            Ok(Offered::Taken)
        }
        Ok(None) => begin(run, entry, policy).map(|()| Offered::Taken),
        Err(damaged @ BestError::Damaged { .. }) => {
            begin(run, entry, policy).map(|()| Offered::TakenForDamaged(damaged))
        }
        Err(error) => Err(error),
    }
}

/// Writes both files at once, where no policy was kept yet or the one that was is damaged.
fn begin(run: &RunDir, best: Entry, policy: &[u8]) -> Result<(), BestError> {
    let folder = run.best_dir();
    set_aside(run, &folder).map_err(io_error(&folder))?;
    let record = record_bytes(run, best, None)?;
    let policy_path = run.best_policy_path();
    let policy_name = policy_path.file_name().unwrap_or_default().to_string_lossy();
    durable::write_folder(&folder, &[(RECORD, &record), (&policy_name, policy)])
        .map_err(io_error(&folder))
}

/// Makes the first of the two writes: the record.
fn replace_record(run: &RunDir, best: Entry, previous: Entry) -> Result<(), BestError> {
    let path = record_path(run);
    let record = record_bytes(run, best, Some(previous))?;
    durable::write_file(&path, &record).map_err(io_error(&path))
}

/// Makes the second of the two writes: the policy.
fn replace_policy(run: &RunDir, policy: &[u8]) -> Result<(), BestError> {
    let path = run.best_policy_path();
    durable::write_file(&path, policy).map_err(io_error(&path))
}

fn record_bytes(run: &RunDir, best: Entry, previous: Option<Entry>) -> Result<Vec<u8>, BestError> {
    let record = Record { version: VERSION, best, previous };
    sealed_json::seal(&record).map_err(|error| io_error(&record_path(run))(error.into()))
}

/// Returns the entry of the policy file, or `None` if no policy was kept yet.
fn read(run: &RunDir) -> Result<Option<Entry>, BestError> {
    let (record_path, policy_path) = (record_path(run), run.best_policy_path());
    let damaged = |path: &Path, reason: &str| {
        Err(BestError::Damaged { path: path.into(), reason: reason.into() })
    };
    let (record, policy) = match (read_bytes(&record_path)?, read_bytes(&policy_path)?) {
        (Some(record), Some(policy)) => (record, policy),
        (None, None) => return Ok(None),
        (None, Some(_)) => return damaged(&record_path, "it is missing"),
        (Some(_), None) => return damaged(&policy_path, "it is missing"),
    };
    let record = open(&record_path, &record)?;
    let digest = sha256(&policy);
    let mut entries = std::iter::once(record.best).chain(record.previous);
    match entries.find(|entry| entry.policy_sha256 == digest) {
        Some(entry) => Ok(Some(entry)),
        None => damaged(&policy_path, "its SHA-256 is not that of best.json"),
    }
}

/// Returns the record in `bytes`, which were read from `path`.
fn open(path: &Path, bytes: &[u8]) -> Result<Record, BestError> {
    sealed_json::open::<Record>(bytes, VERSION).map_err(|refused| match refused {
        Refused::Damaged(reason) => BestError::Damaged { path: path.into(), reason },
        Refused::Version(found) => BestError::Version { path: path.into(), found },
    })
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, BestError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

fn record_path(run: &RunDir) -> PathBuf {
    run.best_dir().join(RECORD)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BestError {
    move |source| BestError::Io { path: path.into(), source }
}

#[cfg(test)]
mod tests;
