//! Builds what a configuration describes: the environments, the networks and the learner.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use fpo_core::time::TrainingTimes;
use fpo_core::{
    Compute, EmaConfig, FlowConfig, Learner, MinibatchSchedule, Noise, Normalizer, Policy,
    PolicySettings, PolicySpec, SampleDraws, Sight, Source, ValueNet,
};
use fpo_envs::{EnvSpec, PartOf, VecEnv, VecEnvOptions};

use crate::config::choices::{KernelChoice, TimesChoice};
use crate::config::resolved::Config;

/// Builds the training environments.
///
/// # Errors
/// Those of [`fpo_envs::make`].
pub fn envs(config: &Config) -> Result<Box<dyn VecEnv>> {
    envs_of(config, 0..config.env.num_envs)
}

/// Builds those of the training environments whose numbers are in `share`.
///
/// # Errors
/// Those of [`fpo_envs::make`].
pub fn envs_of(config: &Config, share: Range<usize>) -> Result<Box<dyn VecEnv>> {
    let options = VecEnvOptions {
        num_envs: share.len(),
        part_of: Some(PartOf { first: share.start, total: config.env.num_envs }),
        seed: config.train.seed,
        auto_reset: config.env.auto_reset,
        starts: config.env.starts,
        episode_length: config.env.episode_length,
        action_repeat: config.env.action_repeat,
        stagger: config.env.stagger,
        ..VecEnvOptions::default()
    };
    fpo_envs::make(&config.env.task, &options).context("`env.task`")
}

/// Returns how a rollout is cut into gradient steps, in an iteration in which a unit of a log ratio
/// stands for `nats` nats.
pub fn schedule(config: &Config, nats: f64) -> MinibatchSchedule {
    MinibatchSchedule {
        unroll_length: config.train.unroll_length,
        batch_size: config.train.batch_size,
        num_minibatches: config.train.num_minibatches,
        num_epochs: config.train.num_epochs,
        max_divergence: config.algorithm.target_divergence.map(|bound| bound / nats.powi(2)),
    }
}

/// Returns how the Monte-Carlo pairs of the losses are drawn.
pub fn sample_draws(config: &Config) -> SampleDraws {
    let law = match config.policy.training_times {
        TimesChoice::Grid => TrainingTimes::Grid,
        TimesChoice::Uniform => TrainingTimes::Uniform,
        TimesChoice::Beta => TrainingTimes::Beta(config.policy.times_beta),
    };
    let (times, noise) = (config.algorithm.sample_times, config.algorithm.sample_noise);
    SampleDraws { law, times, noise }
}

/// Returns how many nats a unit of a log ratio stands for in an iteration, counted from 0: 1 for a
/// policy whose losses are negative log-likelihoods.
pub fn nats_per_loss(config: &Config, spec: &EnvSpec, iteration: u64) -> f64 {
    let source_std = config.policy.source_std_at(iteration, config.num_iterations());
    match policy_spec(config, spec).source {
        Source::NoiseAndTime => {
            let flow = policy_settings(config, spec).flow;
            FlowConfig { source_std, ..flow }.nats_per_loss()
        }
        Source::Noise | Source::Chain { .. } => 1.0,
    }
}

/// Returns which code computes on `device`.
pub fn compute(config: &Config, device: &Device) -> Compute {
    match config.train.kernels {
        KernelChoice::Auto => Compute::best(device, DType::F32),
        KernelChoice::Composed => Compute::Composed,
    }
}

/// Returns the layer sizes of the value network, input and output included.
pub fn value_sizes(config: &Config, spec: &EnvSpec) -> Vec<usize> {
    [&[spec.obs_dim], &config.value.hidden[..], &[1]].concat()
}

/// Returns the settings from which the policy of the configured algorithm is built.
pub fn policy_settings(config: &Config, spec: &EnvSpec) -> PolicySettings {
    PolicySettings {
        flow: config.policy.flow(spec.obs_dim, spec.action_dim),
        min_std: config.policy.min_std,
        denoising: config.algorithm.denoising(),
    }
}

/// Returns the description of that policy, which is known before it is built.
pub fn policy_spec(config: &Config, spec: &EnvSpec) -> PolicySpec {
    (config.algorithm.kind.spec)(&policy_settings(config, spec))
}

/// Builds the policy of the configured algorithm in its initial state.
///
/// # Errors
/// Those of the algorithm, for settings that it cannot use, and those of the tensor operations.
pub fn policy(
    config: &Config,
    spec: &EnvSpec,
    noise: &Noise,
    device: &Device,
) -> Result<Arc<dyn Policy>> {
    let settings = policy_settings(config, spec);
    Ok((config.algorithm.kind.build)(&settings, noise, DType::F32, device)?)
}

/// Builds a learner in its initial state.
///
/// # Errors
/// Those of [`policy`] and of [`Learner::new`], and [`fpo_core::Error::Invalid`] where the kernels
/// cannot take the networks.
pub fn learner(config: &Config, spec: &EnvSpec, noise: &Noise, device: &Device) -> Result<Learner> {
    let policy = policy(config, spec, noise, device)?;
    let value = ValueNet::new(
        spec.obs_dim,
        &config.value.hidden,
        config.value.activation,
        noise,
        DType::F32,
        device,
    )?;
    let normalizer = Normalizer::new(config.normalizer.kind, spec.obs_dim);
    let algorithm = &config.algorithm;
    let learner = Learner::new(policy, value, normalizer, config.optimizer, algorithm.objective)?;
    let hidden = |sight: Option<Sight>| match sight {
        Some(sight) => sight.hidden(spec.obs_dim),
        None => Ok(Vec::new()),
    };
    let (policy, critic) = (config.env.policy_sight(spec)?, config.env.critic_sight(spec)?);
    let learner = learner.with_hidden(hidden(policy)?, hidden(critic)?)?;
    let mut learner = learner.with_compute(compute(config, device))?;
    if let Some(surrogate) = algorithm.kind.surrogate {
        learner = learner.with_surrogate(surrogate(&algorithm.objective));
    }
    if let Some(decay) = algorithm.ema_decay {
        let ema = EmaConfig { decay, warmup_updates: algorithm.ema_warmup };
        learner = learner.with_averaged_weights(ema)?;
    }
    Ok(learner)
}
