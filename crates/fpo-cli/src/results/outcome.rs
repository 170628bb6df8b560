//! How a run ended and what it took, which only the process that ran it knows: `outcome.json` in
//! the folder of the run.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host;
use crate::results::identity::FORMAT;
use crate::run::dir::RunDir;
use crate::run::durable;

const FILE: &str = "outcome.json";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It made all of its steps.
    Finished,
    /// A number stopped being finite. The method is to blame, so the run counts as a result.
    Diverged,
    /// It could not go on for another reason, such as a full disk. It says nothing of the method.
    Failed,
    /// It is not over yet, or nobody knows how it ended.
    Unfinished,
}

impl Status {
    /// Returns the name of the status in a row of results.
    pub fn name(self) -> &'static str {
        match self {
            Status::Finished => "finished",
            Status::Diverged => "diverged",
            Status::Failed => "failed",
            Status::Unfinished => "unfinished",
        }
    }
}

/// The machine and the program that made a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MadeBy {
    /// The processor's name.
    pub cpu: String,
    /// Threads that the run computed with.
    pub threads: usize,
    /// Where it computed, in words.
    pub device: String,
    /// Operating system and architecture.
    pub os: String,
    /// Version of the program.
    pub fpo: String,
    /// Commit of the program's sources, with `+` where they were changed since.
    pub commit: Option<String>,
}

impl MadeBy {
    /// Returns what this process is and where it runs. `device` says where it computes.
    pub fn this_process(device: &str) -> MadeBy {
        MadeBy {
            cpu: host::cpu(),
            threads: rayon::current_num_threads(),
            device: device.into(),
            os: host::os(),
            fpo: host::VERSION.into(),
            commit: host::COMMIT.map(str::to_owned),
        }
    }
}

/// How a run ended, what it took, and who made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u64,
    /// How the run ended.
    pub status: Status,
    /// What was wrong, if it did not finish.
    pub reason: Option<String>,
    /// Wall-clock that training and evaluations took, in seconds, in all processes together.
    pub seconds: f64,
    /// The most memory that the last process had at once, in bytes, where the system says.
    pub peak_memory_bytes: Option<u64>,
    /// Machine and program of the last process.
    pub made_by: MadeBy,
}

impl Outcome {
    /// Returns the outcome of a run that this process ends after `seconds`, computing on `device`.
    pub fn now(status: Status, reason: Option<String>, seconds: f64, device: &str) -> Outcome {
        Outcome {
            format: FORMAT,
            status,
            reason,
            seconds,
            peak_memory_bytes: host::peak_memory(),
            made_by: MadeBy::this_process(device),
        }
    }

    /// Returns the outcome of a run that another process made and that failed for `reason`. What it
    /// took is not known.
    pub fn of_failure(reason: String) -> Outcome {
        let now = Outcome::now(Status::Failed, Some(reason), 0.0, "");
        Outcome { peak_memory_bytes: None, ..now }
    }

    /// Writes the outcome into the folder of `run`, whole or not at all.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save(&self, run: &RunDir) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        durable::write_file(&Outcome::path(run), &bytes)
    }

    /// Reads the outcome of `run`; `None` if it has none.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` for a file that is no outcome; they name the
    /// file, without its folder.
    pub fn load(run: &RunDir) -> io::Result<Option<Outcome>> {
        let named =
            |kind, error: &dyn fmt::Display| io::Error::new(kind, format!("{FILE}: {error}"));
        let bytes = match fs::read(Outcome::path(run)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(named(error.kind(), &error)),
        };
        let outcome = serde_json::from_slice(&bytes);
        outcome.map(Some).map_err(|error| named(io::ErrorKind::InvalidData, &error))
    }

    /// Returns where the outcome of `run` lies.
    pub fn path(run: &RunDir) -> PathBuf {
        run.root().join(FILE)
    }

    /// Removes the outcome of `run`, which goes on.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(run: &RunDir) -> io::Result<()> {
        match fs::remove_file(Outcome::path(run)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path());
        assert_eq!(Outcome::load(&run).unwrap(), None);
        fs::write(Outcome::path(&run), "{}").unwrap();
        let error = Outcome::load(&run).unwrap_err().to_string();
        assert!(error.starts_with("outcome.json: missing field"), "{error}");
        fs::remove_file(Outcome::path(&run)).unwrap();
        fs::create_dir(Outcome::path(&run)).unwrap();
        let error = Outcome::load(&run).unwrap_err().to_string();
        assert!(error.starts_with("outcome.json: "), "{error}");
    }
}
