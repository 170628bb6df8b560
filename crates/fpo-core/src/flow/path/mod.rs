//! The path from an action to noise, and how what a network predicts along it becomes a velocity.
//!
//! ```text
//! x_t = α(t)·a + σ(t)·ε,   v = dx_t/dt = α′·a + σ′·ε
//! linear (optimal transport):          α = 1 − t,        σ = t,          D = 1
//! cosine (variance preserving):        α = cos(πt/2),    σ = sin(πt/2),  D = π/2
//! ```
//!
//! with `D = α·σ′ − σ·α′`, a constant on both paths. Together with `x_t`, any one of `a`, `ε` and
//! `v` gives the other two:
//!
//! ```text
//! a = (σ′·x − σ·v)/D = (x − σ·ε)/α        ε = (α·v − α′·x)/D = (x − α·a)/σ
//! ```
//!
//! At the same `x_t`, an error in one is therefore an error in another times a number that depends
//! on `t` alone ([`Parametrization::weight`]): the ε-MSE on the linear path is `(1−t)²` times the
//! u-MSE.
//!
//! At `t = 1` the noise says nothing about the action, and at `t = 0` the action says nothing about
//! the noise. Where α or σ is a divisor, it is therefore raised to at least 0.05. The action and
//! the noise that `x_t` and a prediction give do not make up `x_t` any more then.

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

/// The least α or σ to divide by.
pub(crate) const FLOOR: f64 = 0.05;
/// Times over which [`Parametrization::nats`] takes a mean.
const NATS_POINTS: usize = 64;

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

/// One of three quantities, each of which determines the other two at a given `x_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// `v`, the path's derivative.
    #[default]
    Velocity,
    /// `ε`, the noise.
    Noise,
    /// `a`, the action.
    Data,
}

/// A path, the quantity that the network predicts along it, and the quantity in which its error is
/// measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parametrization {
    /// How noise is mixed into an action.
    pub path: Path,
    /// The quantity that the network's scaled output predicts.
    pub prediction: Quantity,
    /// The quantity that the loss compares.
    pub measure: Quantity,
}

/// The numbers that a regression at one flow time needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionTerms {
    /// α, the action's share of `x_t`.
    pub alpha: f64,
    /// σ, the noise's share.
    pub sigma: f64,
    /// Factor on the action in the target.
    pub action_share: f64,
    /// Factor on the noise in the target.
    pub noise_share: f64,
    /// Factor from an error of the prediction to the measured error.
    pub weight: f64,
}

/// Evaluates an expression with the formulas of a path: a new path is one file and one line here.
/// The kernels ask for these numbers row by row, so the choice is made without an indirect call.
macro_rules! with_formulas {
    ($path:expr, $formulas:ident => $result:expr) => {
        match ($path, &Linear, &Cosine) {
            (Path::Linear, $formulas, _) => $result,
            (Path::Cosine, _, $formulas) => $result,
        }
    };
}
use with_formulas;

impl Path {
    /// Returns `(α, σ)` at `t`.
    #[inline]
    pub fn shares(self, t: f64) -> (f64, f64) {
        with_formulas!(self, formulas => formulas.shares(t))
    }

    /// Returns `(α′, σ′)` at `t`.
    #[inline]
    pub fn rates(self, t: f64) -> (f64, f64) {
        with_formulas!(self, formulas => formulas.rates(t))
    }

    /// Returns `D = α·σ′ − σ·α′`.
    #[inline]
    pub fn determinant(self) -> f64 {
        with_formulas!(self, formulas => formulas.determinant())
    }
}

impl Parametrization {
    /// Returns the target and the weight of the network's output at `t`.
    #[inline]
    pub fn regression(self, t: f64) -> RegressionTerms {
        let (alpha, sigma) = self.path.shares(t);
        let (action_share, noise_share) = match self.prediction {
            Quantity::Velocity => self.path.rates(t),
            Quantity::Noise => (0.0, 1.0),
            Quantity::Data => (1.0, 0.0),
        };
        RegressionTerms { alpha, sigma, action_share, noise_share, weight: self.weight(t) }
    }

    /// Returns the factor from an error of the prediction to the measured error, at the same `x_t`.
    #[inline]
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

    /// Returns the factor that turns a sum of squared measured errors into nats, for a source of
    /// unit width:
    ///
    /// ```text
    /// ½ / mean over t of (∂ measured error / ∂ a)²
    /// ```
    ///
    /// A flow that only shifts its source by m errs by a multiple of `a − m` besides noise, so that
    /// with this factor the loss is `½·|a − m|²` and a constant: the negative log-likelihood of the
    /// actions that such a flow draws. Linear path: ½ for the u-MSE, 3/2 for the ε-MSE. The mean is
    /// over uniform times: where the derivative depends on the time, losses at times drawn from
    /// another law are in nats but for a factor.
    #[inline]
    pub fn nats(self) -> f64 {
        use Quantity::Velocity;
        let velocity = Parametrization { prediction: Velocity, ..self };
        // The midpoint rule is exact enough for what is at most a square of t.
        let share = |k: usize| {
            let t = (k as f64 + 0.5) / NATS_POINTS as f64;
            (velocity.weight(t) * self.path.rates(t).0).powi(2)
        };
        0.5 * NATS_POINTS as f64 / (0..NATS_POINTS).map(share).sum::<f64>()
    }

    /// Returns `(k, g)` such that `k·x + g·prediction` is the velocity at `x` and `t`: that of the
    /// action and the noise that `x` and the prediction give.
    #[inline]
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

    /// Returns `(k, g)` such that `k·x + g·prediction` is the step from `t` to `end`, `x′ =
    /// α(end)·â + σ(end)·ε̂`, which keeps the action and the noise that `x` and the prediction
    /// give. On the linear path this is Euler's step, unless a divisor is raised; on the cosine
    /// path it is the step of deterministic diffusion samplers (DDIM).
    #[inline]
    pub fn step(self, t: f64, end: f64) -> (f64, f64) {
        let ((alpha, sigma), (alpha_end, sigma_end)) = (self.path.shares(t), self.path.shares(end));
        match self.prediction {
            Quantity::Velocity => {
                with_formulas!(self.path, formulas => formulas.velocity_step(t, end))
            }
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
