//! `fpo train`: a run from its configuration, or from its last checkpoint, to its end.

pub mod args;
mod completion;
mod divergence;
pub mod operator;
pub mod ranks;
mod rescue;
mod session;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use fpo_core::Registry;
use serde_json::Value;

use crate::commands::train::operator::Operator;
use crate::commands::train::session::outcome;
use crate::config::choices::DeviceChoice;
use crate::config::resolved::Config;
use crate::results::outcome::{Outcome, Status};
use crate::run::dir::{RunDir, RunDirError};
use crate::run::metrics::MetricsLog;
use crate::run::set_aside::set_aside_earlier_life;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::{Notes, Reporter};
use crate::text::shell::path;
use crate::training::changes::Change;
use crate::training::checkpoint::recognised_fields;
use crate::training::initial::{Initial, is_gone};
use crate::training::snapshot::Snapshot;
use crate::training::trainer::Trainer;
use crate::training::{checkpoint, device, policy_file};

/// Starts a new run in `out`, or in a new folder under `runs/` named after the configuration's
/// files, or its task and method.
///
/// # Errors
/// Anything that stops the run; its folder keeps the last checkpoint.
pub fn start(
    config: Config,
    config_paths: &[PathBuf],
    out: Option<PathBuf>,
    operator: Operator,
) -> Result<()> {
    let seed = config.train.seed;
    start_in(config, || out.map_or_else(|| free_folder(config_paths, seed), Ok), operator)
}

/// Starts a new run in the folder that `choose` gives once it is certain that the run can be made.
fn start_in(
    mut config: Config,
    choose: impl FnOnce() -> Result<PathBuf>,
    operator: Operator,
) -> Result<()> {
    let initial = Initial::pin(&mut config)?;
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let mut trainer = Trainer::lead(config, &device, operator.crew.clone())?;
    let (run, _lock) = RunDir::create(&choose()?)?;
    run.save_config(&trainer.config.to_toml()?)?;
    if let Some(initial) = initial {
        begin_with(&initial, &mut trainer, &run)?;
    }
    let log = MetricsLog::create(&run)?;
    operator.run(run, trainer, log, 0.0)
}

/// Lets `run` start from a policy, of which its folder keeps a copy. The copy comes after the
/// configuration, which names its digest: until it is there, the run starts from the original or
/// not at all.
fn begin_with(initial: &Initial, trainer: &mut Trainer, run: &RunDir) -> Result<()> {
    initial.keep(run)?;
    initial.put_into(trainer)?;
    if trainer.crew.size() > 1 {
        // The other ranks get it from here.
        Snapshot::of_all_ranks(trainer)?.put_into_all_ranks(trainer)?;
    }
    Notes.message(&initial.to_string());
    Ok(())
}

/// Continues the run in `out`, or in `runs/` under the name of the configuration's files, if there
/// is one, and starts it otherwise. A run that is finished is left as it is. The command can so be
/// given again and again until the run is finished.
///
/// # Errors
/// As [`start`] and [`resume`]; [`UsageError`] if the run that is there has another configuration.
pub fn resume_or_start(
    config: Config,
    config_paths: &[PathBuf],
    out: Option<PathBuf>,
    operator: Operator,
) -> Result<()> {
    let folder = out.unwrap_or_else(|| named_folder(config_paths, config.train.seed));
    match RunDir::open(&folder) {
        Ok(run) => {
            let registry = Registry::default();
            require_same(&run, config.clone(), &registry)?;
            let changes = Changes { device: Some(config.train.device), sets: Vec::new() };
            match go_on(&run, &changes, &registry, operator)? {
                WentOn::Trained => Ok(()),
                WentOn::WasFinished => {
                    Notes.message(&format!("the run in {} is finished", folder.display()));
                    Ok(())
                }
            }
        }
        Err(RunDirError::NotARun(_)) => start_in(config, || Ok(folder), operator),
        Err(error) => Err(error.into()),
    }
}

/// Fails unless `run` has the configuration `config`, as far as that decides the result.
fn require_same(run: &RunDir, mut config: Config, registry: &Registry) -> Result<()> {
    let saved = Config::load_with(registry, &[run.config_path()], &[])?;
    if config.train.init_sha256.is_none() {
        // A run has all that it needs of its first policy, which may be gone by now.
        match config.train.init == saved.train.init && is_gone(&config) {
            true => config.train.init_sha256 = saved.train.init_sha256.clone(),
            false => drop(Initial::pin(&mut config)?),
        }
    }
    let changes = Change::between(&recognised_fields(&saved)?, &recognised_fields(&config)?);
    if changes.is_empty() {
        return Ok(());
    }
    let value = |value: &Value| match value {
        Value::Null => "the default".to_string(),
        value => value.to_string(),
    };
    let differences: Vec<String> = changes
        .iter()
        .map(|Change { field, from, to }| {
            format!("`{field}` is {} there and {} here", value(from), value(to))
        })
        .collect();
    let folder = run.root().display();
    let way = match changes.iter().all(Change::is_allowed) {
        true => format!("change it by `fpo train --resume {} --set …`, or ", path(run.root())),
        false => String::new(),
    };
    let text = format!(
        "{folder} holds a run of another configuration: {}; {way}choose another folder with --out",
        differences.join(", ")
    );
    Err(UsageError(text).into())
}

