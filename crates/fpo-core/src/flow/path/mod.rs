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
//! `t` alone ([`Geometry::weight`]): the ε-MSE on the linear path is `(1−t)²` times the u-MSE.
//!
//! At `t = 1` noise says nothing of the action and at `t = 0` the action nothing of the noise:
//! where α or σ divides, it counts as at least 0.05. The action and the noise that `x_t` and a
//! prediction give no longer make up `x_t` then.

mod tensors;

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

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
pub struct Geometry {
    /// How noise is mixed into an action.
    pub path: Path,
    /// What the network's scaled output is.
    pub prediction: Quantity,
    /// What the loss compares.
    pub measure: Quantity,
}

/// What a regression at one flow time needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// α, the action's share of `x_t`.
    pub alpha: f64,
    /// σ, the noise's share.
    pub sigma: f64,
    /// The target is this times the action …
    pub of_action: f64,
    /// … plus this times the noise.
    pub of_noise: f64,
    /// An error of the prediction times this is the measured error.
    pub weight: f64,
}

impl Path {
    /// `(α, σ)` at `t`.
    pub fn shares(self, t: f64) -> (f64, f64) {
        match self {
            Path::Linear => (1.0 - t, t),
            Path::Cosine => ((FRAC_PI_2 * t).cos(), (FRAC_PI_2 * t).sin()),
        }
    }

    /// `(α′, σ′)` at `t`.
    pub fn rates(self, t: f64) -> (f64, f64) {
        match self {
            Path::Linear => (-1.0, 1.0),
            Path::Cosine => {
                let (alpha, sigma) = self.shares(t);
                (-FRAC_PI_2 * sigma, FRAC_PI_2 * alpha)
            }
        }
    }

    /// `D = α·σ′ − σ·α′`.
    pub fn determinant(self) -> f64 {
        match self {
            Path::Linear => 1.0,
            Path::Cosine => FRAC_PI_2,
        }
    }
}

