//! Checks the values of a typed configuration: first each against its range, then all together
//! (`combinations.rs`).

mod combinations;
mod flow;
mod sight;
mod sizes;

use std::fmt::Display;
use std::ops::{Bound, RangeBounds, RangeInclusive};

use fpo_core::OptimizerConfig;

use crate::config::algorithm::AlgorithmConfig;
use crate::config::error::ConfigError;
use crate::config::layers::Origins;
use crate::config::learning::PolicyConfig;
use crate::config::resolved::Config;
use crate::config::sections::{CheckpointConfig, EnvConfig, EvalConfig, TrainConfig};
use crate::text::duration::seconds;

/// The seconds of a year, the longest limit of time.
const YEAR: u64 = 365 * 86_400;
/// Largest number of environments, unrolls in a minibatch, or episodes of an evaluation.
const MANY: usize = 1 << 20;
/// Largest length or repetition count, and width of a layer.
const SOME: usize = 1 << 16;
/// The finite numbers above 0.
const POSITIVE: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Included(f64::MAX));

/// Fails with the first value that is out of range or does not go with the others.
pub(crate) fn validate(config: &Config, origins: &Origins) -> Result<(), ConfigError> {
    let check = Check { origins };
    check.env(&config.env)?;
    check.train(&config.train)?;
    check.algorithm(&config.algorithm)?;
    check.policy(&config.policy)?;
    check.layers("value.hidden", &config.value.hidden)?;
    check.optimizer(&config.optimizer)?;
    check.eval(&config.eval)?;
    check.checkpoint(&config.checkpoint)?;
    check.sizes(config)?;
    check.together(config)
}

fn is_lower_hex(digit: u8) -> bool {
    matches!(digit, b'0'..=b'9' | b'a'..=b'f')
}

struct Check<'a> {
    origins: &'a Origins,
}

