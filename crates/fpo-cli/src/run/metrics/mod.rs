//! The metrics of a run: one JSON object per iteration, one line each, in `metrics.jsonl`, and
//! the same numbers as TensorBoard events, beside the configuration as a text.
//!
//! ```text
//! {"step":15360,"train/policy_loss":-0.0012,"eval/episode_return_mean":402.1}
//! ```
//!
//! `step` comes first and counts environment steps; the other keys follow in the order they are
//! given. Numbers are `f64` in the shortest form that reads back to the same bits. JSON has no
//! non-finite numbers: they are the strings `"NaN"`, `"inf"` and `"-inf"`. The last key may be
//! `params`, a hash of the parameters that the iteration has left, as 16 hexadecimal digits.

pub mod kept;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::run::dir::RunDir;
use crate::run::durable;
use crate::run::metrics::kept::Kept;
use crate::run::set_aside;
use crate::run::tensorboard::EventWriter;

/// Metrics of an iteration by key.
pub type Metrics = Vec<(String, f64)>;

const STEP: &str = "step";

/// The tag of the configuration among the events.
const CONFIG: &str = "config";

/// Key of the hash of the parameters.
pub const PARAMS: &str = "params";

/// The open log of a run.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
    events: EventWriter,
}

/// Why metrics cannot be written or taken up again.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A key is given twice, or is `step`.
    #[error("the metric `{0}` is given twice")]
    DuplicateKey(String),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl MetricsLog {
    /// Begins the log of a new run.
    ///
    /// # Errors
    /// Those of the file system; `AlreadyExists` where the run has metrics.
    pub fn create(run: &RunDir) -> Result<Self, MetricsError> {
        let path = run.metrics_path();
        File::create_new(&path).map_err(io_error(&path))?;
        durable::sync_folder(run.root()).map_err(io_error(run.root()))?;
        Self::open(run, None)
    }

    /// Goes on with the log of a run that is resumed, in which each of the steps `recorded`, in
    /// order, should have its line. Also returns what is wrong with it, if anything is.
    ///
    /// Lines of later steps are dropped, for they will be written again, and so is a half-written
    /// end. Of a log with damaged lines among the others, which are left out, a copy is set aside.
    /// A log that is missing altogether is begun anew.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn resume(run: &RunDir, recorded: &[u64]) -> Result<(Self, Option<String>), MetricsError> {
        let path = run.metrics_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                File::create_new(&path).map_err(io_error(&path))?;
                durable::sync_folder(run.root()).map_err(io_error(run.root()))?;
                Vec::new()
            }
            Err(error) => return Err(io_error(&path)(error)),
        };
        let kept = Kept::of(&text, recorded);
        let mut complaint =
            kept.complaint(recorded.len()).map(|what| format!("{}: {what}", path.display()));
        if !kept.damaged.is_empty() {
            let copy = set_aside::copy(run, &path).map_err(io_error(&path))?;
            let kept = format!("; it is kept as {}", copy.display());
            complaint = complaint.map(|text| text + &kept);
        }
        if kept.text != text {
            durable::write_file(&path, &kept.text).map_err(io_error(&path))?;
        }
        let next = recorded.last().map_or(0, |step| step + 1);
        Ok((Self::open(run, Some(next))?, complaint))
    }

    /// Appends one line with `step`, `values`, and a hash of the parameters, in this order.
    ///
    /// # Errors
    /// [`MetricsError::DuplicateKey`], before anything is written, and those of the file system.
    pub fn append(
        &mut self,
        step: u64,
        values: &[(&str, f64)],
        hash: Option<u64>,
    ) -> Result<(), MetricsError> {
        let mut object = Map::from_iter([(STEP.to_string(), Value::from(step))]);
        for (key, value) in values {
            if object.insert((*key).into(), number(*value)).is_some() {
                return Err(MetricsError::DuplicateKey((*key).into()));
            }
        }
        if let Some(hash) = hash
            && object.insert(PARAMS.into(), format!("{hash:016x}").into()).is_some()
        {
            return Err(MetricsError::DuplicateKey(PARAMS.into()));
        }
        // One write, so that a kill leaves a whole line, or a beginning that resuming drops.
        let line = format!("{}\n", Value::Object(object));
        self.file.write_all(line.as_bytes()).map_err(io_error(&self.path))?;
        self.events.scalars(step, values).map_err(io_error(self.events.path()))
    }

    /// Makes all lines durable. Call it before a checkpoint is written, which counts on them.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> Result<(), MetricsError> {
        self.file.sync_data().map_err(io_error(&self.path))
    }

    fn open(run: &RunDir, restart_at: Option<u64>) -> Result<Self, MetricsError> {
        let path = run.metrics_path();
        let file = OpenOptions::new().append(true).open(&path).map_err(io_error(&path))?;
        let folder = run.tensorboard_dir();
        let mut events = EventWriter::create(&folder, restart_at).map_err(io_error(&folder))?;
        match fs::read_to_string(run.config_path()) {
            Ok(config) => {
                let written = events.text(restart_at.unwrap_or(0), CONFIG, &config);
                written.map_err(io_error(events.path()))?;
            }
            // A log needs no configuration: it belongs to no run yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(&run.config_path())(error)),
        }
        Ok(Self { path, file, events })
    }
}

/// Returns the value of a metric in JSON.
pub fn number(value: f64) -> Value {
    let text = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "inf"
    } else if value == f64::NEG_INFINITY {
        "-inf"
    } else {
        return Value::from(value);
    };
    Value::from(text)
}

/// Returns the last `count` lines of a run's log that can be read, in their order.
pub fn last_lines(run: &RunDir, count: usize) -> Vec<Value> {
    let text = fs::read_to_string(run.metrics_path()).unwrap_or_default();
    let mut lines: Vec<Value> =
        text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(count).collect();
    lines.reverse();
    lines
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> MetricsError {
    move |source| MetricsError::Io { path: path.into(), source }
}
