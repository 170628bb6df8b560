//! Everything that defines a flow policy except its weights: sizes, path, and what is predicted and
//! measured.
//!
//! The defaults are the paper's; the names are those of the configuration and of exported policies.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, require};
use crate::flow::frame::{ActionFrame, FRAME_NETWORK};
use crate::flow::path::{Parametrization, Path, Quantity};
use crate::flow::source::{LOG_SCALE, SourceWidth};
use crate::flow::steps::{FlowStep, StepTimes, steps};
use crate::nn::mlp::{Activation, Mlp, count_parameters, validate_dim, validate_hidden};

/// How squared errors over action dimensions become one loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their mean, as in the official code; the paper's clip ranges go with it.
    #[default]
    Mean,
    /// Their sum, as the paper writes it.
    Sum,
    /// Their sum over the root of the number of dimensions (FPO++ for locomotion).
    Sqrt,
    /// Their sum in units in which a log ratio is one of likelihoods, whatever the loss measures
    /// and however many dimensions there are ([`Parametrization::nats`]).
    Nats,
}

/// How a stored action becomes what the environment receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Squash {
    /// `tanh(action)`, for environments with controls in [−1, 1].
    #[default]
    Tanh,
    /// The action itself, which the environment clips.
    None,
}

impl Squash {
    /// Applies the squashing in place.
    pub fn apply(self, actions: &mut [f32]) {
        if self == Squash::Tanh {
            actions.iter_mut().for_each(|a| *a = a.tanh());
        }
    }
}

/// Everything that defines a flow policy except its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowConfig {
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub action_dim: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Non-linearity of the hidden layers.
    pub activation: Activation,
    /// How noise is mixed into an action.
    #[serde(default)]
    pub path: Path,
    /// What the network's scaled output predicts.
    #[serde(default)]
    pub prediction: Quantity,
    /// What the CFM loss measures: ε-MSE (the paper's best), u-MSE or the error of the action.
    pub output_mode: Quantity,
    /// How the CFM loss treats action dimensions.
    #[serde(default)]
    pub loss_reduction: Reduction,
    /// Standard deviation of the noise that actions start from; where it or the frame is learned,
    /// the initial one. In the units of an action before squashing.
    #[serde(default = "unit", skip_serializing_if = "is_unit")]
    pub source_std: f64,
    /// Whether that width is learned.
    #[serde(default, skip_serializing_if = "SourceWidth::is_fixed")]
    pub source_width: SourceWidth,
    /// Whether the flow acts in a frame that is learned for each state.
    #[serde(default, skip_serializing_if = "ActionFrame::is_fixed")]
    pub frame: ActionFrame,
    /// Factor on the network's output.
    pub output_scale: f64,
    /// Euler steps of the sampler.
    pub flow_steps: usize,
    /// The time of each step at which the network is asked.
    #[serde(default, skip_serializing_if = "StepTimes::is_start")]
    pub step_times: StepTimes,
    /// Length of the time embedding, even.
    pub time_embedding: usize,
    /// How actions reach the environment.
    pub squash: Squash,
}

fn unit() -> f64 {
    1.0
}

fn is_unit(std: &f64) -> bool {
    *std == 1.0
}