impl Geometry {
    /// The target and the weight of the network's output at `t`.
    pub fn regression(self, t: f64) -> Regression {
        let (alpha, sigma) = self.path.shares(t);
        let (of_action, of_noise) = match self.prediction {
            Quantity::Velocity => self.path.rates(t),
            Quantity::Noise => (0.0, 1.0),
            Quantity::Data => (1.0, 0.0),
        };
        Regression { alpha, sigma, of_action, of_noise, weight: self.weight(t) }
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
        let ((alpha, sigma), (alpha_rate, sigma_rate)) = (self.path.shares(t), self.path.rates(t));
        let ((alpha_end, sigma_end), d) = (self.path.shares(end), self.path.determinant());
        match (self.prediction, self.path) {
            (Quantity::Velocity, Path::Linear) => (1.0, end - t),
            (Quantity::Velocity, Path::Cosine) => (
                (alpha_end * sigma_rate - sigma_end * alpha_rate) / d,
                (sigma_end * alpha - alpha_end * sigma) / d,
            ),
            (Quantity::Noise, _) => {
                let alpha = alpha.max(FLOOR);
                (alpha_end / alpha, sigma_end - alpha_end * sigma / alpha)
            }
            (Quantity::Data, _) => {
                let sigma = sigma.max(FLOOR);
                (sigma_end / sigma, alpha_end - sigma_end * alpha / sigma)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTITIES: [Quantity; 3] = [Quantity::Velocity, Quantity::Noise, Quantity::Data];
    const PATHS: [Path; 2] = [Path::Linear, Path::Cosine];
    /// An action and a noise, and times at which no divisor is raised.
    const PAIR: (f64, f64) = (0.7, -1.3);
    const TIMES: [f64; 4] = [0.05, 0.3, 0.5, 0.94];

    fn geometries() -> impl Iterator<Item = Geometry> {
        PATHS.into_iter().flat_map(|path| {
            QUANTITIES.into_iter().flat_map(move |prediction| {
                QUANTITIES.map(|measure| Geometry { path, prediction, measure }).into_iter()
            })
        })
    }

    /// `a`, `ε` and `v` at `t`, by their definitions.
    fn truth(path: Path, t: f64, of: Quantity) -> f64 {
        let h = 1e-6;
        let x = |t: f64| path.shares(t).0 * PAIR.0 + path.shares(t).1 * PAIR.1;
        match of {
            Quantity::Data => PAIR.0,
            Quantity::Noise => PAIR.1,
            Quantity::Velocity => (x(t + h) - x(t - h)) / (2.0 * h),
        }
    }

    #[test]
    fn targets_are_what_is_to_be_predicted_and_steps_stay_on_the_path() {
        for geometry in geometries() {
            for t in TIMES {
                let Regression { alpha, sigma, of_action, of_noise, .. } = geometry.regression(t);
                let target = of_action * PAIR.0 + of_noise * PAIR.1;
                let expected = truth(geometry.path, t, geometry.prediction);
                assert!((target - expected).abs() < 1e-8, "{geometry:?} at {t}: {target}");

                let x = alpha * PAIR.0 + sigma * PAIR.1;
                let (k, g) = geometry.velocity(t);
                let velocity = truth(geometry.path, t, Quantity::Velocity);
                assert!((k * x + g * target - velocity).abs() < 1e-8, "{geometry:?} at {t}");

                // With the right prediction one step of any length lands on the path.
                for end in [0.0, t / 3.0] {
                    let (k, g) = geometry.step(t, end);
                    let (alpha, sigma) = geometry.path.shares(end);
                    let expected = alpha * PAIR.0 + sigma * PAIR.1;
                    assert!((k * x + g * target - expected).abs() < 1e-8, "{geometry:?} at {t}");
                }
            }
        }
    }

    /// Where a divisor is raised there is no right prediction, but `velocity`, `step` and `weight`
    /// speak of the same action and noise.
    #[test]
    fn a_raised_divisor_means_the_same_everywhere() {
        let (x, predicted) = (0.9, 0.4);
        for geometry in geometries() {
            for t in [0.0, 0.02, 0.98, 1.0] {
                let ((alpha, sigma), rates) = (geometry.path.shares(t), geometry.path.rates(t));
                let seen = |predicted: f64| match geometry.prediction {
                    Quantity::Noise => ((x - sigma * predicted) / alpha.max(FLOOR), predicted),
                    _ => (predicted, (x - alpha * predicted) / sigma.max(FLOOR)),
                };
                if geometry.prediction == Quantity::Velocity {
                    continue;
                }
                let (action, noise) = seen(predicted);
                let (k, g) = geometry.velocity(t);
                let velocity = rates.0 * action + rates.1 * noise;
                assert!((k * x + g * predicted - velocity).abs() < 1e-12, "{geometry:?} at {t}");
                let end = t / 3.0;
                let (k, g) = geometry.step(t, end);
                let (alpha_end, sigma_end) = geometry.path.shares(end);
                let expected = alpha_end * action + sigma_end * noise;
                assert!((k * x + g * predicted - expected).abs() < 1e-12, "{geometry:?} at {t}");
                let (other_action, other_noise) = seen(predicted + 0.25);
                let error = match geometry.measure {
                    Quantity::Data => other_action - action,
                    Quantity::Noise => other_noise - noise,
                    Quantity::Velocity => {
                        rates.0 * (other_action - action) + rates.1 * (other_noise - noise)
                    }
                };
                assert!((error - 0.25 * geometry.weight(t)).abs() < 1e-12, "{geometry:?} at {t}");
            }
        }
    }

    /// A wrong prediction, turned into the measured quantity by the formulas of the path.
    #[test]
    fn the_weight_turns_an_error_of_the_prediction_into_the_measured_error() {
        for geometry in geometries() {
            for t in TIMES {
                let (alpha, sigma) = geometry.path.shares(t);
                let (alpha_rate, sigma_rate) = geometry.path.rates(t);
                let x = alpha * PAIR.0 + sigma * PAIR.1;
                let wrong = truth(geometry.path, t, geometry.prediction) + 0.25;
                let action = match geometry.prediction {
                    Quantity::Data => wrong,
                    Quantity::Noise => (x - sigma * wrong) / alpha,
                    Quantity::Velocity => {
                        (sigma_rate * x - sigma * wrong) / geometry.path.determinant()
                    }
                };
                let noise = (x - alpha * action) / sigma;
                let measured = match geometry.measure {
                    Quantity::Data => action,
                    Quantity::Noise => noise,
                    Quantity::Velocity => alpha_rate * action + sigma_rate * noise,
                };
                let error = measured - truth(geometry.path, t, geometry.measure);
                let expected = 0.25 * geometry.weight(t);
                assert!((error - expected).abs() < 1e-7, "{geometry:?} at {t}: {error} {expected}");
            }
        }
    }
}
