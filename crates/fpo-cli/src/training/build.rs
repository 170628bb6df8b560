//! Builds what a configuration describes: environments, networks, learner.

use anyhow::Result;
use candle_core::{DType, Device};
use fpo_core::time::TrainingTimes;
use fpo_core::{
    AdamConfig, Compute, DenoisingMdp, Ema, EmaConfig, FlowConfig, FlowPolicy, GaussianConfig,
    GaussianPolicy, Guards, Learner, MinibatchSchedule, Noise, Normalizer, Objective,
    OptimizerConfig, Policy, Source, Stored, ValueNet,
};
use fpo_envs::{EnvSpec, VecEnv, VecEnvOptions};

use crate::config::choices::{AlgorithmKind, KernelChoice, TimesChoice};
use crate::config::resolved::Config;

/// The training environments.
pub fn envs(config: &Config) -> Result<Box<dyn VecEnv>> {
    let options = VecEnvOptions {
        num_envs: config.env.num_envs,
        seed: config.train.seed,
        auto_reset: config.env.auto_reset,
        starts: config.env.starts,
        episode_length: config.env.episode_length,
        action_repeat: config.env.action_repeat,
        stagger: config.env.stagger,
        ..VecEnvOptions::default()
    };
    Ok(fpo_envs::make(&config.env.task, &options)?)
}

/// The flow policy's description for a task.
pub fn flow_config(config: &Config, spec: &EnvSpec) -> FlowConfig {
    let policy = &config.policy;
    FlowConfig {
        obs_dim: spec.obs_dim,
        action_dim: spec.action_dim,
        hidden: policy.hidden.clone(),
        activation: policy.activation,
        path: policy.path,
        prediction: policy.prediction,
        output_mode: policy.output_mode,
        loss_reduction: policy.loss_reduction,
        output_scale: policy.output_scale,
        flow_steps: policy.flow_steps,
        time_embedding: policy.time_embedding,
        squash: policy.squash,
    }
}

/// How a rollout is cut into gradient steps.
pub fn schedule(config: &Config) -> MinibatchSchedule {
    MinibatchSchedule {
        unroll_length: config.train.unroll_length,
        batch_size: config.train.batch_size,
        num_minibatches: config.train.num_minibatches,
        num_epochs: config.train.num_epochs,
        max_divergence: config.algorithm.target_divergence,
    }
}

/// Which flow times the losses draw.
pub fn training_times(config: &Config) -> TrainingTimes {
    match config.policy.training_times {
        TimesChoice::Grid => TrainingTimes::Grid,
        TimesChoice::Uniform => TrainingTimes::Uniform,
        TimesChoice::Beta => TrainingTimes::Beta(config.policy.times_beta),
    }
}

/// Who computes on `device`.
pub fn compute(config: &Config, device: &Device) -> Compute {
    match config.train.kernels {
        KernelChoice::Auto => Compute::best(device, DType::F32),
        KernelChoice::Composed => Compute::Composed,
    }
}

/// Sizes of the policy's network: input, hidden layers, output.
pub fn policy_sizes(config: &Config, spec: &EnvSpec) -> Vec<usize> {
    match config.algorithm.kind {
        AlgorithmKind::Ppo => {
            [&[spec.obs_dim], &config.policy.hidden[..], &[2 * spec.action_dim]].concat()
        }
        _ => flow_config(config, spec).sizes(),
    }
}

/// Sizes of the value network.
pub fn value_sizes(config: &Config, spec: &EnvSpec) -> Vec<usize> {
    [&[spec.obs_dim], &config.value.hidden[..], &[1]].concat()
}

/// What the policy will store with an action ([`Policy::stored`]).
pub fn stored(config: &Config) -> Stored {
    let samples = config.algorithm.num_samples;
    match config.algorithm.kind {
        AlgorithmKind::Fpo | AlgorithmKind::FpoPlusPlus => {
            Stored { losses: samples, rows: samples, source: Source::NoiseAndTime }
        }
        AlgorithmKind::Dppo => {
            let losses = denoising(config).scored(config.policy.flow_steps);
            Stored { losses, rows: losses + 1, source: Source::Chain }
        }
        AlgorithmKind::Ppo => Stored { losses: 1, rows: 1, source: Source::Noise },
    }
}

fn denoising(config: &Config) -> DenoisingMdp {
    DenoisingMdp { sigma: config.algorithm.sigma, steps: config.algorithm.scored_steps }
}

/// The policy of the configured algorithm in its initial state.
pub fn policy(config: &Config, spec: &EnvSpec, noise: &Noise, device: &Device) -> Result<Policy> {
    let compute = compute(config, device);
    let flow = || -> Result<FlowPolicy> {
        let policy = FlowPolicy::new(flow_config(config, spec), noise, DType::F32, device)?;
        Ok(policy.with_compute(compute)?)
    };
    Ok(match config.algorithm.kind {
        AlgorithmKind::Fpo | AlgorithmKind::FpoPlusPlus => Policy::Flow(flow()?),
        AlgorithmKind::Dppo => Policy::Chain(flow()?, denoising(config)),
        AlgorithmKind::Ppo => {
            let gaussian = GaussianConfig {
                obs_dim: spec.obs_dim,
                action_dim: spec.action_dim,
                hidden: config.policy.hidden.clone(),
                activation: config.policy.activation,
                min_std: config.policy.min_std,
                squash: config.policy.squash,
            };
            let policy = GaussianPolicy::new(gaussian, noise, DType::F32, device)?;
            Policy::Gaussian(policy.with_compute(compute)?)
        }
    })
}

/// A learner in its initial state.
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
    let optimizer = &config.optimizer;
    let optimizer = OptimizerConfig {
        kind: optimizer.kind,
        adam: AdamConfig {
            learning_rate: optimizer.learning_rate,
            beta1: optimizer.beta1,
            beta2: optimizer.beta2,
            epsilon: optimizer.epsilon,
            weight_decay: optimizer.weight_decay,
        },
        max_grad_norm: optimizer.max_grad_norm,
    };
    let algorithm = &config.algorithm;
    let objective = Objective {
        surrogate: algorithm.surrogate,
        guards: Guards {
            loss_max: algorithm.loss_max,
            negative_advantage_loss_max: algorithm.negative_advantage_loss_max,
            log_ratio_max: algorithm.log_ratio_max,
        },
        truncation: algorithm.truncation,
        advantage_clamp: algorithm.advantage_clamp,
        entropy_coefficient: algorithm.entropy_coefficient,
        clip_epsilon: algorithm.clip_epsilon,
        ratio: algorithm.ratio,
        log_ratio_clamp: algorithm.log_ratio_clamp,
        gamma: algorithm.gamma,
        gae_lambda: algorithm.gae_lambda,
        advantage: algorithm.advantage,
        reward_scale: algorithm.reward_scale,
        value_coefficient: algorithm.value_coefficient,
        normalize_advantages: algorithm.normalize_advantages,
    };
    let mut learner = Learner::new(policy, value, normalizer, optimizer, objective)?;
    if let Some(decay) = algorithm.ema_decay {
        let ema = EmaConfig { decay, warmup_updates: algorithm.ema_warmup };
        learner.ema = Some(Ema::new(ema, learner.policy.params().flat())?);
    }
    Ok(learner)
}
