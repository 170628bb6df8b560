//! Makes the row of a run from the files in its folder.

use std::fs;
use std::io;

use anyhow::{Context, Result, anyhow};
use fpo_core::Registry;
use serde_json::{Map, Value};

use crate::config::error::ConfigError;
use crate::config::resolved::Config;
use crate::results::identity::{FORMAT, Identity};
use crate::results::outcome::{MadeBy, Outcome, Status};
use crate::results::row::{Evaluation, Row};
use crate::run::dir::RunDir;

/// How a sweep calls a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// Name of the task.
    pub task: String,
    /// Name of the method.
    pub method: String,
    /// What the sweep changed in the configuration of task and method.
    pub settings: Map<String, Value>,
}

/// Returns the row of the run in the folder `run`, whose algorithm is one of `registry`, called
/// after its environment and its algorithm. A run that has left no outcome is unfinished, whatever
/// its metrics say.
///
/// # Errors
/// If the configuration, the metrics or the outcome cannot be read. Names the file, and the line of
/// the metrics. A configuration that is damaged is a file that cannot be read and no mistake of
/// whoever asks, so that there is no [`ConfigError`] among the causes.
pub fn of_folder(run: &RunDir, registry: &Registry) -> Result<Row> {
    let config = Config::load_with(registry, &[run.config_path()], &[]).map_err(damaged)?;
    let outcome = Outcome::load(run).with_context(|| run.root().display().to_string())?;
    let labels = Labels {
        task: config.env.task.clone(),
        method: config.algorithm.kind.name.into(),
        settings: Map::new(),
    };
    row(&config, run, outcome, labels)
}

/// Returns what is wrong with the configuration of a run, which was whole when the run began.
fn damaged(error: ConfigError) -> anyhow::Error {
    match error {
        // Its own advice is how to set the field, which nobody can do for a run that was made.
        ConfigError::Missing { field, origin, .. } => {
            anyhow!("{origin} is no configuration of a run: it does not set `{field}`")
        }
        error => anyhow!("{error}"),
    }
}

/// Returns the row of a run with this configuration, whose metrics lie in the folder `run` if it
/// has come that far, and which ended with `outcome`.
///
/// # Errors
/// If the metrics cannot be read. Names the file and the line.
pub fn row(config: &Config, run: &RunDir, outcome: Option<Outcome>, labels: Labels) -> Result<Row> {
    made_of(config, progress(run)?, outcome, labels)
}

/// Returns the row of a run that has left nothing to read but how it ended.
///
/// # Errors
/// If the configuration has no form in JSON.
pub fn without_metrics(config: &Config, outcome: Outcome, labels: Labels) -> Result<Row> {
    made_of(config, Progress::default(), Some(outcome), labels)
}

fn made_of(
    config: &Config,
    progress: Progress,
    outcome: Option<Outcome>,
    labels: Labels,
) -> Result<Row> {
    let Progress { env_steps, seconds, evaluations } = progress;
    let identity = Identity::of(config)?;
    let (last, best) = last_and_best(&evaluations);
    let (status, reason, seconds, peak_memory_bytes, made_by) = match outcome {
        Some(Outcome { status, reason, seconds, peak_memory_bytes, made_by, .. }) => {
            (status, reason, seconds, peak_memory_bytes, made_by)
        }
        None => (Status::Unfinished, None, seconds, None, MadeBy::default()),
    };
    Ok(Row {
        format: FORMAT,
        task: labels.task,
        method: labels.method,
        seed: config.train.seed,
        digest: identity.digest(),
        settings: labels.settings,
        config: identity.into_fields(),
        status,
        reason,
        env_steps,
        evaluations,
        last,
        best,
        seconds,
        peak_memory_bytes,
        made_by,
    })
}

/// Returns the means of the last and of the best evaluation.
fn last_and_best(evaluations: &[Evaluation]) -> (Option<f64>, Option<f64>) {
    let means = || evaluations.iter().map(|evaluation| evaluation.mean);
    (means().next_back(), means().max_by(f64::total_cmp))
}

/// What the metrics of a run say.
#[derive(Default)]
struct Progress {
    env_steps: u64,
    seconds: f64,
    evaluations: Vec<Evaluation>,
}

/// Reads the metrics of `run`. What a kill has left half-written at their end does not count.
fn progress(run: &RunDir) -> Result<Progress> {
    let path = run.metrics_path();
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| path.display().to_string())?,
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut progress = Progress::default();
    for (index, line) in whole.lines().enumerate() {
        let line = MetricsLine::parse(line)
            .with_context(|| format!("{}:{}: not a line of metrics", path.display(), index + 1))?;
        progress.env_steps = line.step;
        progress.seconds = line.elapsed.unwrap_or(progress.seconds);
        progress.evaluations.extend(line.evaluation);
    }
    Ok(progress)
}

/// What a line of metrics says about the progress of its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricsLine {
    /// Environment steps done.
    pub step: u64,
    /// Wall-clock so far, in seconds.
    pub elapsed: Option<f64>,
    /// The evaluation made after these steps.
    pub evaluation: Option<Evaluation>,
}

impl MetricsLine {
    /// Reads a line of `metrics.jsonl`. Returns `None` if the line holds no metrics.
    pub fn parse(line: &str) -> Option<MetricsLine> {
        let line: Map<String, Value> = serde_json::from_str(line).ok()?;
        let number = |key: &str| line.get(key).and_then(Value::as_f64);
        let step = line.get("step")?.as_u64()?;
        let elapsed = number("time/elapsed_s");
        let evaluation = number("eval/episode_return_mean").map(|mean| Evaluation {
            step,
            seconds: elapsed.unwrap_or_default(),
            mean,
            stderr: number("eval/episode_return_stderr"),
            length: number("eval/episode_length_mean"),
            success: number("eval/success_rate"),
            modes: number("eval/mode_count"),
            dip: number("eval/mode_dip"),
            rarest: number("eval/rarest_mode_share"),
        });
        Some(MetricsLine { step, elapsed, evaluation })
    }
}
