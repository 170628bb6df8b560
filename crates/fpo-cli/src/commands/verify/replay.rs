//! The first iterations of a run once more, with the parameters after each compared with the hash
//! that the run has left in its metrics.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};
use fpo_core::Registry;
use serde_json::{Map, Value};

use crate::config::choices::DeviceChoice;
use crate::config::resolved::Config;
use crate::config::sections::TrainConfig;
use crate::host;
use crate::run::checkpoint_files::CheckpointFiles;
use crate::run::dir::RunDir;
use crate::run::metrics::PARAMS;
use crate::terminal::humanize::grouped;
use crate::terminal::reporter::Notes;
use crate::training::changes::Change;
use crate::training::initial::Initial;
use crate::training::trainer::Trainer;
use crate::training::{checkpoint, device};

/// Makes the first `count` iterations of `run` again on `choice`, or on the configuration's device.
/// Returns what to say of them where all have the run's parameters.
///
/// # Errors
/// Names the first iteration that ends with other parameters, or what hinders the comparison:
/// another version of the program, an iteration without a hash, or a change of the configuration.
pub fn replay(
    run: &RunDir,
    registry: &Registry,
    count: u64,
    choice: Option<DeviceChoice>,
) -> Result<String> {
    require_version(run)?;
    let mut config = Config::load_with(registry, &[run.config_path()], &[])?;
    let count = count.min(config.num_iterations());
    let per_iteration = config.steps_per_iteration();
    let wanted: Vec<u64> = (1..=count).map(|iteration| iteration * per_iteration).collect();
    let rows = rows(run)?;
    for step in &wanted {
        let row = rows.get(step).with_context(|| {
            let step = grouped(*step);
            format!("the run has no metrics of step {step}: replay fewer iterations")
        })?;
        if row.get("train/rollbacks").and_then(Value::as_f64).is_some_and(|count| count > 0.0) {
            let step = grouped(*step);
            bail!("the run went back to a checkpoint before step {step}: replay fewer iterations");
        }
    }
    undo_changes(run, &mut config, count * per_iteration)?;
    if let Some(choice) = choice {
        config.train.device = choice;
    }
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let mut trainer = Trainer::new(config, &device)?;
    if let Some(initial) = Initial::of_run(run, &trainer.config)? {
        initial.put_into(&mut trainer)?;
    }
    trainer.pending = None;
    for step in wanted {
        let expected = rows[&step].get(PARAMS).and_then(Value::as_str).with_context(|| {
            let step = grouped(step);
            format!("the metrics of step {step} have no hash of the parameters to compare with")
        })?;
        trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
        let found = format!("{:016x}", trainer.parameter_hash()?);
        if found != expected {
            let (iteration, step) = (trainer.iteration, grouped(step));
            let here = device::describe(trainer.learner.device(), trainer.learner.compute());
            bail!(
                "iteration {iteration} (step {step}) ends with other parameters: {found} here, on \
                 {here}, and {expected} in the run"
            );
        }
    }
    let iterations = if count == 1 { "iteration" } else { "iterations" };
    Ok(format!("ok   {count} {iterations} made again: the same parameters after each"))
}

/// Fails unless this version of the program made the run.
fn require_version(run: &RunDir) -> Result<()> {
    let files = CheckpointFiles::latest_good(run)?.found;
    let files = files.context("the run has no checkpoint, which would say what version made it")?;
    match checkpoint::version(&files)? {
        Some(version) if version == host::VERSION => Ok(()),
        version => {
            let version = version.unwrap_or_else(|| "an earlier one".into());
            bail!(
                "the run was made by version {version} of fpo, and this is {}: another version may \
                 take another course",
                host::VERSION
            )
        }
    }
}

/// Puts the configuration back to what it was before its changes, none of which may lie before
/// `step`.
fn undo_changes(run: &RunDir, config: &mut Config, step: u64) -> Result<()> {
    let changes: Vec<(u64, Change)> = run.changes()?;
    for (from_step, change) in changes.iter().rev() {
        if change.field != "train.total_steps" {
            continue;
        }
        if *from_step < step {
            let from_step = grouped(*from_step);
            bail!("{change} from step {from_step} on: replay fewer iterations");
        }
        config.train.total_steps = match &change.from {
            Value::Null => TrainConfig::default().total_steps,
            before => before.as_u64().with_context(|| format!("{change}: not a number before"))?,
        };
    }
    Ok(())
}

/// Returns the lines of the run's metrics by their steps.
fn rows(run: &RunDir) -> Result<BTreeMap<u64, Map<String, Value>>> {
    let path = run.metrics_path();
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rows = text.lines().filter_map(|line| {
        let row: Map<String, Value> = serde_json::from_str(line).ok()?;
        Some((row.get("step")?.as_u64()?, row))
    });
    Ok(rows.collect())
}
