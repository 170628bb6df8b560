//! `fpo train`: a run from its configuration, or from its last checkpoint, to its end.

mod session;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use fpo_core::Registry;

use crate::commands::train::session::{Session, outcome};
use crate::config::choices::DeviceChoice;
use crate::config::resolved::Config;
use crate::results::identity::Identity;
use crate::results::outcome::{Outcome, Status};
use crate::run::dir::{RunDir, RunDirError};
use crate::run::metrics::MetricsLog;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::{Notes, Reporter};
use crate::terminal::stop::Stop;
use crate::training::trainer::Trainer;
use crate::training::{checkpoint, device, policy_file};

/// Starts a new run in `out`, or in a new folder under `runs/` named after the configuration's
/// files.
///
/// # Errors
/// Anything that stops the run; its folder keeps the last checkpoint.
pub fn start(
    config: Config,
    config_paths: &[PathBuf],
    out: Option<PathBuf>,
    stop: Stop,
) -> Result<()> {
    let folder = out.unwrap_or_else(|| free_folder(config_paths, config.train.seed));
    start_in(config, &folder, stop)
}

fn start_in(config: Config, folder: &Path, stop: Stop) -> Result<()> {
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let trainer = Trainer::new(config, &device)?;
    let run = RunDir::create(folder)?;
    let _lock = run.lock()?;
    run.save_config(&trainer.config.to_toml()?)?;
    let log = MetricsLog::create(&run)?;
    Session::new(run, trainer, log, 0.0).run(stop)
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
    stop: Stop,
) -> Result<()> {
    let folder = out.unwrap_or_else(|| named_folder(config_paths, config.train.seed));
    match RunDir::open(&folder) {
        Ok(run) => {
            let registry = Registry::default();
            require_same(&run, &config, &registry)?;
            match go_on(&run, Some(config.train.device), &registry, stop)? {
                WentOn::Trained => Ok(()),
                WentOn::WasFinished => {
                    Notes.message(&format!("the run in {} is finished", folder.display()));
                    Ok(())
                }
            }
        }
        Err(RunDirError::NotARun(_)) => start_in(config, &folder, stop),
        Err(error) => Err(error.into()),
    }
}

/// Fails unless `run` has the configuration `config`, as far as that decides the result.
fn require_same(run: &RunDir, config: &Config, registry: &Registry) -> Result<()> {
    let saved = Config::load_with(registry, &[run.config_path()], &[])?;
    let of = |config: &Config| -> Result<_> {
        let mut fields = Identity::of(config)?.into_fields();
        fields.insert("train.seed".into(), config.train.seed.into());
        Ok(fields)
    };
    let (there, here) = (of(&saved)?, of(config)?);
    let value = |fields: &serde_json::Map<_, _>, name: &String| match fields.get(name) {
        Some(value) => format!("{value}"),
        None => "the default".into(),
    };
    let mut names: Vec<&String> = there.keys().chain(here.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| there.get(*name) != here.get(*name));
    let differences: Vec<String> = differing
        .map(|name| {
            format!("`{name}` is {} there and {} here", value(&there, name), value(&here, name))
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} holds a run of another configuration: {}; choose another folder with --out",
        run.root().display(),
        differences.join(", ")
    );
    Err(UsageError(text).into())
}

/// Continues the run in `folder`, whose algorithm is one of `registry`, from its newest whole
/// checkpoint.
///
/// # Errors
/// As [`start`]; also where the folder is no run or the run is finished.
pub fn resume(
    folder: &Path,
    device_choice: Option<DeviceChoice>,
    registry: &Registry,
    stop: Stop,
) -> Result<()> {
    match go_on(&RunDir::open(folder)?, device_choice, registry, stop)? {
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
    device_choice: Option<DeviceChoice>,
    registry: &Registry,
    stop: Stop,
) -> Result<WentOn> {
    let _lock = run.lock()?;
    let mut config = Config::load_with(registry, &[run.config_path()], &[])?;
    if let Some(choice) = device_choice {
        config.train.device = choice;
    }
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let mut trainer = Trainer::new(config, &device)?;
    let elapsed = match checkpoint::newest(run, &mut Notes)? {
        Some(files) => checkpoint::restore(&files, &mut trainer)?,
        None => {
            Notes.note(&format!("{} has no checkpoint yet: starting over", run.root().display()));
            0.0
        }
    };
    if trainer.is_done() {
        // A kill may have come between the last checkpoint and what is written after it.
        policy_file::save(&run.policy_path(), &trainer)?;
        if Outcome::load(run)?.is_none_or(|outcome| outcome.status != Status::Finished) {
            outcome(&trainer, Status::Finished, None, elapsed).save(run)?;
        }
        return Ok(WentOn::WasFinished);
    }
    if trainer.iteration > 0 && !trainer.learner.resumes_exactly() {
        Notes.note(
            "this optimiser's state cannot be saved: it starts afresh, so the run will differ \
             from one that was never interrupted",
        );
    }
    // At the start not even the evaluation of step 0 is kept: it is about to be repeated.
    // Nor is a line whose evaluation is to be made once more.
    let log = match (trainer.iteration, &trainer.pending) {
        (0, _) => MetricsLog::restart(run)?,
        (_, None) => MetricsLog::resume(run, trainer.steps())?,
        (_, Some(_)) => MetricsLog::resume(run, trainer.steps() - 1)?,
    };
    Session::new(run.clone(), trainer, log, elapsed).run(stop)?;
    Ok(WentOn::Trained)
}

/// Returns `runs/STEMS-seedN`, where `STEMS` are the names of the configuration's files.
fn named_folder(config_paths: &[PathBuf], seed: u64) -> PathBuf {
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let stems: Vec<String> = config_paths.iter().filter_map(stem).collect();
    PathBuf::from(format!("runs/{}-seed{seed}", stems.join("-")))
}

/// Returns [`named_folder`], or the first of it with `-2`, `-3`, … behind that is free.
fn free_folder(config_paths: &[PathBuf], seed: u64) -> PathBuf {
    let base = named_folder(config_paths, seed);
    let mut folder = base.clone();
    for number in 2.. {
        if !folder.exists() {
            break;
        }
        folder = PathBuf::from(format!("{}-{number}", base.display()));
    }
    folder
}
