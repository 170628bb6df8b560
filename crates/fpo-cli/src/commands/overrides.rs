//! What a command line changes in a configuration.

use anyhow::Result;
use clap::Args;
use fpo_core::Registry;

use crate::commands::number_arg::whole;
use crate::config::named::Named;
use crate::config::resolved::Config;

/// The fields of a configuration that flags set.
#[derive(Args, Debug)]
pub struct Overrides {
    /// Override a field of the configuration, such as train.total_steps=100000 (repeatable)
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) set: Vec<String>,
    /// Seed of the run; the same as --set train.seed=N
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u64>(0..=i64::MAX as u64))]
    seed: Option<u64>,
}

impl Overrides {
    /// Returns the configuration of the files and names `named` with these changes, which starts
    /// from the policy `init` if there is one.
    ///
    /// # Errors
    /// Those of [`Config::load_named`].
    pub(crate) fn load(&self, named: &[Named], init: Option<String>) -> Result<Config> {
        let mut overrides = self.set.clone();
        overrides.extend(init.map(|init| format!("train.init={}", toml::Value::String(init))));
        overrides.extend(self.seed.map(|seed| format!("train.seed={seed}")));
        Ok(Config::load_named(&Registry::default(), named, &overrides)?)
    }
}
