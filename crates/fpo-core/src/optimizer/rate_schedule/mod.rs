//! Learning rates over a run: constant, falling with its progress, or following the divergence.
//!
//! Let `r` be the base rate, `i` the iteration out of `I`, and `D` the divergence from the policy
//! before an update ([`Measure`]). Then the rate is
//!
//! ```text
//! linear:       r·(1 + (to − 1)·i/I)                   GridWorld's official program has to = 0
//! exponential:  r·max(exp(−decay·i), floor)            humanoid tracking: 1.5e-4, floor 0.2
//! adaptive:     rate/factor   if D > 2·g               as in rsl_rl
//!               rate·factor   if 1e-6 < D < g/2        g = target·(1 + (to − 1)·i/I)
//! ```
//!
//! All but the adaptive rate are functions of the iteration alone. [`Rate`] is what a checkpoint
//! keeps, so that a resumed run goes on with the adaptive rate that it had.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate moves away from its base, the optimiser's `learning_rate`.
///
/// In TOML: `{ kind = "constant" }`, `{ kind = "linear", to = 0.1 }`, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RateSchedule {
    /// The base throughout (the paper's Playground experiments).
    #[default]
    Constant,
    /// In a straight line from the base, at the start of the run, to a fraction of it at the end.
    Linear {
        /// The fraction of the base at the end. Range 0 and up.
        to: f64,
    },
    /// Exponentially down from the base.
    Exponential {
        /// Decay per iteration, in natural units: the rate falls by the factor `exp(−decay)`.
        /// Range 0 and up. The paper's humanoid tracking has 1.5e-4.
        decay: f64,
        /// The fraction of the base below which the rate does not fall. Range 0 to 1. The
        /// paper's humanoid tracking has 0.2.
        floor: f64,
    },
    /// Down where an update moves the policy too far, up where it hardly moves it (rsl_rl).
    Adaptive {
        /// The divergence that an update should have, in nats. Range above 0; rsl_rl's
        /// locomotion tasks have 0.01.
        target: f64,
        /// The fraction of the target at the end of the run, which it reaches in a straight line.
        /// Range above 0. Default 1 (rsl_rl).
        #[serde(default = "default_to", skip_serializing_if = "is_default_to")]
        to: f64,
        /// What divergence that is: `"ratios"` takes `train/divergence_nats`, `"likelihoods"`
        /// `train/kl`, which is then there in every iteration, and `"larger"` the larger of both.
        /// Default `"ratios"` (rsl_rl).
        #[serde(default, skip_serializing_if = "Measure::is_ratios")]
        measure: Measure,
        /// What the rate is divided or multiplied by. Range above 1. Default 1.5 (rsl_rl).
        #[serde(default = "default_factor")]
        factor: f64,
        /// The smallest rate, at most `learning_rate`. Range above 0. Default 1e-5 (rsl_rl).
        #[serde(default = "default_min")]
        min: f64,
        /// The largest rate, at least `learning_rate`. Range from `min`. Default 1e-2 (rsl_rl).
        #[serde(default = "default_max")]
        max: f64,
    },
}

/// What an adaptive rate takes for the divergence of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The mean of `ratio − 1 − ln ratio` over the update's gradient steps, each measured before
    /// the step is taken, in nats.
    #[default]
    Ratios,
    /// The divergence after the update, from exact likelihoods of some of the rollout's actions.
    Likelihoods,
    /// The larger of both: where ratios say too little of an update, likelihoods hold it, and where
    /// losses change without the policy, ratios do.
    Larger,
}

impl Measure {
    fn is_ratios(&self) -> bool {
        *self == Measure::Ratios
    }
}

fn default_to() -> f64 {
    1.0
}

fn is_default_to(to: &f64) -> bool {
    *to == default_to()
}

fn default_factor() -> f64 {
    1.5
}

fn default_min() -> f64 {
    1e-5
}

fn default_max() -> f64 {
    1e-2
}

impl RateSchedule {
    /// Returns the adaptive schedule with rsl_rl's factor and bounds.
    pub fn adaptive(target: f64) -> RateSchedule {
        let (factor, min, max) = (default_factor(), default_min(), default_max());
        let (to, measure) = (default_to(), Measure::default());
        RateSchedule::Adaptive { target, to, measure, factor, min, max }
    }

    /// Returns whether the rate follows a divergence for which likelihoods are needed.
    pub fn needs_likelihoods(&self) -> bool {
        match self {
            RateSchedule::Adaptive { measure, .. } => !measure.is_ratios(),
            _ => false,
        }
    }

