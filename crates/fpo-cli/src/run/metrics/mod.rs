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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run() -> (tempfile::TempDir, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let (run, _) = RunDir::create(folder.path()).unwrap();
        (folder, run)
    }

    fn text(run: &RunDir) -> String {
        fs::read_to_string(run.metrics_path()).unwrap()
    }

    #[test]
    fn a_line_has_the_step_first_and_keys_in_the_order_given() {
        let (_folder, run) = run();
        let mut log = MetricsLog::create(&run).unwrap();
        let values = [("z", 0.1), ("a", 3.0), ("n", f64::NAN), ("p", f64::INFINITY)];
        log.append(480, &values, None).unwrap();
        log.append(960, &[("m", f64::NEG_INFINITY)], None).unwrap();
        log.sync().unwrap();
        let expected = "{\"step\":480,\"z\":0.1,\"a\":3.0,\"n\":\"NaN\",\"p\":\"inf\"}\n\
                        {\"step\":960,\"m\":\"-inf\"}\n";
        assert_eq!(text(&run), expected);
    }

    #[test]
    fn a_key_given_twice_is_refused_and_nothing_is_written() {
        let (_folder, run) = run();
        let mut log = MetricsLog::create(&run).unwrap();
        assert!(log.append(1, &[("a", 1.0), ("a", 2.0)], None).is_err());
        assert!(log.append(1, &[("step", 1.0)], None).is_err());
        assert_eq!(text(&run), "");
    }

    #[test]
    fn resuming_drops_later_lines_and_a_half_written_end() {
        let (_folder, run) = run();
        let lines = "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"st";
        let recorded: [(&[u64], _); 3] =
            [(&[], ""), (&[10], "{\"step\":10}\n"), (&[10, 20], "{\"step\":10}\n{\"step\":20}\n")];
        for (recorded, kept) in recorded {
            fs::write(run.metrics_path(), lines).unwrap();
            let (mut log, complaint) = MetricsLog::resume(&run, recorded).unwrap();
            assert_eq!(complaint, None);
            assert_eq!(text(&run), kept);
            log.append(30, &[], None).unwrap();
            assert_eq!(text(&run), format!("{kept}{{\"step\":30}}\n"));
        }
    }

    #[test]
    fn resuming_with_nothing_to_drop_leaves_the_file_alone() {
        let (_folder, run) = run();
        let lines = "{\"step\":10}\n{\"step\":20}\n";
        fs::write(run.metrics_path(), lines).unwrap();
        MetricsLog::resume(&run, &[10, 20]).unwrap();
        assert_eq!(text(&run), lines);
    }

    #[test]
    fn a_damaged_line_is_left_out_and_the_log_as_it_was_is_kept() {
        let (folder, run) = run();
        let lines = "{\"step\":10}\nrubbish\n{\"step\":20}\n";
        fs::write(run.metrics_path(), lines).unwrap();
        let (_, complaint) = MetricsLog::resume(&run, &[10, 20]).unwrap();
        let complaint = complaint.unwrap();
        assert!(complaint.contains("metrics.jsonl: line 2 is damaged; it is kept"), "{complaint}");
        assert_eq!(text(&run), "{\"step\":10}\n{\"step\":20}\n");
        let copy = folder.path().join("set-aside/metrics.jsonl");
        assert_eq!(fs::read_to_string(copy).unwrap(), lines);
    }

    #[test]
    fn a_run_whose_metrics_were_deleted_can_still_be_resumed() {
        let (_folder, run) = run();
        let (mut log, complaint) = MetricsLog::resume(&run, &[10, 20]).unwrap();
        assert!(complaint.unwrap().contains("2 of 2 lines are missing"));
        log.append(30, &[], None).unwrap();
        assert_eq!(text(&run), "{\"step\":30}\n");
    }

    #[test]
    fn every_start_and_resumption_has_an_event_file_of_its_own() {
        let (_folder, run) = run();
        MetricsLog::create(&run).unwrap();
        MetricsLog::resume(&run, &[]).unwrap();
        assert_eq!(fs::read_dir(run.tensorboard_dir()).unwrap().count(), 2);
    }

    #[test]
    fn every_event_file_has_the_configuration_as_it_is_by_then() {
        let (_folder, run) = run();
        run.save_config("[a]\nx = 1\n").unwrap();
        drop(MetricsLog::create(&run).unwrap());
        run.save_config("[a]\nx = 2\n").unwrap();
        drop(MetricsLog::resume(&run, &[]).unwrap());
        let mut files: Vec<_> =
            fs::read_dir(run.tensorboard_dir()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for (file, text) in files.iter().zip(["    [a]\n    x = 1", "    [a]\n    x = 2"]) {
            let bytes = fs::read(file).unwrap();
            let is_there = |part: &str| bytes.windows(part.len()).any(|at| at == part.as_bytes());
            assert!(is_there(text) && is_there("config") && is_there("text"));
        }
    }

    proptest! {
        #[test]
        fn every_finite_number_reads_back_to_the_same_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = number(value).to_string();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
        }
    }

    proptest! {
        // Every case writes and syncs real files.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_log_cut_anywhere_keeps_exactly_its_whole_lines(cut in 0_usize..48) {
            let (_folder, run) = run();
            let lines = "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":40}\n";
            fs::write(run.metrics_path(), &lines[..cut]).unwrap();
            MetricsLog::resume(&run, &[10, 20, 30, 40]).unwrap();
            prop_assert_eq!(text(&run), &lines[..cut / 12 * 12]);
        }
    }
}
