//! `fpo export`: writes the policy of a run's newest whole checkpoint to a file of its own.
//!
//! Neither environments nor a learner are built, because a checkpoint holds the weights and the
//! statistics, and the configuration says which policy they belong to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::{Noise, Normalizer, Policy, PolicyInfo, Registry};

use crate::config::resolved::Config;
use crate::run::checkpoint_files::CheckpointFiles;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::{build, checkpoint, policy_file};

/// A way to write a policy to a file.
pub struct Format {
    /// The ending of the file names that ask for it.
    pub extension: &'static str,
    /// Returns the bytes of a file for a policy, the statistics of its observations, and what the
    /// file says about its training.
    pub write: fn(&dyn Policy, &Normalizer, &PolicyInfo) -> Result<Vec<u8>>,
}

/// The known formats, the default first. A new format is one function and one line here.
pub const FORMATS: [Format; 1] =
    [Format { extension: "safetensors", write: policy_file::to_bytes }];

/// Writes the newest policy of the run in `folder`, whose algorithm is one of `registry`, to
/// `output`, in the format that the ending of its name asks for.
///
/// # Errors
/// If the folder is not a run or has no whole checkpoint, or if `output` cannot be written or is a
/// file that the run needs.
pub fn export(folder: &Path, output: &Path, registry: &Registry) -> Result<()> {
    let run = RunDir::open(folder)?;
    let own = run.own_files();
    if let Some(file) = durable::overwritten(output, own.iter().map(PathBuf::as_path)) {
        let text = format!("-o would write over {}, which the run needs", file.display());
        return Err(UsageError(text).into());
    }
    let files = checkpoint::newest(&run, &mut Notes)?
        .with_context(|| format!("{} has no checkpoint yet", folder.display()))?;
    let config = Config::load_with(registry, &[run.config_path()], &[])?;
    let extension = output.extension().and_then(|extension| extension.to_str());
    let format = FORMATS.iter().find(|format| Some(format.extension) == extension);
    let (bytes, steps) = policy_of(&files, &config, format.unwrap_or(&FORMATS[0]))?;
    policy_file::write(output, &bytes)?;
    Notes.note(&format!("wrote {} ({steps} steps)", output.display()));
    Ok(())
}

/// Returns the bytes of a file in `format` with the policy of a checkpoint of a run with this
/// configuration, and the environment steps that it has learnt from.
///
/// # Errors
/// If the checkpoint does not fit the configuration, or this build has no such task.
pub fn policy_of(
    files: &CheckpointFiles,
    config: &Config,
    format: &Format,
) -> Result<(Vec<u8>, u64)> {
    let (state, iteration) = checkpoint::learnt(files, config)?;
    let steps = iteration * config.steps_per_iteration();
    let spec = fpo_envs::spec(&config.env.task)?;
    let noise = Noise::new(config.train.seed);
    let initial = build::policy(config, &spec, &noise, &Device::Cpu)?;
    let (policy, statistics) = state.policy(initial.as_ref())?;
    let episode_length = config.env.episode_length.unwrap_or(spec.episode_length);
    let info = policy_file::info(config, steps, episode_length);
    Ok(((format.write)(policy.as_ref(), &statistics, &info)?, steps))
}
