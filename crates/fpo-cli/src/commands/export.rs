//! `fpo export`: the policy of a run's newest whole checkpoint as a file of its own.
//!
//! Neither environments nor a learner are built: a checkpoint holds the weights and the statistics,
//! and the configuration says what they are of.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::{Noise, Normalizer, Policy, PolicyInfo};

use crate::config::resolved::Config;
use crate::run::dir::RunDir;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::{build, checkpoint, policy_file};

/// A way to write a policy to a file.
pub struct Format {
    /// The ending of the file names that ask for it.
    pub extension: &'static str,
    /// Makes the file's bytes of a policy, the statistics of its observations, and what is said of
    /// its training.
    pub write: fn(&dyn Policy, &Normalizer, &PolicyInfo) -> Result<Vec<u8>>,
}

/// The formats, the default first: a new one is one function and one line here.
pub const FORMATS: [Format; 1] =
    [Format { extension: "safetensors", write: policy_file::to_bytes }];

/// Writes the newest policy of the run in `folder` to `output`, in the format that the ending of
/// its name asks for.
///
/// # Errors
/// If the folder is no run, has no whole checkpoint, or `output` cannot be written.
pub fn export(folder: &Path, output: &Path) -> Result<()> {
    let run = RunDir::open(folder)?;
    let files = checkpoint::newest(&run, &mut Notes)?
        .with_context(|| format!("{} has no checkpoint yet", folder.display()))?;
    let config = Config::load(&[run.config_path()], &[])?;
    let (state, iteration) = checkpoint::learnt(&files, &config)?;
    let steps = iteration * config.steps_per_iteration();

    let spec = fpo_envs::spec(&config.env.task)?;
    let noise = Noise::new(config.train.seed);
    let initial = build::policy(&config, &spec, &noise, &Device::Cpu)?;
    let (policy, statistics) = state.policy(initial.as_ref())?;
    let episode_length = config.env.episode_length.unwrap_or(spec.episode_length);
    let info = policy_file::info(&config, steps, episode_length);
    let asked = output.extension().and_then(|extension| extension.to_str());
    let format = FORMATS.iter().find(|format| Some(format.extension) == asked);
    let bytes = (format.unwrap_or(&FORMATS[0]).write)(policy.as_ref(), &statistics, &info)?;
    policy_file::write(output, &bytes)?;
    Notes.note(&format!("wrote {} ({steps} steps)", output.display()));
    Ok(())
}
