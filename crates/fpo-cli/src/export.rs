//! `fpo export`: the policy of a run's newest whole checkpoint as a file of its own.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Device;

use crate::checkpoint_files::CheckpointFiles;
use crate::config::Config;
use crate::run_dir::RunDir;
use crate::trainer::Trainer;
use crate::{checkpoint, policy_file};

/// Writes the newest policy of the run in `folder` to `output`.
///
/// # Errors
/// If the folder is no run, has no whole checkpoint, or `output` cannot be written.
pub fn export(folder: &Path, output: &Path) -> Result<()> {
    let run = RunDir::open(folder)?;
    let search = CheckpointFiles::latest_good(&run)?;
    for (folder, why) in &search.refused {
        eprintln!("fpo: checkpoint {} is left aside: {why}", folder.display());
    }
    let files = search
        .found
        .with_context(|| format!("{} has no whole checkpoint yet", folder.display()))?;
    let config = Config::load(&run.config_path(), &[])?;
    let mut trainer = Trainer::new(config, &Device::Cpu)?;
    checkpoint::restore(&files, &mut trainer)?;
    policy_file::save(output, &trainer.learner, &trainer.config.env.task, trainer.steps())?;
    eprintln!("wrote {} ({} steps)", output.display(), trainer.steps());
    Ok(())
}