impl Check<'_> {
    fn env(&self, env: &EnvConfig) -> Result<(), ConfigError> {
        if env.task.trim().is_empty() {
            return Err(ConfigError::Missing {
                field: "env.task".into(),
                origin: self.origins.document().into(),
                hint: "write `task = \"…\"` under `[env]`, or give `--set env.task=…`".into(),
            });
        }
        self.whole("env.num_envs", env.num_envs, 1..=MANY)?;
        self.whole("env.action_repeat", env.action_repeat, 1..=1000)?;
        self.sight(env)?;
        match env.episode_length {
            Some(steps) => self.whole("env.episode_length", steps, 1..=1_000_000_000),
            None => Ok(()),
        }
    }

    fn train(&self, train: &TrainConfig) -> Result<(), ConfigError> {
        self.within("train.total_steps", train.total_steps, 1.., "1 and up")?;
        self.whole("train.unroll_length", train.unroll_length, 1..=SOME)?;
        self.whole("train.batch_size", train.batch_size, 1..=MANY)?;
        self.whole("train.num_minibatches", train.num_minibatches, 1..=SOME)?;
        self.whole("train.num_epochs", train.num_epochs, 1..=SOME)?;
        let (factor, most) = (train.rollback_factor, train.max_rollbacks);
        let between = (Bound::Excluded(0.0), Bound::Excluded(1.0));
        self.within("train.rollback_factor", factor, between, "above 0, below 1")?;
        self.within("train.max_rollbacks", most, 1..=1000, "1 to 1000")?;
        if let Some(limit) = &train.stop_after
            && seconds(limit).is_none_or(|seconds| !(1..=YEAR).contains(&seconds))
        {
            let allowed = "1 second to 365 days, in a form such as \"90s\", \"1h30m\" or \"2d\"";
            return Err(self.out_of_range("train.stop_after", limit, allowed));
        }
        if train.init.as_ref().is_some_and(String::is_empty) {
            return Err(self.out_of_range(
                "train.init",
                "empty",
                "a policy file or a run's folder",
            ));
        }
        match &train.init_sha256 {
            Some(digest) if digest.len() != 64 || !digest.bytes().all(is_lower_hex) => {
                Err(self.out_of_range("train.init_sha256", digest, "64 digits of 0-9 and a-f"))
            }
            _ => Ok(()),
        }
    }

    fn algorithm(&self, algorithm: &AlgorithmConfig) -> Result<(), ConfigError> {
        self.whole("algorithm.num_samples", algorithm.num_samples, 1..=SOME)?;
        self.core("algorithm", algorithm.objective.validate())?;
        self.core("algorithm", algorithm.denoising().validate())?;
        let correlations = [
            ("algorithm.noise_correlation", Some(algorithm.noise_correlation)),
            ("algorithm.noise_correlation_to", algorithm.noise_correlation_to),
        ];
        for (field, correlation) in correlations {
            if let Some(correlation) = correlation {
                self.within(field, correlation, 0.0..1.0, "0 up to, without, 1")?;
            }
        }
        if let Some(weight) = algorithm.entropy_coefficient_to {
            self.within("algorithm.entropy_coefficient_to", weight, 0.0..=f64::MAX, "0 and up")?;
        }
        if let Some(bound) = algorithm.target_divergence {
            self.within("algorithm.target_divergence", bound, POSITIVE, "above 0")?;
        }
        match algorithm.ema_decay {
            Some(decay) => {
                self.within("algorithm.ema_decay", decay, 0.0..1.0, "0 up to, without, 1")
            }
            None => Ok(()),
        }
    }

    fn policy(&self, policy: &PolicyConfig) -> Result<(), ConfigError> {
        let flow = policy.flow(1, 1).validate();
        if let Err(fpo_core::Error::Invalid(message)) = flow {
            let origin = self.origins_of(&[
                "policy.frame",
                "policy.source_width",
                "policy.step_times",
                "policy.loss_reduction",
                "policy.path",
                "policy.prediction",
            ]);
            return Err(ConfigError::Combination {
                origin,
                message: format!("`[policy]`: {message}"),
            });
        }
        self.core("policy", flow)?;
        if let Some(std) = policy.source_std_to {
            self.within("policy.source_std_to", std, 1e-6..=1e6, "1e-6 to 1e6")?;
        }
        self.within("policy.times_beta", policy.times_beta, POSITIVE, "above 0")?;
        self.within("policy.min_std", policy.min_std, POSITIVE, "above 0")
    }

    fn optimizer(&self, optimizer: &OptimizerConfig) -> Result<(), ConfigError> {
        let rate = optimizer.learning_rate;
        self.within("optimizer.learning_rate", rate, POSITIVE, "above 0")?;
        if let Err(error) = optimizer.schedule.validate(rate) {
            return Err(ConfigError::WrongType {
                field: "optimizer.schedule".into(),
                origin: self.origins.of("optimizer.schedule"),
                message: error.to_string(),
            });
        }
        self.core("optimizer", optimizer.validate())
    }

    /// Passes on what `fpo-core` found when it checked `section`. The error names the file and the
    /// field, which `fpo-core` does not know.
    fn core(&self, section: &str, checked: fpo_core::Result<()>) -> Result<(), ConfigError> {
        match checked {
            Ok(()) => Ok(()),
            Err(fpo_core::Error::OutOfRange { field, value, allowed }) => {
                Err(self.out_of_range(&format!("{section}.{field}"), value, allowed))
            }
            Err(other) => Err(ConfigError::Combination {
                origin: self.origins.of(section),
                message: format!("`[{section}]`: {other}"),
            }),
        }
    }

    fn eval(&self, eval: &EvalConfig) -> Result<(), ConfigError> {
        self.whole("eval.count", eval.count, 0..=1_000_000)?;
        self.whole("eval.episodes", eval.episodes, 1..=MANY)
    }

    fn checkpoint(&self, checkpoint: &CheckpointConfig) -> Result<(), ConfigError> {
        let interval = checkpoint.interval_s;
        self.within("checkpoint.interval_s", interval, 0.0..=1e9, "0 to 1e9")?;
        self.whole("checkpoint.keep", checkpoint.keep, 1..=1_000_000)
    }

    fn layers(&self, field: &str, widths: &[usize]) -> Result<(), ConfigError> {
        let good = (1..=64).contains(&widths.len())
            && widths.iter().all(|width| (1..=SOME).contains(width));
        let allowed = "1 to 64 layers of 1 to 65536 units";
        if good { Ok(()) } else { Err(self.out_of_range(field, format!("{widths:?}"), allowed)) }
    }

    fn whole(
        &self,
        field: &str,
        value: usize,
        range: RangeInclusive<usize>,
    ) -> Result<(), ConfigError> {
        let allowed = format!("{} to {}", range.start(), range.end());
        self.within(field, value, range, &allowed)
    }

    fn within<T: PartialOrd + Display>(
        &self,
        field: &str,
        value: T,
        range: impl RangeBounds<T>,
        allowed: &str,
    ) -> Result<(), ConfigError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(self.out_of_range(field, value, allowed))
    }

    fn out_of_range(&self, field: &str, value: impl Display, allowed: &str) -> ConfigError {
        ConfigError::OutOfRange {
            field: field.into(),
            origin: self.origins.of(field),
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }
}
