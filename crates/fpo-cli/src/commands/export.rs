//! `fpo export`: the policy of a run's newest whole checkpoint as a file of its own.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Device;

use crate::config::resolved::Config;
use crate::run::dir::RunDir;
use crate::terminal::output::note;
use crate::training::trainer::Trainer;
use crate::training::{checkpoint, policy_file};

/// Writes the newest policy of the run in `folder` to `output`.
///
/// # Errors
/// If the folder is no run, has no whole checkpoint, or `output` cannot be written.
pub fn export(folder: &Path, output: &Path) -> Result<()> {
    let run = RunDir::open(folder)?;
    let files = checkpoint::newest(&run)?
        .with_context(|| format!("{} has no checkpoint yet", folder.display()))?;
    let config = Config::load(&[run.config_path()], &[])?;
    let mut trainer = Trainer::new(config, &Device::Cpu)?;
    checkpoint::restore(&files, &mut trainer)?;
    policy_file::save(output, &trainer)?;
    note(&format!("wrote {} ({} steps)", output.display(), trainer.steps()));
    Ok(())
}
