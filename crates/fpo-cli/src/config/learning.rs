//! The sections of a configuration about networks: `[policy]`, `[value]` and `[optimizer]`. Every
//! field states its unit, range, default and source.
//!
//! "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255;
//! "FPO++" is arXiv 2602.02481.

use fpo_core::path::{Path, Quantity};

use fpo_core::{
    Activation, AdamConfig, FlowConfig, GaussianConfig, OptimizerKind, RateSchedule, Reduction,
    Squash,
};
use serde::{Deserialize, Serialize};

use crate::config::choices::TimesChoice;

/// `[policy]`: the policy's network and sampler. `path` to `times_beta` are of flows only (all but
/// `algorithm.kind` = `"ppo"`), `min_std` of the Gaussian only.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Widths of the hidden layers, in units. 1 to 64 layers of 1 to 65,536 units.
    /// Default four of 32 (official).
    pub hidden: Vec<usize>,
    /// Nonlinearity. Default `"silu"` (official).
    pub activation: Activation,
    /// How noise is mixed into an action: `"linear"` (optimal transport, flow matching) or
    /// `"cosine"` (variance preserving, diffusion). Default `"linear"` (paper).
    pub path: Path,
    /// What the network predicts: `"velocity"`, `"noise"` or `"data"`, the action. Predicted noise
    /// says little of the action near `t = 1`, where sampling starts: the others learn better from
    /// nothing. Default `"velocity"` (official).
    pub prediction: Quantity,
    /// In what terms the losses are measured: `"noise"` (ε-MSE), `"velocity"` (u-MSE) or `"data"`.
    /// Default `"noise"` (official); `"fpo++"` has `"velocity"`.
    pub output_mode: Quantity,
    /// How losses treat action dimensions: `"mean"`, `"sum"`, or `"sqrt"`, the sum over the root of
    /// their number. Clip ranges of the paper go with the mean. Default `"mean"` (official);
    /// `"fpo++"` has `"sqrt"` (FPO++ for locomotion).
    pub loss_reduction: Reduction,
    /// The network's output is multiplied by this. Range above 0. Default 0.25 (official).
    pub output_scale: f64,
    /// Euler steps from noise to action. Range 1 to 1000. Default 10 (paper).
    pub flow_steps: usize,
    /// Inputs that encode the flow time: cosines and sines of `t · 2^k`. Even, range 2 to 64.
    /// Default 8 (official).
    pub time_embedding: usize,
    /// Where flow times of the losses are drawn: `"grid"`, the starts of the sampler's steps,
    /// `"uniform"`, or `"beta"`, Beta(1, `times_beta`) within [0.005, 0.995]. Default `"grid"`
    /// (official); `"fpo++"` has `"beta"`.
    pub training_times: TimesChoice,
    /// β of `training_times` = `"beta"`: above 1 prefers times near the action. Range above 0.
    /// Default 1 (FPO++).
    pub times_beta: f64,
    /// Least standard deviation of the Gaussian policy, before squashing. Range above 0. Default
    /// 1e-3 (official).
    pub min_std: f64,
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
            path: flow.path,
            prediction: flow.prediction,
            output_mode: flow.output_mode,
            loss_reduction: flow.loss_reduction,
            output_scale: flow.output_scale,
            flow_steps: flow.flow_steps,
            time_embedding: flow.time_embedding,
            training_times: TimesChoice::Grid,
            times_beta: 1.0,
            min_std: GaussianConfig::new(1, 1).min_std,
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
    /// Learning rate, at the start of training. Range above 0. Default 3e-4 (paper).
    pub learning_rate: f64,
    /// How it changes from iteration to iteration: `{ kind = "constant" }`,
    /// `{ kind = "linear", to = 0.0 }` (a fraction of the rate at the end),
    /// `{ kind = "exponential", decay = 1.5e-4, floor = 0.2 }`, or
    /// `{ kind = "adaptive", target = 0.01 }` (`train/divergence` of an iteration, in nats; also
    /// `factor`, `min` and `max`). Default constant (paper).
    pub schedule: RateSchedule,
    /// Decay of the mean of gradients. Range 0 up to, without, 1. Default 0.9 (official).
    pub beta1: f64,
    /// Decay of the mean of squared gradients. Range 0 up to, without, 1.
    /// Default 0.999 (official).
    pub beta2: f64,
    /// Added to the root of the second moment. Range above 0. Default 1e-8 (official).
    pub epsilon: f64,
    /// Decoupled weight decay, per step, times the learning rate. Range 0 and up; 0 with
    /// `"rmsprop"`. Default 0 (official); `"fpo++"` has 1e-4 where it can be.
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm. Range above 0. Default: not set, no
    /// clipping (official).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f64>,
}

/// Whether `weight_decay` may be other than 0.
pub(crate) fn takes_weight_decay(optimizer: OptimizerKind) -> bool {
    optimizer != OptimizerKind::Rmsprop
}

impl Default for OptimizerConfig {
    /// Adam's own defaults.
    fn default() -> Self {
        let adam = AdamConfig::default();
        Self {
            kind: OptimizerKind::Adam,
            learning_rate: adam.learning_rate,
            schedule: RateSchedule::Constant,
            beta1: adam.beta1,
            beta2: adam.beta2,
            epsilon: adam.epsilon,
            weight_decay: adam.weight_decay,
            max_grad_norm: None,
        }
    }
}
