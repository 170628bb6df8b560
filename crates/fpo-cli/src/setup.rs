//! Builds what a configuration describes: environments, networks, learner.

use anyhow::Result;
use candle_core::{DType, Device};
use fpo_core::{
    AdamConfig, Compute, FlowConfig, FlowPolicy, FpoConfig, Learner, MinibatchSchedule, Noise,
    Normalizer, OptimizerConfig, ValueNet,
};
use fpo_envs::{EnvSpec, VecEnv, VecEnvOptions};

use crate::config::{Config, KernelChoice};

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
        output_mode: policy.output_mode,
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
    }
}

/// A learner in its initial state.
pub fn learner(config: &Config, spec: &EnvSpec, noise: &Noise, device: &Device) -> Result<Learner> {
    let policy = FlowPolicy::new(flow_config(config, spec), noise, DType::F32, device)?;
    let policy = match config.train.kernels {
        KernelChoice::Auto => policy,
        KernelChoice::Composed => policy.with_compute(Compute::Composed)?,
    };
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
    let objective = FpoConfig {
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
    Ok(Learner::new(policy, value, normalizer, optimizer, objective)?)
}
