//! The checks of a configuration that concern several values at once.

use fpo_core::{
    AdvantageNormalization, OptimizerKind, PolicySettings, RatioKind, Reduction, RewardScaling,
    SampleNoise, Source,
};

use crate::config::choices::OverlapChoice;
use crate::config::error::ConfigError;
use crate::config::resolved::Config;
use crate::config::validate::{Check, MANY};

/// Largest number of steps in one iteration. Steps are numbered with 32 bits inside it, and no
/// machine holds that many.
const MAX_STEPS_PER_ITERATION: u64 = 1 << 28;

impl Check<'_> {
    /// Fails with the first values that do not go together.
    pub(super) fn together(&self, config: &Config) -> Result<(), ConfigError> {
        let settings = PolicySettings {
            flow: config.policy.flow(1, 1),
            min_std: config.policy.min_std,
            denoising: config.algorithm.denoising(),
        };
        let source = (config.algorithm.kind.spec)(&settings).source;
        self.rollout_divides(config)?;
        self.advantages_differ(config)?;
        self.overlap_has_halves(config)?;
        self.samples_make_pairs(config, source)?;
        self.entropy_is_known(config, source)?;
        self.flow_learns(config, source)?;
        self.likelihoods_are_known(config, source)?;
        self.moments_follow(config)?;
        self.digest_is_of_a_policy(config)?;
        self.seeds_differ(config)
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

    /// Fails if advantages are normalised over minibatches of one step: each would be its own mean,
    /// so that nothing would be left of it.
    fn advantages_differ(&self, config: &Config) -> Result<(), ConfigError> {
        let steps = config.train.batch_size * config.train.unroll_length;
        let normalized = config.algorithm.objective.normalize_advantages;
        if steps > 1 || normalized != AdvantageNormalization::Minibatch {
            return Ok(());
        }
        let fields = ["train.batch_size", "train.unroll_length", "algorithm.normalize_advantages"];
        Err(ConfigError::Combination {
            origin: self.origins_of(&fields),
            message: "`train.batch_size` × `train.unroll_length` = 1 × 1 is one step a minibatch, \
                      and `algorithm.normalize_advantages` = `minibatch` leaves nothing of a \
                      single advantage, so that the policy would not learn; take more steps, or \
                      `none`"
                .into(),
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
    fn samples_make_pairs(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        let algorithm = &config.algorithm;
        let per_pair = algorithm.objective.ratio == RatioKind::PerPair;
        let antithetic = algorithm.sample_noise == SampleNoise::Antithetic;
        let odd = !algorithm.num_samples.is_multiple_of(2);
        let message = match source {
            Source::NoiseAndTime if (per_pair || antithetic) && odd => format!(
                "`algorithm.ratio` = `per_pair` and `algorithm.sample_noise` = `antithetic` need \
                 an even `algorithm.num_samples`, and it is {}",
                algorithm.num_samples
            ),
            Source::NoiseAndTime => return Ok(()),
            _ if per_pair => format!(
                "`algorithm.ratio` = `per_pair` needs Monte-Carlo samples, which \
                 `algorithm.kind` = `{}` does not have",
                algorithm.kind.name
            ),
            _ => return Ok(()),
        };
        let fields = ["algorithm.ratio", "algorithm.sample_noise", "algorithm.num_samples"];
        Err(ConfigError::Combination { origin: self.origins_of(&fields), message })
    }

    /// Fails if an entropy is to be rewarded that nothing tells: that of a chain, or of a flow
    /// whose losses are not in nats.
    fn entropy_is_known(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        let algorithm = &config.algorithm;
        let at_first = algorithm.objective.entropy_coefficient;
        let (field, coefficient) = match algorithm.entropy_coefficient_to {
            Some(to) if at_first == 0.0 => ("algorithm.entropy_coefficient_to", to),
            _ => ("algorithm.entropy_coefficient", at_first),
        };
        let in_nats = config.policy.loss_reduction == Reduction::Nats;
        let message = match source {
            _ if coefficient == 0.0 => return Ok(()),
            Source::NoiseAndTime if !in_nats => format!(
                "`{field}` = {coefficient} takes likelihoods from the losses \
                 of `algorithm.kind` = `{}`, which needs `policy.loss_reduction` = `nats`",
                algorithm.kind.name
            ),
            Source::Chain { .. } => format!(
                "`{field}` = {coefficient} has no meaning for \
                 `algorithm.kind` = `{}`, whose entropy is not known; only 0 is allowed",
                algorithm.kind.name
            ),
            _ => return Ok(()),
        };
        let fields = [field, "policy.loss_reduction", "algorithm.kind"];
        Err(ConfigError::Combination { origin: self.origins_of(&fields), message })
    }

    /// Fails if the scale of rewards is to move under an optimiser whose moments cannot.
    fn moments_follow(&self, config: &Config) -> Result<(), ConfigError> {
        let follows = config.algorithm.objective.reward_scaling == RewardScaling::Returns;
        if !follows || config.optimizer.kind == OptimizerKind::Adam {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["algorithm.reward_scaling", "optimizer.kind"]),
            message:
                "`algorithm.reward_scaling` = `returns` needs `optimizer.kind` = `adam`, whose \
                      moments follow the scale; `fixed` does not"
                    .into(),
        })
    }

    /// Fails if the learning rate is to follow likelihoods that the policy does not have.
    fn likelihoods_are_known(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        let needed = config.optimizer.schedule.needs_likelihoods();
        if !needed || !matches!(source, Source::Chain { .. }) {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["optimizer.schedule", "algorithm.kind"]),
            message: format!(
                "`optimizer.schedule` with `measure` = `likelihoods` or `larger` needs likelihoods \
                 of actions, which `algorithm.kind` = `{}` does not have; `ratios` does not",
                config.algorithm.kind.name
            ),
        })
    }

    /// Fails if a digest is given of no policy to start from.
    fn digest_is_of_a_policy(&self, config: &Config) -> Result<(), ConfigError> {
        if config.train.init.is_some() || config.train.init_sha256.is_none() {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["train.init_sha256", "train.init"]),
            message: "`train.init_sha256` needs `train.init`, the policy whose digest it is".into(),
        })
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

    /// Returns the files and overrides that wrote `fields`, each named once.
    pub(super) fn origins_of(&self, fields: &[&str]) -> String {
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
