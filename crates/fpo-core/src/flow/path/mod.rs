//! The path from an action to noise, and how what a network predicts along it becomes a velocity.
//!
//! ```text
//! x_t = α(t)·a + σ(t)·ε,   v = dx_t/dt = α′·a + σ′·ε
//! linear (optimal transport):          α = 1 − t,        σ = t,          D = 1
//! cosine (variance preserving):        α = cos(πt/2),    σ = sin(πt/2),  D = π/2
//! ```
//!
//! with `D = α·σ′ − σ·α′`, a constant on both paths. Of `a`, `ε` and `v` any one gives, with `x_t`,
//! the other two:
//!
//! ```text
//! a = (σ′·x − σ·v)/D = (x − σ·ε)/α        ε = (α·v − α′·x)/D = (x − α·a)/σ
//! ```
//!
//! so an error in one is, at the same `x_t`, an error in another times a number that depends on
//! `t` alone ([`Parametrization::weight`]): the ε-MSE on the linear path is `(1−t)²` times the u-MSE.
//!
//! At `t = 1` noise says nothing of the action and at `t = 0` the action nothing of the noise:
//! where α or σ divides, it counts as at least 0.05. The action and the noise that `x_t` and a
//! prediction give no longer make up `x_t` then.

mod cosine;
mod interpolation;
mod linear;
mod tensors;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::flow::path::cosine::Cosine;
use crate::flow::path::interpolation::Interpolation;
use crate::flow::path::linear::Linear;

/// Least α or σ to divide by.
pub(crate) const FLOOR: f64 = 0.05;

/// How noise is mixed into an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Straight lines: optimal transport, flow matching.
    #[default]
    Linear,
    /// `α² + σ² = 1` on a quarter circle: the variance-preserving cosine path of diffusion.
    Cosine,
}

/// One of the three numbers that say the same at a given `x_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// `v`, the path's derivative.
    #[default]
    Velocity,
    /// `ε`.
    Noise,
    /// `a`, the action.
    Data,
}

/// A path, what the network predicts along it, and what its error is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parametrization {
    /// How noise is mixed into an action.
    pub path: Path,
    /// What the network's scaled output is.
    pub prediction: Quantity,
    /// What the loss compares.
    pub measure: Quantity,
}

/// What a regression at one flow time needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionTerms {
    /// α, the action's share of `x_t`.
    pub alpha: f64,
    /// σ, the noise's share.
    pub sigma: f64,
    /// The target is this times the action …
    pub action_share: f64,
    /// … plus this times the noise.
    pub noise_share: f64,
    /// An error of the prediction times this is the measured error.
    pub weight: f64,
}

impl Path {
    /// The formulas of the path: a new path is one file and one line here.
    fn formulas(self) -> &'static dyn Interpolation {
        match self {
            Path::Linear => &Linear,
            Path::Cosine => &Cosine,
        }
    }

    /// `(α, σ)` at `t`.
    pub fn shares(self, t: f64) -> (f64, f64) {
        self.formulas().shares(t)
    }

    /// `(α′, σ′)` at `t`.
    pub fn rates(self, t: f64) -> (f64, f64) {
        self.formulas().rates(t)
    }

    /// `D = α·σ′ − σ·α′`.
    pub fn determinant(self) -> f64 {
        self.formulas().determinant()
    }
}

impl Parametrization {
    /// The target and the weight of the network's output at `t`.
    pub fn regression(self, t: f64) -> RegressionTerms {
        let (alpha, sigma) = self.path.shares(t);
        let (action_share, noise_share) = match self.prediction {
            Quantity::Velocity => self.path.rates(t),
            Quantity::Noise => (0.0, 1.0),
            Quantity::Data => (1.0, 0.0),
        };
        RegressionTerms { alpha, sigma, action_share, noise_share, weight: self.weight(t) }
    }

    /// The factor from an error of the prediction to the measured error, at the same `x_t`.
    pub fn weight(self, t: f64) -> f64 {
        use Quantity::{Data, Noise, Velocity};
        let ((alpha, sigma), d) = (self.path.shares(t), self.path.determinant());
        match (self.prediction, self.measure) {
            (Velocity, Velocity) | (Noise, Noise) | (Data, Data) => 1.0,
            (Velocity, Noise) => alpha / d,
            (Velocity, Data) => -sigma / d,
            (Noise | Data, Velocity) => self.velocity(t).1,
            (Noise, Data) => -sigma / alpha.max(FLOOR),
            (Data, Noise) => -alpha / sigma.max(FLOOR),
        }
    }

    /// `(k, g)` such that the velocity at `x` and `t`, that of the action and the noise that `x` and
    /// the prediction give, is `k·x + g·prediction`.
    pub fn velocity(self, t: f64) -> (f64, f64) {
        let ((alpha, sigma), (alpha_rate, sigma_rate)) = (self.path.shares(t), self.path.rates(t));
        match self.prediction {
            Quantity::Velocity => (0.0, 1.0),
            Quantity::Noise => {
                let keep = alpha_rate / alpha.max(FLOOR);
                (keep, sigma_rate - keep * sigma)
            }
            Quantity::Data => {
                let keep = sigma_rate / sigma.max(FLOOR);
                (keep, alpha_rate - keep * alpha)
            }
        }
    }

    /// `(k, g)` such that a step from `t` to `end` that holds the action and the noise it sees,
    /// `x′ = α(end)·â + σ(end)·ε̂`, is `k·x + g·prediction`. On the linear path this is Euler's
    /// step, unless a divisor is raised; on the cosine path the step of deterministic diffusion
    /// samplers (DDIM).
    pub fn step(self, t: f64, end: f64) -> (f64, f64) {
        let ((alpha, sigma), (alpha_end, sigma_end)) = (self.path.shares(t), self.path.shares(end));
        match self.prediction {
            Quantity::Velocity => self.path.formulas().velocity_step(t, end),
            Quantity::Noise => {
                let alpha = alpha.max(FLOOR);
                (alpha_end / alpha, sigma_end - alpha_end * sigma / alpha)
            }
            Quantity::Data => {
                let sigma = sigma.max(FLOOR);
                (sigma_end / sigma, alpha_end - sigma_end * alpha / sigma)
            }
        }
    }
}
