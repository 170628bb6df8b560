//! The policy that a run starts from (`train.init`): read once, checked against the configuration
//! before any work, and known by its digest.
//!
//! The run's folder keeps a copy of the file and its configuration the digest, so that a run that
//! starts over starts from the same bytes, whatever became of the file meanwhile.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use fpo_core::{Noise, PolicyFile, Sight};
use fpo_envs::EnvSpec;
use serde_json::{Map, Value, json};

use crate::config::resolved::Config;
use crate::config::sight::groups;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::run::sealed_json::sha256;
use crate::terminal::failure::UsageError;
use crate::terminal::humanize::grouped;
use crate::training::changes::Change;
use crate::training::policy_file::named;
use crate::training::trainer::Trainer;
use crate::training::{build, policy_file};

/// Entries of a policy's description under which its weights mean the same: those of the sampler's
/// steps, of the losses, and of the least deviation.
const FREE: [&str; 6] =
    ["flow_steps", "schedule", "step_factors", "output_mode", "loss_reduction", "min_std"];

/// Those of them on which its actions depend, so that the run says where they differ.
const TOLD: [&str; 2] = ["flow_steps", "min_std"];

/// A policy that a run starts from, and that fits the run's configuration.
pub struct Initial {
    path: PathBuf,
    bytes: Vec<u8>,
    file: PolicyFile,
    /// What its actions depend on and is different in the run, in words.
    differences: Vec<String>,
}

impl Initial {
    /// Reads the policy that `train.init` names, and writes its digest into `config`. Returns
    /// `None` where a run starts from random weights.
    ///
    /// # Errors
    /// Those of [`policy_file::load`]. [`UsageError`] if the file has another digest than
    /// `config` says, or names all that does not fit.
    pub fn pin(config: &mut Config) -> Result<Option<Initial>> {
        let Some(path) = source(config)? else { return Ok(None) };
        let bytes = policy_file::read(&path)?;
        let found = sha256(&bytes);
        if let Some(expected) = &config.train.init_sha256
            && *expected != found
        {
            let text = format!(
                "train.init_sha256 is {expected}, but {} has {found}: it is another file; put the \
                 one back that was meant, or start from this one with train.init_sha256 = none",
                path.display()
            );
            return Err(UsageError(text).into());
        }
        config.train.init_sha256 = Some(found);
        Initial::of(path, bytes, config).map(Some)
    }

    /// Reads the policy that `run`, which has the configuration `config`, started from: the copy in
    /// its folder, or, where a kill came before there was one, the original.
    ///
    /// # Errors
    /// As [`Initial::pin`]; names the copy if it is damaged.
    pub fn of_run(run: &RunDir, config: &Config) -> Result<Option<Initial>> {
        if config.train.init.is_none() {
            return Ok(None);
        }
        if config.train.init_sha256.is_none() {
            bail!(
                "{} has train.init without train.init_sha256: config.toml of a run must not be \
                 edited",
                run.config_path().display()
            );
        }
        match run.init_path().exists() {
            true => Initial::of(run.init_path(), check_copy(run, config)?, config).map(Some),
            false => Initial::pin(&mut config.clone()),
        }
    }

    fn of(path: PathBuf, bytes: Vec<u8>, config: &Config) -> Result<Initial> {
        let file = policy_file::parse(&path, &bytes, &Device::Cpu)?;
        let spec = fpo_envs::spec(&config.env.task)?;
        let (misfits, differences) = compare(config, &spec, &file)?;
        if !misfits.is_empty() {
            let (path, misfits) = (path.display(), misfits.join("; "));
            let text = format!("the run cannot start from policy {path}: {misfits}");
            return Err(UsageError(text).into());
        }
        Ok(Initial { path, bytes, file, differences })
    }

    /// Puts a copy into the folder of `run`, unless the folder has one already.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, run: &RunDir) -> Result<()> {
        let path = run.init_path();
        match path.exists() {
            true => Ok(()),
            false => durable::write_file(&path, &self.bytes)
                .with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// Gives a trainer that has just been built the weights and the statistics.
    ///
    /// # Errors
    /// Those of [`fpo_core::Learner::start_from`].
    pub fn put_into(&self, trainer: &mut Trainer) -> Result<()> {
        let statistics = self.file.statistics(trainer.config.normalizer.kind)?;
        let started = trainer.learner.start_from(self.file.policy.as_ref(), statistics);
        started.with_context(|| format!("policy {}", self.path.display()))
    }
}

impl fmt::Display for Initial {
    /// Writes what the run takes from the policy and what it does not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, info) = (self.path.display(), &self.file.info);
        let (task, steps) = (&info.task, grouped(info.steps));
        write!(
            f,
            "starts from {path} ({task}, {steps} steps): its weights and observation statistics; \
             the value network and the optimiser start fresh"
        )?;
        self.differences.iter().try_for_each(|difference| write!(f, "; {difference}"))
    }
}

