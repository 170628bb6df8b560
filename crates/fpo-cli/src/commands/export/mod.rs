//! `fpo export`: takes a policy out of a run, or a policy file further: to a file of its own, to an
//! ONNX graph, or to a folder with a model card.
//!
//! Neither a learner nor, but for the episodes of a model card, environments are built: a
//! checkpoint holds the weights and the statistics, and the configuration says which policy they
//! belong to.

pub mod args;
mod card;
pub mod formats;
mod output;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::{Noise, PolicyFile, Registry};

use crate::commands::export::args::ExportArgs;
use crate::commands::export::card::content::Card;
use crate::commands::export::card::evaluation::{Evaluation, evaluate};
use crate::commands::export::card::origin::Origin;
use crate::commands::export::formats::Exported;
use crate::commands::export::output::{Output, write_folder};
use crate::config::resolved::Config;
use crate::run::checkpoint_files::CheckpointFiles;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::{build, checkpoint, policy_file};

/// Episodes that are played for a card unless told otherwise.
const EPISODES: u32 = 128;

/// Writes the policy that `args` names, whose algorithm is one of `registry`, to where they say.
///
/// # Errors
/// If the policy cannot be read, or the output cannot be written. [`UsageError`] for flags that do
/// not go together, and for an output that would write over what is read or over what somebody
/// else wrote.
pub fn export(args: &ExportArgs, registry: &Registry) -> Result<()> {
    let output = Output::of(args)?;
    let run = match args.policy.is_dir() {
        true => Some(RunDir::open(&args.policy)?),
        false => None,
    };
    let read = run.as_ref().map_or(vec![args.policy.clone()], RunDir::own_files);
    for file in output.files() {
        if let Some(read) = durable::overwritten(&file, read.iter().map(PathBuf::as_path)) {
            let needs = if run.is_some() { ", which the run needs" } else { ", which is read" };
            let text = format!("-o would write over {}{needs}", read.display());
            return Err(UsageError(text).into());
        }
    }
    output.require_no_run(run.as_ref())?;
    output.require_own_card()?;
    let exported = match &run {
        Some(run) => of_run(run, registry, args)?,
        None => of_file(&args.policy, args)?,
    };
    let steps = exported.policy.info.steps;
    match output {
        Output::File { path, format } => {
            policy_file::write(&path, &(format.write)(&exported)?)?;
            Notes.note(&format!("wrote {} ({steps} steps)", path.display()));
        }
        Output::Folder { path, onnx } => {
            let graph = onnx.map(|format| (format.write)(&exported)).transpose()?;
            let card = card(args, &exported, run.as_ref(), registry, graph.is_some())?;
            let names = write_folder(&path, &exported.bytes, graph.as_deref(), &card)?;
            let names = names.join(", ");
            Notes.note(&format!("wrote {names} to {} ({steps} steps)", path.display()));
        }
    }
    Ok(())
}

/// Returns the model card of what is exported.
fn card(
    args: &ExportArgs,
    exported: &Exported,
    run: Option<&RunDir>,
    registry: &Registry,
    has_graph: bool,
) -> Result<String> {
    let origin = run.map(|run| Origin::of(run, registry)).transpose()?;
    let seed = args.seed.unwrap_or_else(|| Evaluation::seed_for(origin.as_ref()));
    let evaluation = match args.episodes.unwrap_or(EPISODES) {
        0 => None,
        episodes => Some(evaluate(&exported.policy, &args.policy, episodes, seed)?),
    };
    let license = args.license.as_deref();
    let policy = &exported.policy;
    card::text(&Card { policy, origin, evaluation, license, has_graph })
}

/// Returns the policy of the newest whole checkpoint of `run`.
fn of_run(run: &RunDir, registry: &Registry, args: &ExportArgs) -> Result<Exported> {
    let files = checkpoint::newest(run, &mut Notes)?
        .with_context(|| format!("{} has no checkpoint yet", run.root().display()))?;
    let config = Config::load_with(registry, &[run.config_path()], &[])?;
    let bytes = policy_of(&files, &config)?;
    let policy = PolicyFile::from_bytes(&bytes, &Device::Cpu)
        .with_context(|| format!("the policy of {}", run.root().display()))?;
    Ok(Exported { bytes, policy, batch: args.rows() })
}

/// Returns the policy of a policy file.
fn of_file(path: &Path, args: &ExportArgs) -> Result<Exported> {
    let bytes = policy_file::read(path)?;
    let policy = policy_file::parse(path, &bytes, &Device::Cpu)?;
    Ok(Exported { bytes, policy, batch: args.rows() })
}

/// Returns the bytes of a policy file with the policy of a checkpoint of a run with this
/// configuration.
///
/// # Errors
/// If the checkpoint does not fit the configuration, or this build has no such task.
pub fn policy_of(files: &CheckpointFiles, config: &Config) -> Result<Vec<u8>> {
    let (state, iteration) = checkpoint::learnt(files, config)?;
    let steps = iteration * config.steps_per_iteration();
    let spec = fpo_envs::spec(&config.env.task)?;
    let noise = Noise::new(config.train.seed);
    let initial = build::policy(config, &spec, &noise, &Device::Cpu)?;
    let (policy, statistics) = state.policy(initial.as_ref())?;
    let episode_length = config.env.episode_length.unwrap_or(spec.episode_length);
    let info = policy_file::info(config, &spec, steps, episode_length)?;
    policy_file::to_bytes(policy.as_ref(), &statistics, &info)
}