    /// Returns the divergence that the rate follows, given that of the ratios and, where it is
    /// known, the exact one.
    pub fn measured(&self, ratios: f64, exact: Option<f64>) -> f64 {
        match self {
            RateSchedule::Adaptive { measure: Measure::Likelihoods, .. } => {
                exact.unwrap_or(f64::NAN)
            }
            RateSchedule::Adaptive { measure: Measure::Larger, .. } => {
                exact.map_or(ratios, |exact| ratios.max(exact))
            }
            _ => ratios,
        }
    }

    /// Checks that this schedule can start from the rate `base`.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the first number out of range.
    pub fn validate(&self, base: f64) -> Result<()> {
        let within = |name: &str, value: f64, fits: bool, allowed: &str| match fits {
            true => Ok(()),
            false => Err(Error::Invalid(format!("{name} is {value}; allowed: {allowed}"))),
        };
        let (above_zero, from_zero) = ("above 0, finite", "0 or more, finite");
        let is_above_zero = |x: f64| x > 0.0 && x.is_finite();
        let is_from_zero = |x: f64| x >= 0.0 && x.is_finite();
        within("the learning rate", base, is_above_zero(base), above_zero)?;
        match *self {
            RateSchedule::Constant => Ok(()),
            RateSchedule::Linear { to } => within("to", to, is_from_zero(to), from_zero),
            RateSchedule::Exponential { decay, floor } => {
                within("decay", decay, is_from_zero(decay), from_zero)?;
                within("floor", floor, (0.0..=1.0).contains(&floor), "0 to 1")
            }
            RateSchedule::Adaptive { target, to, factor, min, max, .. } => {
                within("target", target, is_above_zero(target), above_zero)?;
                within("to", to, is_above_zero(to), above_zero)?;
                let grows = factor > 1.0 && factor.is_finite();
                within("factor", factor, grows, "above 1, finite")?;
                within("min", min, is_above_zero(min), above_zero)?;
                within("max", max, max >= min && max.is_finite(), "from min, finite")?;
                let bounds = format!("from min, {min}, to max, {max}");
                within("the learning rate", base, (min..=max).contains(&base), &bounds)
            }
        }
    }
}

/// The present learning rate of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    current: f64,
}

/// Divergences up to this, in nats, are rounding errors of ratios near 1.
const ROUNDING: f64 = 1e-6;

impl Rate {
    /// Returns the rate at the start of a run.
    pub fn new(base: f64) -> Rate {
        Rate { current: base }
    }

    /// Returns the rate that the optimiser must use now.
    pub fn current(&self) -> f64 {
        self.current
    }

    /// Sets the rate of an iteration, counted from 0, out of all iterations, before its update. An
    /// adaptive rate stays as the last update left it. Beyond the end of the run a linear rate
    /// stays at its last value.
    pub fn begin(&mut self, schedule: &RateSchedule, base: f64, progress: (u64, u64)) {
        self.current = match *schedule {
            RateSchedule::Constant => base,
            RateSchedule::Linear { to } => falling(base, to, progress),
            RateSchedule::Exponential { decay, floor } => {
                base * (-decay * progress.0 as f64).exp().max(floor)
            }
            RateSchedule::Adaptive { .. } => self.current,
        };
    }

    /// Multiplies the present rate, which an adaptive one goes on from, by `factor`.
    pub fn scale(&mut self, factor: f64) {
        self.current *= factor;
    }

    /// Adapts the rate to how far the update of an iteration, counted from 0, out of all iterations
    /// has moved the policy: `divergence` is an estimate in nats, from 0 up. Only the adaptive rate
    /// changes.
    ///
    /// Two kinds of divergence tell nothing and leave the rate as it is: NaN, and numbers up to
    /// 1e-6. Rounding alone can make the latter, in an update with a single step or without any
    /// gradient.
    pub fn after(&mut self, schedule: &RateSchedule, divergence: f64, progress: (u64, u64)) {
        let RateSchedule::Adaptive { target, to, factor, min, max, .. } = *schedule else { return };
        let target = falling(target, to, progress);
        if divergence > 2.0 * target {
            self.current = (self.current / factor).max(min);
        } else if divergence > ROUNDING && divergence < 0.5 * target {
            self.current = (self.current * factor).min(max);
        }
    }
}

/// Returns what lies on the straight line from `base`, at the first of all iterations, to `to`
/// times that at their end, and beyond the end the latter.
fn falling(base: f64, to: f64, (iteration, num_iterations): (u64, u64)) -> f64 {
    if iteration >= num_iterations {
        return base * to;
    }
    base * (1.0 + (to - 1.0) * (iteration as f64 / num_iterations as f64))
}

#[cfg(test)]
mod tests;