/// Returns the policy file that `train.init` names: itself, or the policy of a run's folder.
///
/// # Errors
/// If a folder is not that of a run.
fn source(config: &Config) -> Result<Option<PathBuf>> {
    let Some(given) = config.train.init.as_ref().map(Path::new) else { return Ok(None) };
    let of_run = || RunDir::open(given).map(|run| run.policy_path());
    let path = if given.is_dir() { of_run()? } else { given.to_path_buf() };
    Ok(Some(path))
}

/// Returns whether nothing lies any more where `train.init` says that a policy is.
pub fn is_gone(config: &Config) -> bool {
    !source(config).is_ok_and(|path| path.is_none_or(|path| path.exists()))
}

/// Returns the bytes of the copy that the folder of `run` keeps of the policy that it started from.
///
/// # Errors
/// If it cannot be read, or is not the policy whose digest `config` has.
pub fn check_copy(run: &RunDir, config: &Config) -> Result<Vec<u8>> {
    let path = run.init_path();
    let bytes = policy_file::read(&path)?;
    let (expected, found) = (config.train.init_sha256.as_deref(), sha256(&bytes));
    if expected != Some(found.as_str()) {
        let expected = expected.unwrap_or("not set");
        bail!(
            "{} is not the policy that the run started from: its SHA-256 is {found}, and \
             train.init_sha256 is {expected}",
            path.display()
        );
    }
    Ok(bytes)
}

/// Returns in what the policy in `file` does not fit a run of `config`, and in what it is only
/// different.
fn compare(
    config: &Config,
    spec: &EnvSpec,
    file: &PolicyFile,
) -> Result<(Vec<String>, Vec<String>)> {
    let (there, here) = (entries(file.policy.description()?), described(config, spec)?);
    let kind = |entries: &Map<String, Value>| entries.get("kind").cloned().unwrap_or_default();
    let is_other = kind(&there) != kind(&here);
    let (mut misfits, mut differences) = (Vec::new(), Vec::new());
    for Change { field, from, to } in Change::between(&there, &here) {
        // Another kind has entries of its own, which say nothing here.
        if is_other && (from.is_null() || to.is_null()) {
            continue;
        }
        let word = |value: &Value| match value {
            Value::Null => "the default".to_string(),
            value => value.to_string(),
        };
        let (from, to) = (word(&from), word(&to));
        match field.as_str() {
            "kind" => misfits.push(format!(
                "its kind is {from}, and algorithm.kind = `{}` has {to}",
                config.algorithm.kind.name
            )),
            "obs_dim" | "action_dim" => {
                let what = if field == "obs_dim" { "observations" } else { "actions" };
                let task = &spec.name;
                misfits.push(format!("its {what} have length {from}, and those of {task} {to}"));
            }
            free if FREE.contains(&free) => {
                if TOLD.contains(&free) {
                    differences.push(format!("policy.{free} was {from} and is {to}"));
                }
            }
            _ => misfits.push(format!("its policy.{field} is {from}, and here it is {to}")),
        }
    }
    let (there, here) = (&file.info.sight, config.env.policy_sight(spec)?);
    match there {
        Some(sight) if sight.groups != groups(spec) => misfits.push(format!(
            "its observations have the groups {}, and those of {} {}",
            named(&sight.groups),
            spec.name,
            named(&groups(spec))
        )),
        there if *there != here => {
            let words = |sight: &Option<Sight>| match sight {
                Some(sight) => format!("{} alone", sight.sees().join(", ")),
                None => "all of an observation".into(),
            };
            differences.push(format!("it saw {} and now sees {}", words(there), words(&here)));
        }
        _ => {}
    }
    if let Err(error) = file.statistics(config.normalizer.kind) {
        misfits.push(format!("normalizer.kind is \"none\", but {error}"));
    }
    Ok((misfits, differences))
}

/// Returns the description of the policy that a run of `config` makes.
fn described(config: &Config, spec: &EnvSpec) -> Result<Map<String, Value>> {
    // A small network stands in for one that may not fit into memory.
    let mut settings = build::policy_settings(config, spec);
    settings.flow.hidden = vec![1];
    let (noise, build) = (Noise::new(0), config.algorithm.kind.build);
    let policy = build(&settings, &noise, DType::F32, &Device::Cpu)?;
    let mut entries = entries(policy.deployed().description()?);
    if let Some(hidden) = entries.get_mut("hidden") {
        *hidden = json!(config.policy.hidden);
    }
    Ok(entries)
}

fn entries(description: Value) -> Map<String, Value> {
    match description {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}
