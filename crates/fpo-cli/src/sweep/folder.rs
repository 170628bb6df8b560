//! The folder of a sweep and where everything in it lies.
//!
//! ```text
//! runs/<sweep>/
//!   results.jsonl           one row for each run that is over
//!   results-N.jsonl         the same, of run N, where a job array runs one at a time
//!   configs/DIGEST.toml     each configuration, but for the seed, as it was when the run began
//!   runs/NAME/              the folder of each run
//!   logs/NAME.log           what each run printed
//!   .lock                   held by the sweep; shared among the jobs of an array
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::results::file;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::sweep::plan::Planned;
use crate::terminal::failure::UsageError;

const RESULTS: &str = "results";
const LOCK: &str = ".lock";

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct SweepDir {
    root: PathBuf,
}

/// The right to run a sweep, held until this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct SweepLock {
    _file: File,
}

impl SweepDir {
    /// Returns the folder at `path`, which need not be there.
    pub fn at(path: &Path) -> SweepDir {
        SweepDir { root: path.into() }
    }

    /// Makes the folder and those in it, and takes it for one sweep, or for one of several jobs
    /// that each make one of its runs.
    ///
    /// # Errors
    /// If a run lies there instead, or another process runs a sweep there; also those of the file
    /// system.
    pub fn take(&self, is_job: bool) -> Result<SweepLock> {
        if RunDir::open(&self.root).is_ok() {
            let text = format!("{} is a run, not a sweep: choose another --out", self.name());
            return Err(UsageError(text).into());
        }
        for folder in [self.root.clone(), self.configs(), self.runs(), self.logs()] {
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        let path = self.root.join(LOCK);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        let locked = if is_job { file.try_lock_shared() } else { file.try_lock() };
        match locked {
            Ok(()) => Ok(SweepLock { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another process: wait for that sweep, or choose another --out",
                self.name()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| path.display().to_string())
            }
        }
    }

    /// Returns the path of the folder, for messages.
    pub fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// Returns the file to which rows are appended, by the sweep or by its job `index`.
    pub fn results_path(&self, index: Option<usize>) -> PathBuf {
        match index {
            None => self.root.join(format!("{RESULTS}.jsonl")),
            Some(index) => self.root.join(format!("{RESULTS}-{index}.jsonl")),
        }
    }

    /// Returns the files of results that are there, in the order of their names.
    ///
    /// # Errors
    /// Those of the file system, a missing folder aside.
    pub fn results_files(&self) -> Result<Vec<PathBuf>> {
        match self.root.is_dir() {
            true => Ok(file::files_in(&self.root)?),
            false => Ok(Vec::new()),
        }
    }

    /// Returns the folder of `run`.
    pub fn run(&self, run: &Planned) -> RunDir {
        RunDir::at(&self.runs().join(run.file_name()))
    }

    /// Returns the file for what `run` prints.
    pub fn log_path(&self, run: &Planned) -> PathBuf {
        self.logs().join(format!("{}.log", run.file_name()))
    }

    /// Writes down the configuration of `run` without its seed, and returns the file. A run starts
    /// from there, so that it does not matter what becomes of the sweep's own files meanwhile.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn freeze(&self, run: &Planned) -> Result<PathBuf> {
        let path = self.configs().join(format!("{}.toml", run.digest));
        let mut table: Table = toml::from_str(&run.config.to_toml()?)?;
        if let Some(Value::Table(train)) = table.get_mut("train") {
            train.remove("seed");
        }
        let text = toml::to_string(&table)?;
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            let written = durable::write_file(&path, text.as_bytes());
            written.with_context(|| path.display().to_string())?;
        }
        Ok(path)
    }

    fn configs(&self) -> PathBuf {
        self.root.join("configs")
    }

    fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
}