/// What is to be different when a run goes on.
#[derive(Debug, Default)]
pub struct Changes {
    /// The device, until the run ends or is resumed again.
    pub device: Option<DeviceChoice>,
    /// Fields of the configuration, as `FIELD=VALUE`, from now on.
    pub sets: Vec<String>,
}

/// Continues the run in `folder`, whose algorithm is one of `registry`, from its newest whole
/// checkpoint.
///
/// # Errors
/// As [`start`]; also where the folder is no run or the run is finished.
pub fn resume(
    folder: &Path,
    changes: &Changes,
    registry: &Registry,
    operator: Operator,
) -> Result<()> {
    match go_on(&RunDir::open(folder)?, changes, registry, operator)? {
        WentOn::Trained => Ok(()),
        WentOn::WasFinished => {
            bail!("the run in {} is finished: there is nothing to resume", folder.display())
        }
    }
}

/// What became of a run that was to go on.
enum WentOn {
    /// It was trained to its end.
    Trained,
    /// It had been already.
    WasFinished,
}

fn go_on(
    run: &RunDir,
    changes: &Changes,
    registry: &Registry,
    operator: Operator,
) -> Result<WentOn> {
    let _lock = run.lock()?;
    run.clean_up()?;
    let mut config = Config::load_with(registry, &[run.config_path()], &changes.sets)?;
    if !changes.sets.is_empty() {
        let saved = Config::load_with(registry, &[run.config_path()], &[])?;
        let wanted = Change::between(&recognised_fields(&saved)?, &recognised_fields(&config)?);
        if let Some(change) = wanted.iter().find(|change| !change.is_allowed()) {
            let text = format!("{change}: a run that goes on keeps it; start a new run instead");
            return Err(UsageError(text).into());
        }
        if saved.train.init != config.train.init {
            let text = "`train.init`: a run that goes on keeps it; start a new run instead";
            return Err(UsageError(text.into()).into());
        }
    }
    let resolved = config.to_toml()?;
    if let Some(choice) = changes.device {
        config.train.device = choice;
    }
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let mut trainer = Trainer::lead(config, &device, operator.crew.clone())?;
    let newest = checkpoint::newest(run, &mut Notes)?;
    if newest.is_none() && is_known_to_be_finished(run)? {
        // A sweep may keep the policy of a finished run alone.
        if changes.sets.is_empty() {
            return Ok(WentOn::WasFinished);
        }
        let folder = run.root().display();
        bail!(
            "the run in {folder} is finished and has no checkpoints, so that it cannot be changed: \
             start another run from its policy, with --init {}",
            path(run.root())
        );
    }
    let elapsed = match newest {
        Some(files) => {
            let (elapsed, changes) = checkpoint::restore(&files, &mut trainer)?;
            if trainer.is_done() {
                // A kill may have come between the last checkpoint and what is written after it.
                policy_file::save(&run.policy_path(), &trainer)?;
                if !is_known_to_be_finished(run)? {
                    outcome(&trainer, Status::Finished, None, elapsed).save(run)?;
                }
                return Ok(WentOn::WasFinished);
            }
            for change in &changes {
                Notes.note(&format!("{change} from step {} on", trainer.steps()));
            }
            run.record_changes(trainer.steps(), &changes)?;
            elapsed
        }
        None => {
            Notes.note(&format!("{} has no checkpoint yet: starting over", run.root().display()));
            let initial = Initial::of_run(run, &trainer.config)?;
            for path in set_aside_earlier_life(run)? {
                Notes.note(&format!("what was there before is kept: {}", path.display()));
            }
            if let Some(initial) = initial {
                begin_with(&initial, &mut trainer, run)?;
            }
            0.0
        }
    };
    if !changes.sets.is_empty() {
        run.save_config(&resolved)?;
    }
    if trainer.iteration > 0 && !trainer.learner.resumes_exactly() {
        Notes.note(
            "this optimiser's state cannot be saved: it starts afresh, so the run will differ \
             from one that was never interrupted",
        );
    }
    let (log, complaint) = MetricsLog::resume(run, &trainer.recorded_steps())?;
    if let Some(complaint) = complaint {
        Notes.note(&complaint);
    }
    operator.run(run.clone(), trainer, log, elapsed)?;
    Ok(WentOn::Trained)
}

fn is_known_to_be_finished(run: &RunDir) -> Result<bool> {
    Ok(Outcome::load(run)?.is_some_and(|outcome| outcome.status == Status::Finished))
}

/// Returns `runs/STEMS-seedN`, where `STEMS` are the names of the configuration's files.
fn named_folder(config_paths: &[PathBuf], seed: u64) -> PathBuf {
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let stems: Vec<String> = config_paths.iter().filter_map(stem).collect();
    PathBuf::from(format!("runs/{}-seed{seed}", stems.join("-")))
}

/// Makes [`named_folder`], or the first of it with `-2`, `-3`, … behind that is free, and returns
/// it. Of several processes that do this at once, each gets another.
fn free_folder(config_paths: &[PathBuf], seed: u64) -> Result<PathBuf> {
    let base = named_folder(config_paths, seed);
    let parent = base.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    let mut folder = base.clone();
    for number in 2.. {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made.with_context(|| folder.display().to_string())?;
                break;
            }
        }
        folder = PathBuf::from(format!("{}-{number}", base.display()));
    }
    Ok(folder)
}
