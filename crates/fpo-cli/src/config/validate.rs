//! Checks the values of a typed configuration: first each against its range, then all together.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds, RangeInclusive};

use fpo_core::{OptimizerConfig, PolicySettings, RatioKind, SampleNoise, Source};

use crate::config::algorithm::AlgorithmConfig;
use crate::config::choices::OverlapChoice;
use crate::config::error::ConfigError;
use crate::config::layers::Origins;
use crate::config::learning::PolicyConfig;
use crate::config::resolved::Config;
use crate::config::sections::{CheckpointConfig, EnvConfig, EvalConfig, TrainConfig};

/// Largest number of environments, unrolls in a minibatch, or episodes of an evaluation.
const MANY: usize = 1 << 20;
/// Largest length or repetition count, and width of a layer.
const SOME: usize = 1 << 16;
/// Largest number of steps in one iteration. Steps are numbered with 32 bits inside it, and no
/// machine holds that many.
const MAX_STEPS_PER_ITERATION: u64 = 1 << 28;
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
    check.rollout_divides(config)?;
    check.overlap_has_halves(config)?;
    check.samples_make_pairs(config)?;
    check.seeds_differ(config)
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
        self.whole("train.num_epochs", train.num_epochs, 1..=SOME)
    }

    fn algorithm(&self, algorithm: &AlgorithmConfig) -> Result<(), ConfigError> {
        self.whole("algorithm.num_samples", algorithm.num_samples, 1..=SOME)?;
        self.core("algorithm", algorithm.objective.validate())?;
        self.core("algorithm", algorithm.denoising().validate())?;
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
        self.core("policy", policy.flow(1, 1).validate())?;
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

    /// Fails unless `num_envs` divides the number of unrolls of a rollout, because every
    /// environment gives equally many whole unrolls.
    fn rollout_divides(&self, config: &Config) -> Result<(), ConfigError> {
        let steps = config.steps_per_iteration();
        if steps > MAX_STEPS_PER_ITERATION {
            let fields = ["train.batch_size", "train.num_minibatches", "train.unroll_length"];
            return Err(ConfigError::Combination {
                origin: self.origins_of(&fields),
                message: format!(
                    "`train.batch_size` × `train.num_minibatches` × `train.unroll_length` are \
                     {steps} steps an iteration; at most {MAX_STEPS_PER_ITERATION} are possible"
                ),
            });
        }
        let num_envs = config.env.num_envs;
        let unrolls = config.train.batch_size * config.train.num_minibatches;
        if unrolls.is_multiple_of(num_envs) {
            return Ok(());
        }
        let divides = |envs: &usize| unrolls.is_multiple_of(*envs);
        let below = (1..num_envs).rev().find(divides).map(|envs| envs.to_string());
        let above = (num_envs..=unrolls.min(MANY)).find(divides).map(|envs| envs.to_string());
        let would_do: Vec<String> = below.into_iter().chain(above).collect();
        let fields = ["env.num_envs", "train.batch_size", "train.num_minibatches"];
        Err(ConfigError::Combination {
            origin: self.origins_of(&fields),
            message: format!(
                "`env.num_envs` = {num_envs} must divide `train.batch_size` × \
                 `train.num_minibatches` = {} × {} = {unrolls}, so that each environment gives \
                 whole unrolls; nearest values of `env.num_envs` that would do: {}",
                config.train.batch_size,
                config.train.num_minibatches,
                would_do.join(" or "),
            ),
        })
    }

    /// Fails if halves of the environments are to overlap and there is only one environment.
    fn overlap_has_halves(&self, config: &Config) -> Result<(), ConfigError> {
        if config.train.overlap != OverlapChoice::On || config.env.num_envs > 1 {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["train.overlap", "env.num_envs"]),
            message: "`train.overlap` = `on` needs `env.num_envs` of at least 2, one for each \
                      half, and it is 1; `auto` and `off` do not"
                .into(),
        })
    }

    /// Fails if samples are to make pairs and cannot: their number is odd, or the policy has none.
    fn samples_make_pairs(&self, config: &Config) -> Result<(), ConfigError> {
        let algorithm = &config.algorithm;
        let per_pair = algorithm.objective.ratio == RatioKind::PerPair;
        let antithetic = algorithm.sample_noise == SampleNoise::Antithetic;
        let settings = PolicySettings {
            flow: config.policy.flow(1, 1),
            min_std: config.policy.min_std,
            denoising: algorithm.denoising(),
        };
        let has_samples = (algorithm.kind.spec)(&settings).source == Source::NoiseAndTime;
        let message = match has_samples {
            true if (per_pair || antithetic) && !algorithm.num_samples.is_multiple_of(2) => {
                format!(
                    "`algorithm.ratio` = `per_pair` and `algorithm.sample_noise` = `antithetic` \
                     need an even `algorithm.num_samples`, and it is {}",
                    algorithm.num_samples
                )
            }
            false if per_pair => format!(
                "`algorithm.ratio` = `per_pair` needs Monte-Carlo samples, which \
                 `algorithm.kind` = `{}` does not have",
                algorithm.kind.name
            ),
            _ => return Ok(()),
        };
        let fields = ["algorithm.ratio", "algorithm.sample_noise", "algorithm.num_samples"];
        Err(ConfigError::Combination { origin: self.origins_of(&fields), message })
    }

    /// Fails if both seeds are equal, because an evaluation on training's own random numbers would
    /// measure what was trained on.
    fn seeds_differ(&self, config: &Config) -> Result<(), ConfigError> {
        if config.eval.seed != config.train.seed {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["train.seed", "eval.seed"]),
            message: format!(
                "`train.seed` and `eval.seed` are both {}; evaluation needs a seed of its own",
                config.eval.seed
            ),
        })
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

    /// Returns the files and overrides that wrote `fields`, each named once.
    fn origins_of(&self, fields: &[&str]) -> String {
        let mut origins: Vec<String> = Vec::new();
        for field in fields {
            let origin = self.origins.of(field);
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins.join(", ")
    }
}
