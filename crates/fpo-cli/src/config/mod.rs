//! The configuration of a run: TOML files that may include others, overridden field by field,
//! typed, checked, and from then on frozen.
//!
//! ```toml
//! include = ["../base.toml"] # relative to this file; merged in order, this file wins
//!
//! [env]
//! task = "CartpoleBalance"
//! ```
//!
//! An iteration steps every environment `batch_size · num_minibatches · unroll_length / num_envs`
//! times, so that its unrolls fill `num_minibatches` minibatches exactly.
//!
//! ```
//! use fpo_cli::config::Config;
//! let config = Config::from_toml_str("env.task = 'CheetahRun'", "example")?;
//! assert_eq!((config.iteration_length(), config.num_iterations()), (480, 61));
//! # Ok::<(), fpo_cli::config::ConfigError>(())
//! ```

mod algorithm;
mod choices;
mod error;
mod field_names;
mod layers;
mod learning;
mod presets;
mod schema;
mod sections;
#[cfg(test)]
mod tests;
mod validate;

use std::path::Path;

use serde::Serialize;

pub use algorithm::AlgorithmConfig;
pub use choices::{
    AlgorithmKind, DeviceChoice, KernelChoice, OverlapChoice, PrecisionChoice, StartChoice,
    TimesChoice, UpdateChoice,
};
pub use error::ConfigError;
pub use learning::{OptimizerConfig, PolicyConfig, ValueConfig};
pub use sections::{CheckpointConfig, EnvConfig, EvalConfig, NormalizerConfig, TrainConfig};

use layers::Layers;

/// A checked configuration; one field per section of the TOML file.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub struct Config {
    /// The task and its copies.
    pub env: EnvConfig,
    /// Length of training and sizes of rollout and minibatches.
    pub train: TrainConfig,
    /// The update.
    pub algorithm: AlgorithmConfig,
    /// The policy's network and sampler.
    pub policy: PolicyConfig,
    /// The value function's network.
    pub value: ValueConfig,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// The scaling of observations.
    pub normalizer: NormalizerConfig,
    /// Evaluation during training.
    pub eval: EvalConfig,
    /// Saving.
    pub checkpoint: CheckpointConfig,
}

impl Config {
    /// Reads the files at `paths` with all they include, and then `overrides` of the form
    /// `section.field=value`; later ones win.
    ///
    /// # Errors
    /// Whatever is wrong first: a file that cannot be read or is no TOML, an unknown key, a value
    /// of the wrong type or out of range, or values that do not go together.
    pub fn load(paths: &[impl AsRef<Path>], overrides: &[String]) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_files(paths)?;
        for text in overrides {
            layers.add_override(text)?;
        }
        Self::from_layers(layers)
    }

    /// Reads one TOML document that includes no other; `origin_name` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`]; and `include` is refused.
    pub fn from_toml_str(text: &str, origin_name: &str) -> Result<Self, ConfigError> {
        Self::from_layers(Layers::from_text(text, origin_name)?)
    }

    /// The whole configuration as TOML, defaults written out. Loading it gives an equal one.
    ///
    /// # Errors
    /// [`ConfigError::Write`] where a value set in code has no form in TOML, such as a seed above
    /// 2^63 − 1.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        Ok(toml::to_string(self)?)
    }

    /// Environment steps of one iteration, over all environments.
    pub fn steps_per_iteration(&self) -> u64 {
        let train = &self.train;
        [train.batch_size, train.num_minibatches, train.unroll_length]
            .iter()
            .map(|&factor| factor as u64)
            .product()
    }

    /// Iterations of the whole run: `total_steps` rounded down, at least one.
    pub fn num_iterations(&self) -> u64 {
        (self.train.total_steps / self.steps_per_iteration()).max(1)
    }

    /// Steps of each environment in one iteration: a whole multiple of `unroll_length`.
    pub fn iteration_length(&self) -> usize {
        let train = &self.train;
        train.batch_size * train.num_minibatches / self.env.num_envs * train.unroll_length
    }

    fn from_layers(mut layers: Layers) -> Result<Self, ConfigError> {
        presets::fill(&mut layers)?;
        let config = schema::typed(&layers)?;
        validate::validate(&config, &layers.origins)?;
        Ok(config)
    }
}