impl FlowConfig {
    /// Returns the paper's Playground policy: 4 × 32 SiLU, output scale 0.25, 10 Euler steps,
    /// ε-MSE.
    pub fn new(obs_dim: usize, action_dim: usize) -> FlowConfig {
        FlowConfig {
            obs_dim,
            action_dim,
            hidden: vec![32; 4],
            activation: Activation::Silu,
            path: Path::Linear,
            prediction: Quantity::Velocity,
            output_mode: Quantity::Noise,
            loss_reduction: Reduction::Mean,
            source_std: 1.0,
            source_width: SourceWidth::Fixed,
            frame: ActionFrame::Fixed,
            output_scale: 0.25,
            flow_steps: 10,
            step_times: StepTimes::Start,
            time_embedding: 8,
            squash: Squash::Tanh,
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let FlowConfig { obs_dim, action_dim, flow_steps, time_embedding, .. } = *self;
        validate_dim("obs_dim", obs_dim)?;
        validate_dim("action_dim", action_dim)?;
        require((1..=1000).contains(&flow_steps), "flow_steps", flow_steps, "1 to 1000")?;
        let even = (2..=64).contains(&time_embedding) && time_embedding.is_multiple_of(2);
        require(even, "time_embedding", time_embedding, "even, 2 to 64")?;
        let scale = self.output_scale;
        require((1e-6..=1e6).contains(&scale), "output_scale", scale, "1e-6 to 1e6")?;
        let std = self.source_std;
        require((1e-6..=1e6).contains(&std), "source_std", std, "1e-6 to 1e6")?;
        let straight = self.path == Path::Linear && self.prediction == Quantity::Velocity;
        if !self.step_times.is_start() && !straight {
            let needs = "`step_times` = `middle` needs `path` = `linear` and `prediction` = \
                         `velocity`, of which a step is the velocity times its length";
            return Err(Error::Invalid(needs.into()));
        }
        let in_nats = self.loss_reduction == Reduction::Nats && straight;
        if !self.source_width.is_fixed() && !in_nats {
            let needs = "a learned `source_width` needs `loss_reduction` = `nats`, `path` = \
                         `linear` and `prediction` = `velocity`, with which the loss is one of a \
                         likelihood";
            return Err(Error::Invalid(needs.into()));
        }
        let can_be_framed = in_nats && self.source_width.is_fixed();
        if self.frame == ActionFrame::PerState && !can_be_framed {
            let needs = "`frame` = `per_state` needs `source_width` = `fixed`, `loss_reduction` = \
                         `nats`, `path` = `linear` and `prediction` = `velocity`, with which the \
                         loss is one of a likelihood";
            return Err(Error::Invalid(needs.into()));
        }
        validate_hidden(&self.hidden)
    }

    /// Returns the factor on the sum of squared errors over action dimensions.
    #[inline]
    pub fn loss_factor(&self) -> f64 {
        let dim = self.action_dim as f64;
        match self.loss_reduction {
            Reduction::Mean => 1.0 / dim,
            Reduction::Sum => 1.0,
            Reduction::Sqrt => 1.0 / dim.sqrt(),
            Reduction::Nats => self.parametrization().nats() / self.flow_std().powi(2),
        }
    }

    /// Returns the standard deviation of the noise of a source that is not learned, in the units in
    /// which the flow moves: `source_std`, but 1 in a frame, whose width starts at `source_std`.
    pub(crate) fn flow_std(&self) -> f64 {
        match self.frame {
            ActionFrame::Fixed => self.source_std,
            ActionFrame::PerState => 1.0,
        }
    }

    /// Returns how many nats a unit of this loss stands for ([`Reduction::Nats`]).
    pub fn nats_per_loss(&self) -> f64 {
        let in_nats = FlowConfig { loss_reduction: Reduction::Nats, ..self.clone() };
        in_nats.loss_factor() / self.loss_factor()
    }

    /// Returns the path, what is predicted along it, and what the loss measures.
    #[inline]
    pub fn parametrization(&self) -> Parametrization {
        let FlowConfig { path, prediction, output_mode: measure, .. } = *self;
        Parametrization { path, prediction, measure }
    }

    /// Returns the steps of the flow's own sampler, from noise to action.
    pub(crate) fn steps(&self) -> Vec<FlowStep> {
        steps(self.parametrization(), self.flow_steps, self.step_times)
    }

    /// Returns the sizes of the network: input, hidden layers, output.
    pub fn sizes(&self) -> Vec<usize> {
        let input = self.obs_dim + self.action_dim + self.time_embedding;
        [&[input], &self.hidden[..], &[self.action_dim]].concat()
    }

    /// Returns the network; its layout ends with the parameters of the source or of the frame, if
    /// it has any.
    ///
    /// # Errors
    /// Those of [`FlowConfig::validate`].
    pub(crate) fn mlp(&self) -> Result<Mlp> {
        self.validate()?;
        let mlp = Mlp::new("policy", &self.sizes(), self.activation);
        Ok(match (self.source_width, self.frame) {
            (SourceWidth::Learned, _) => mlp.followed_by(LOG_SCALE, &[self.action_dim]),
            (_, ActionFrame::PerState) => mlp.followed_by_network(&self.frame_mlp()),
            _ => mlp,
        })
    }

    /// Returns the number of parameters of that network, what ends its layout included.
    pub(crate) fn parameters(&self) -> usize {
        count_parameters(&self.sizes())
            + match (self.source_width, self.frame) {
                (SourceWidth::Learned, _) => self.action_dim,
                (_, ActionFrame::PerState) => count_parameters(&self.frame_sizes()),
                _ => 0,
            }
    }

    /// Returns the sizes of the network of frames, whose outputs are h, of which θ is made, and
    /// then μ.
    pub(crate) fn frame_sizes(&self) -> Vec<usize> {
        [&[self.obs_dim], &self.hidden[..], &[2 * self.action_dim]].concat()
    }

    /// Returns the network of frames.
    pub(crate) fn frame_mlp(&self) -> Mlp {
        Mlp::new(FRAME_NETWORK, &self.frame_sizes(), self.activation)
    }
}
