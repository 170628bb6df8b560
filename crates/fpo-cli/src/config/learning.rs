//! The sections of a configuration that describe the networks: `[policy]` and `[value]`. Every
//! field states its unit, range, default and source.
//!
//! "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255;
//! "FPO++" is arXiv 2602.02481.

use fpo_core::path::{Path, Quantity};
use fpo_core::{
    ActionFrame, Activation, FlowConfig, GaussianConfig, Reduction, SourceWidth, Squash, StepTimes,
};
use serde::{Deserialize, Serialize};

use crate::config::choices::TimesChoice;

/// `[policy]`: the policy's network and sampler. The fields from `path` to `times_beta` apply to
/// flows only (every `algorithm.kind` but `"ppo"`), and `min_std` applies to the Gaussian only.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Widths of the hidden layers, in units. Range 1 to 64 layers of 1 to 65,536 units.
    /// Default four of 32 (official).
    pub hidden: Vec<usize>,
    /// Nonlinearity of the hidden layers. Default `"silu"` (official).
    pub activation: Activation,
    /// How noise is mixed into an action: `"linear"` (optimal transport, flow matching) or
    /// `"cosine"` (variance preserving, diffusion). Default `"linear"` (paper).
    pub path: Path,
    /// What the network predicts: `"velocity"`, `"noise"` or `"data"`, the action. Predicted noise
    /// says little about the action near `t = 1`, where sampling starts, so that the other two
    /// learn better from scratch. Default `"velocity"` (official).
    pub prediction: Quantity,
    /// Which quantity the losses compare: `"noise"` (ε-MSE), `"velocity"` (u-MSE) or `"data"`.
    /// Default `"noise"` (official); `"fpo++"` has `"velocity"`.
    pub output_mode: Quantity,
    /// How a loss combines the action dimensions: `"mean"`, `"sum"`, `"sqrt"`, the sum divided by
    /// the root of their number, or `"nats"`, the sum in units in which a log ratio means the same
    /// for every loss and number of dimensions as PPO's. The paper's clip ranges are meant for the
    /// mean. Default `"mean"` (official); `"fpo++"` has `"sqrt"` (FPO++ for locomotion).
    pub loss_reduction: Reduction,
    /// Standard deviation of the noise that a flow starts from, before squashing; where it or the
    /// frame is learned, the initial one. Range 1e-6 to 1e6. Default 1 (paper).
    pub source_std: f64,
    /// That standard deviation in the last iteration, which it reaches by equal factors, one for
    /// each iteration. A width that is learned is in units of it. Range 1e-6 to 1e6. Default: not
    /// set, it stays (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_std_to: Option<f64>,
    /// Whether that width is `"fixed"`, or `"learned"`, one number for each action dimension, which
    /// needs `loss_reduction` = `"nats"`, `path` = `"linear"` and `prediction` = `"velocity"`. For
    /// `"fpo"` and `"fpo++"`. Default `"fixed"` (paper).
    pub source_width: SourceWidth,
    /// Whether a flow yields actions (`"fixed"`), or what they are in units of a width about a
    /// centre, both of which a network with `hidden` layers learns for each state (`"per_state"`):
    /// then its source is a Gaussian policy, which it bends. Needs `source_width` = `"fixed"`,
    /// `loss_reduction` = `"nats"`, `path` = `"linear"` and `prediction` = `"velocity"`. For
    /// `"fpo"` and `"fpo++"`. Default `"fixed"` (paper).
    pub frame: ActionFrame,
    /// The network's output is multiplied by this. Range 1e-6 to 1e6. Default 0.25 (official).
    pub output_scale: f64,
    /// Euler steps from noise to action. Range 1 to 1000. Default 10 (paper).
    pub flow_steps: usize,
    /// The time of each step at which the network is asked: its `"start"`, or its `"middle"`, which
    /// keeps the spread of actions better and needs `path` = `"linear"` and `prediction` =
    /// `"velocity"`. For `"fpo"` and `"fpo++"`. Default `"start"` (paper).
    pub step_times: StepTimes,
    /// Inputs that encode the flow time: cosines and sines of `t · 2^k`. Range even, 2 to 64.
    /// Default 8 (official).
    pub time_embedding: usize,
    /// Which flow times the losses draw: `"grid"`, the starts of the sampler's steps, `"uniform"`,
    /// or `"beta"`, Beta(1, `times_beta`) within [0.005, 0.995]. Default `"grid"` (official);
    /// `"fpo++"` has `"beta"`.
    pub training_times: TimesChoice,
    /// β of `training_times` = `"beta"`: above 1 prefers times near the action. Range above 0.
    /// Default 1 (FPO++).
    pub times_beta: f64,
    /// Least standard deviation of the Gaussian policy, before squashing. Range above 0. Default
    /// 1e-3 (official).
    pub min_std: f64,
    /// How an action becomes what the environment receives. Default `"tanh"` (official).
    pub squash: Squash,
}

impl Default for PolicyConfig {
    /// Returns the flow policy's own defaults, trained on the grid of its Euler steps.
    fn default() -> Self {
        let flow = FlowConfig::new(1, 1);
        Self {
            hidden: flow.hidden,
            activation: flow.activation,
            path: flow.path,
            prediction: flow.prediction,
            output_mode: flow.output_mode,
            loss_reduction: flow.loss_reduction,
            source_std: flow.source_std,
            source_std_to: None,
            source_width: flow.source_width,
            frame: flow.frame,
            output_scale: flow.output_scale,
            flow_steps: flow.flow_steps,
            step_times: flow.step_times,
            time_embedding: flow.time_embedding,
            training_times: TimesChoice::Grid,
            times_beta: 1.0,
            min_std: GaussianConfig::new(1, 1).min_std,
            squash: flow.squash,
        }
    }
}

impl PolicyConfig {
    /// Returns the standard deviation of a flow's noise in an iteration, counted from 0, out of all
    /// iterations.
    pub fn source_std_at(&self, iteration: u64, num_iterations: u64) -> f64 {
        let last = num_iterations.saturating_sub(1);
        match self.source_std_to {
            Some(to) if iteration >= last && last > 0 => to,
            Some(to) => {
                let progress = iteration as f64 / last.max(1) as f64;
                self.source_std * (to / self.source_std).powf(progress)
            }
            None => self.source_std,
        }
    }

    /// Returns the definition of a flow with these settings, for a task with observations and
    /// actions of the given lengths.
    pub fn flow(&self, obs_dim: usize, action_dim: usize) -> FlowConfig {
        FlowConfig {
            obs_dim,
            action_dim,
            hidden: self.hidden.clone(),
            activation: self.activation,
            path: self.path,
            prediction: self.prediction,
            output_mode: self.output_mode,
            loss_reduction: self.loss_reduction,
            source_std: self.source_std,
            source_width: self.source_width,
            frame: self.frame,
            output_scale: self.output_scale,
            flow_steps: self.flow_steps,
            step_times: self.step_times,
            time_embedding: self.time_embedding,
            squash: self.squash,
        }
    }
}

/// `[value]`: the value function's network.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct ValueConfig {
    /// Widths of the hidden layers, in units. Range 1 to 64 layers of 1 to 65,536 units.
    /// Default five of 256 (official).
    pub hidden: Vec<usize>,
    /// Nonlinearity of the hidden layers. Default `"silu"` (official).
    pub activation: Activation,
}

impl Default for ValueConfig {
    fn default() -> Self {
        Self { hidden: vec![256; 5], activation: Activation::Silu }
    }
}
