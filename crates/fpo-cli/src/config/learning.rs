//! The sections of a configuration about learning: `[algorithm]`, `[policy]`, `[value]` and
//! `[optimizer]`. Every field states its unit, range, default and source.
//!
//! "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255.

use fpo_core::{
    Activation, AdamConfig, AdvantageKind, AdvantageNormalization, FlowConfig, FpoConfig,
    OptimizerKind, OutputMode, RatioKind, Squash, TrainingTimes,
};
use serde::{Deserialize, Serialize};

use super::choices::AlgorithmKind;

/// `[algorithm]`: the update.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct AlgorithmConfig {
    /// Which algorithm. Default `"fpo"`.
    pub kind: AlgorithmKind,
    /// Pairs of flow time and noise per action (the paper's N_mc). Range 1 to 65,536.
    /// Default 8 (paper).
    pub num_samples: usize,
    /// The ratio is clipped to `1 ± clip_epsilon`. Range above 0, below 1. Default 0.05 (paper).
    pub clip_epsilon: f64,
    /// One ratio per action or per sample. Default `"per_action"` (paper).
    pub ratio: RatioKind,
    /// The log ratio is clamped to `± log_ratio_clamp` before the exponential. Range above 0.
    /// Default: not set, no clamp; the official per-sample mode has 3.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_ratio_clamp: Option<f64>,
    /// Discount per step. Range 0 to 1. Default 0.995 (paper; it has 0.95 for BallInCup and
    /// FingerSpin).
    pub gamma: f64,
    /// λ of the advantage estimate. Range 0 to 1. Default 0.95 (official).
    pub gae_lambda: f64,
    /// Form of the advantage estimate. Default `"gae"`; the official code has `"vtrace"`.
    pub advantage: AdvantageKind,
    /// Rewards are multiplied by this for the value function only. Range above 0.
    /// Default 10 (official).
    pub reward_scale: f64,
    /// Weight of the value loss in the total loss. Range 0 and up. Default 0.25 (official).
    pub value_coefficient: f64,
    /// Over what advantages are normalised. Default `"minibatch"` (official).
    pub normalize_advantages: AdvantageNormalization,
}

impl Default for AlgorithmConfig {
    /// The objective's own defaults, with the paper's eight samples.
    fn default() -> Self {
        let objective = FpoConfig::default();
        Self {
            kind: AlgorithmKind::Fpo,
            num_samples: 8,
            clip_epsilon: objective.clip_epsilon,
            ratio: objective.ratio,
            log_ratio_clamp: objective.log_ratio_clamp,
            gamma: objective.gamma,
            gae_lambda: objective.gae_lambda,
            advantage: objective.advantage,
            reward_scale: objective.reward_scale,
            value_coefficient: objective.value_coefficient,
            normalize_advantages: objective.normalize_advantages,
        }
    }
}

/// `[policy]`: the flow policy's network and sampler.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Widths of the hidden layers, in units. 1 to 64 layers of 1 to 65,536 units.
    /// Default four of 32 (official).
    pub hidden: Vec<usize>,
    /// Nonlinearity. Default `"silu"` (official).
    pub activation: Activation,
    /// In what terms the losses are measured. Default `"noise"` (official).
    pub output_mode: OutputMode,
    /// The network's output is multiplied by this. Range above 0. Default 0.25 (official).
    pub output_scale: f64,
    /// Euler steps from noise to action. Range 1 to 1000. Default 10 (paper).
    pub flow_steps: usize,
    /// Inputs that encode the flow time: cosines and sines of `t · 2^k`. Even, range 2 to 64.
    /// Default 8 (official).
    pub time_embedding: usize,
    /// Where flow times of the losses are drawn. Default `"grid"` (official).
    pub training_times: TrainingTimes,
    /// What the environment receives. Default `"tanh"` (official).
    pub squash: Squash,
}

impl Default for PolicyConfig {
    /// The flow policy's own defaults, trained on the grid of its Euler steps.
    fn default() -> Self {
        let flow = FlowConfig::new(1, 1);
        Self {
            hidden: flow.hidden,
            activation: flow.activation,
            output_mode: flow.output_mode,
            output_scale: flow.output_scale,
            flow_steps: flow.flow_steps,
            time_embedding: flow.time_embedding,
            training_times: TrainingTimes::Grid,
            squash: flow.squash,
        }
    }
}

/// `[value]`: the value function's network.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct ValueConfig {
    /// Widths of the hidden layers, in units. 1 to 64 layers of 1 to 65,536 units.
    /// Default five of 256 (official).
    pub hidden: Vec<usize>,
    /// Nonlinearity. Default `"silu"` (official).
    pub activation: Activation,
}

impl Default for ValueConfig {
    fn default() -> Self {
        Self { hidden: vec![256; 5], activation: Activation::Silu }
    }
}

/// `[optimizer]`: one optimiser for both networks.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Which optimiser. Default `"adam"` (official).
    pub kind: OptimizerKind,
    /// Learning rate, constant over training. Range above 0. Default 3e-4 (paper).
    pub learning_rate: f64,
    /// Decay of the mean of gradients. Range 0 up to, without, 1. Default 0.9 (official).
    pub beta1: f64,
    /// Decay of the mean of squared gradients. Range 0 up to, without, 1.
    /// Default 0.999 (official).
    pub beta2: f64,
    /// Added to the root of the second moment. Range above 0. Default 1e-8 (official).
    pub epsilon: f64,
    /// Decoupled weight decay, per step, times the learning rate. Range 0 and up.
    /// Default 0 (official).
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm. Range above 0. Default: not set, no
    /// clipping (official).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f64>,
}

impl Default for OptimizerConfig {
    /// Adam's own defaults.
    fn default() -> Self {
        let adam = AdamConfig::default();
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: adam.learning_rate,
            beta1: adam.beta1,
            beta2: adam.beta2,
            epsilon: adam.epsilon,
            weight_decay: adam.weight_decay,
            max_grad_norm: None,
        }
    }
}
