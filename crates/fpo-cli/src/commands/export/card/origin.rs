//! What the files of a run say about where its policy comes from.

use anyhow::Result;
use fpo_core::Registry;

use crate::config::resolved::Config;
use crate::results::from_run;
use crate::results::row::Row;
use crate::run::dir::RunDir;
use crate::training::changes::Change;

/// The run of a policy.
pub(crate) struct Origin {
    /// Its configuration, as it is at the end.
    pub(crate) config: Config,
    /// How it went: its evaluations, its end, and what it took.
    pub(crate) row: Row,
    /// What changed in the configuration meanwhile, and after how many steps.
    pub(crate) changes: Vec<(u64, Change)>,
}

impl Origin {
    /// Reads the files of `run`, whose algorithm is one of `registry`.
    ///
    /// # Errors
    /// If one of them cannot be read. Names the file.
    pub(crate) fn of(run: &RunDir, registry: &Registry) -> Result<Origin> {
        let config = Config::load_with(registry, &[run.config_path()], &[])?;
        let row = from_run::of_folder(run, registry)?;
        Ok(Origin { config, row, changes: run.changes()? })
    }
}
