//! A checked configuration, and the sizes that follow from it.

use fpo_core::OptimizerConfig;
use serde::Serialize;
use toml::Table;

use crate::config::algorithm::AlgorithmConfig;
use crate::config::error::ConfigError;
use crate::config::learning::{PolicyConfig, ValueConfig};
use crate::config::presets;
use crate::config::sections::{
    CheckpointConfig, EnvConfig, EvalConfig, NormalizerConfig, TrainConfig,
};

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
    /// Returns the whole configuration as TOML, with the defaults written out. Loading it gives an
    /// equal configuration.
    ///
    /// # Errors
    /// [`ConfigError::Write`] where a value set in code has no form in TOML, such as a seed above
    /// 2^63 − 1.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let mut table = Table::try_from(self)?;
        // A field that is not set is not written, unless the preset would set it.
        match presets::mark_unset(&mut table, &self.algorithm.kind)? {
            true => Ok(toml::to_string(&table)?),
            false => Ok(toml::to_string(self)?),
        }
    }

    /// Returns the number of environment steps of one iteration, over all environments.
    pub fn steps_per_iteration(&self) -> u64 {
        let train = &self.train;
        [train.batch_size, train.num_minibatches, train.unroll_length]
            .iter()
            .map(|&factor| factor as u64)
            .product()
    }

    /// Returns the number of iterations of the whole run: `total_steps` rounded down, at least one.
    pub fn num_iterations(&self) -> u64 {
        (self.train.total_steps / self.steps_per_iteration()).max(1)
    }

    /// Returns the number of steps of each environment in one iteration, which is a whole multiple
    /// of `unroll_length`.
    pub fn iteration_length(&self) -> usize {
        let train = &self.train;
        train.batch_size * train.num_minibatches / self.env.num_envs * train.unroll_length
    }
}
