//! The files of a run against their digests and against each other.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use fpo_core::Registry;
use serde_json::{Map, Value};

use crate::commands::export::policy_of;
use crate::commands::verify::Finding;
use crate::config::resolved::Config;
use crate::results::outcome::{Outcome, Status};
use crate::run::best;
use crate::run::checkpoint_files::CheckpointFiles;
use crate::run::dir::RunDir;
use crate::terminal::failure::describe;
use crate::terminal::humanize::grouped;
use crate::training::initial::check_copy;
use crate::training::policy_file;

/// Looks at every file of `run` that is read again, whose algorithm is one of `registry`.
pub fn findings(run: &RunDir, registry: &Registry) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |path: &Path, found: Result<String>| {
        let what = path.strip_prefix(run.root()).unwrap_or(path).display().to_string();
        findings.push(Finding { what, found: found.map_err(|error| describe(&error)) });
    };
    let config = Config::load_with(registry, &[run.config_path()], &[]);
    let task = |config: &Config| format!("{} on {}", config.algorithm.kind.name, config.env.task);
    add(&run.config_path(), config.as_ref().map(task).map_err(|error| anyhow::anyhow!("{error}")));
    if let Ok(config) = &config
        && config.train.init.is_some()
    {
        let is_there = |_| "the policy that the run started from".to_string();
        add(&run.init_path(), check_copy(run, config).map(is_there));
    }
    let folders = match CheckpointFiles::folders(run) {
        Ok(folders) => folders,
        Err(error) => {
            add(&run.checkpoints_dir(), Err(error.into()));
            Vec::new()
        }
    };
    let (mut newest, mut saved) = (None, Vec::new());
    for folder in folders {
        let read = CheckpointFiles::read(&folder);
        let step = |files: &CheckpointFiles| format!("step {}", grouped(files.step()));
        add(&folder, read.as_ref().map(step).map_err(|error| anyhow::anyhow!("{error}")));
        saved.extend(read.as_ref().map(CheckpointFiles::step).ok());
        newest = read.ok().or(newest);
    }
    let log = metrics(run);
    saved.extend(log.as_ref().ok().and_then(|log| log.last));
    let finished = Outcome::load(run).ok().flatten();
    let is_finished = finished.is_some_and(|outcome| outcome.status == Status::Finished);
    if run.policy_path().exists() || is_finished {
        // While a run goes on, or after a kill, its policy may be older than all checkpoints.
        let steps = is_finished.then_some(saved.as_slice());
        add(&run.policy_path(), policy(run, newest.as_ref(), steps, config.as_ref().ok()));
    }
    if run.best_dir().exists() {
        add(&run.best_dir(), best_policy(run));
    }
    add(&run.metrics_path(), log.map(|log| format!("{} lines", grouped(log.lines))));
    let outcome = run.root().join("outcome.json");
    if outcome.exists() {
        let found = Outcome::load(run).map(|outcome| {
            outcome.map_or_else(String::new, |outcome| outcome.status.name().to_string())
        });
        add(&outcome, found.map_err(Into::into));
    }
    findings
}

/// Checks the policy's digest, that it is of one of these `steps` where there are any, and that it
/// is the one of the newest checkpoint where it is of its step.
fn policy(
    run: &RunDir,
    newest: Option<&CheckpointFiles>,
    steps: Option<&[u64]>,
    config: Option<&Config>,
) -> Result<String> {
    let file = policy_file::load(&run.policy_path(), &Device::Cpu)?;
    let step = grouped(file.info.steps);
    let digest = if file.has_digest { "" } else { ", without a digest" };
    if let (Some(files), Some(config)) = (newest, config)
        && file.has_digest
        && file.info.steps == files.step()
    {
        let expected = policy_of(files, config)?;
        if fs::read(run.policy_path())? != expected {
            bail!("it is not the policy of {}", files.folder().display());
        }
        return Ok(format!("step {step}, the policy of the newest checkpoint"));
    }
    if steps.is_some_and(|steps| !steps.contains(&file.info.steps)) {
        bail!("it is of step {step}, of which the run has neither a checkpoint nor its last line");
    }
    Ok(format!("step {step}{digest}"))
}

fn best_policy(run: &RunDir) -> Result<String> {
    let best = best::load(run)?.context("there is a folder and no record")?;
    policy_file::load(&best.policy, &Device::Cpu)?;
    Ok(best.score.to_string())
}

/// What is known of a log that is in order.
struct Log {
    lines: u64,
    /// The step of the last line.
    last: Option<u64>,
}

/// Checks that every line of the log can be read, and that their steps rise.
fn metrics(run: &RunDir) -> Result<Log> {
    let text = fs::read_to_string(run.metrics_path())?;
    let (mut last, mut lines) = (None, 0);
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let row: Map<String, Value> =
            serde_json::from_str(line).with_context(|| format!("line {number}"))?;
        let step = row.get("step").and_then(Value::as_u64);
        let step = step.with_context(|| format!("line {number} has no step"))?;
        if last.is_some_and(|last| step <= last) {
            bail!("line {number} is of step {step}, which does not follow the one before");
        }
        (last, lines) = (Some(step), number);
    }
    Ok(Log { lines: lines as u64, last })
}
