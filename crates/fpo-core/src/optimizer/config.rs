//! The settings of the optimiser.

use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::optimizer::adam_config::AdamConfig;
use crate::optimizer::rate_schedule::RateSchedule;

/// Which optimiser moves the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam, AdamW with weight decay; resumable exactly.
    #[default]
    Adam,
    /// Rectified Adam.
    Radam,
    /// Adam with Nesterov momentum.
    Nadam,
    /// Adam with the infinity norm.
    Adamax,
    /// RMSprop; β₂ is its smoothing constant.
    Rmsprop,
}

/// Whose gradients the bound `max_grad_norm` is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormScope {
    /// Those of both networks together, so that one network's large gradient shrinks the other's.
    #[default]
    All,
    /// Those of each network alone.
    Network,
}

/// One optimiser for both networks, as the section `[optimizer]` of a configuration spells it.
///
/// "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255;
/// "FPO++" is arXiv 2602.02481.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Which optimiser; all but Adam resume with a fresh state. Default `"adam"` (official).
    pub kind: OptimizerKind,
    /// Learning rate, at the start of training. Range above 0. Default 3e-4 (paper).
    pub learning_rate: f64,
    /// How the learning rate changes from iteration to iteration: `{ kind = "constant" }`,
    /// `{ kind = "linear", to = 0.0 }`, `{ kind = "exponential", decay = 1.5e-4, floor = 0.2 }` or
    /// `{ kind = "adaptive", target = 0.01 }`. Default constant (paper).
    pub schedule: RateSchedule,
    /// Decay of the mean of gradients. Range 0 up to, without, 1. Default 0.9 (official).
    pub beta1: f64,
    /// Decay of the mean of squared gradients. Range 0 up to, without, 1.
    /// Default 0.999 (official); `"fpo++"` has 0.95.
    pub beta2: f64,
    /// Added to the root of the second moment. Range above 0. Default 1e-8 (official).
    pub epsilon: f64,
    /// Decoupled weight decay, per step, times the learning rate. Range 0 and up, 0 with
    /// `"rmsprop"`. Default 0 (official); `"fpo++"` has 1e-4 where it can be.
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm. Range above 0. Default: not set, no
    /// clipping (official); `"fpo++"` has 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grad_norm: Option<f64>,
    /// Over which gradients that norm is taken: `"all"`, both networks' together, or `"network"`,
    /// each network's alone. Default `"all"` (official GridWorld).
    pub grad_norm_over: NormScope,
}

impl Default for OptimizerConfig {
    /// Returns Adam's own defaults.
    fn default() -> Self {
        let adam = AdamConfig::default();
        OptimizerConfig {
            kind: OptimizerKind::Adam,
            learning_rate: adam.learning_rate,
            schedule: RateSchedule::Constant,
            beta1: adam.beta1,
            beta2: adam.beta2,
            epsilon: adam.epsilon,
            weight_decay: adam.weight_decay,
            max_grad_norm: None,
            grad_norm_over: NormScope::All,
        }
    }
}

impl OptimizerKind {
    /// Returns whether its weight decay may be other than 0.
    pub fn takes_weight_decay(self) -> bool {
        self != OptimizerKind::Rmsprop
    }
}

impl OptimizerConfig {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let rate = self.learning_rate;
        require(rate > 0.0 && rate.is_finite(), "learning_rate", rate, "above 0")?;
        self.schedule.validate(rate)?;
        for (field, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            require((0.0..1.0).contains(&beta), field, beta, "0 up to, without, 1")?;
        }
        let epsilon = self.epsilon;
        require(epsilon > 0.0 && epsilon.is_finite(), "epsilon", epsilon, "above 0")?;
        let decay = self.weight_decay;
        require(decay >= 0.0 && decay.is_finite(), "weight_decay", decay, "0 and up")?;
        let takes = decay == 0.0 || self.kind.takes_weight_decay();
        require(takes, "weight_decay", decay, "0 with `optimizer.kind` = `rmsprop`")?;
        match self.max_grad_norm {
            Some(norm) => require(norm > 0.0 && norm.is_finite(), "max_grad_norm", norm, "above 0"),
            None => Ok(()),
        }
    }

    /// Returns the constants that Adam takes from the settings.
    pub(crate) fn adam(&self) -> AdamConfig {
        AdamConfig {
            learning_rate: self.learning_rate,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
        }
    }
}
