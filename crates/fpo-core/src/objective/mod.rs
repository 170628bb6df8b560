//! The objective: what of losses, advantages and values is maximised, for every algorithm here.
//!
//! ```text
//! log ratio = L_old − L_new                                          (eq. 6)
//! loss      = −mean surrogate(exp(log ratio), A) + c·mean (R − V)²   (eq. 5, and PPO's critic)
//! ```
//!
//! `L` is an action's CFM loss (FPO), or a negative log-likelihood where a policy has one (the
//! baselines). Its N samples are averaged first, which gives one ratio per action (FPO), or each
//! stands for itself, which gives N (FPO++; DPPO's denoising steps).

pub(crate) mod diagnostics;
pub mod gae;
pub(crate) mod guards;
pub(crate) mod loss;
pub(crate) mod step_loss;
pub mod surrogate;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::objective::gae::{AdvantageKind, Truncation};
use crate::objective::guards::{Guards, clamp_flat};
use crate::objective::surrogate::SurrogateKind;

/// How many ratios an action has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioKind {
    /// One: the losses are averaged before the exponential (FPO).
    #[default]
    PerAction,
    /// One per Monte-Carlo sample, each clipped alone (FPO++).
    PerSample,
}

impl RatioKind {
    /// Ratios per action with `samples` Monte-Carlo samples.
    pub fn count(self, samples: usize) -> usize {
        match self {
            RatioKind::PerAction => 1,
            RatioKind::PerSample => samples,
        }
    }
}

/// Whether advantages are brought to zero mean and unit standard deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageNormalization {
    /// Within each minibatch.
    #[default]
    Minibatch,
    /// Not at all: near convergence normalising blows noise up to unit size.
    None,
}

/// The constants of the objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// What is maximised.
    pub surrogate: SurrogateKind,
    /// ε of the surrogate: ratios count within `[1 − ε, 1 + ε]`.
    pub clip_epsilon: f64,
    /// One ratio per action or per Monte-Carlo sample.
    pub ratio: RatioKind,
    /// Bound on the magnitude of the log ratio, beyond which there is no gradient, if any.
    pub log_ratio_clamp: Option<f64>,
    /// Bounds on losses, and on the log ratio with a gradient beyond it.
    pub guards: Guards,
    /// Discount γ per step.
    pub gamma: f64,
    /// λ of the advantage estimator.
    pub gae_lambda: f64,
    /// Which advantage estimator.
    pub advantage: AdvantageKind,
    /// What a step that the step limit cut is worth.
    pub truncation: Truncation,
    /// Factor on rewards inside the advantage estimator.
    pub reward_scale: f64,
    /// Weight of the value loss.
    pub value_coefficient: f64,
    /// Whether advantages are normalised.
    pub normalize_advantages: AdvantageNormalization,
    /// Largest magnitude of an advantage after that, if bounded.
    pub advantage_clamp: Option<f64>,
    /// Weight of the entropy bonus, for policies whose entropy is known.
    pub entropy_coefficient: f64,
}

impl Default for Objective {
    /// The paper's Playground settings (Table A.2) with Schulman's GAE.
    fn default() -> Self {
        Objective {
            surrogate: SurrogateKind::Clip,
            clip_epsilon: 0.05,
            ratio: RatioKind::PerAction,
            log_ratio_clamp: None,
            guards: Guards::default(),
            gamma: 0.995,
            gae_lambda: 0.95,
            advantage: AdvantageKind::Gae,
            truncation: Truncation::Mask,
            reward_scale: 10.0,
            value_coefficient: 0.25,
            normalize_advantages: AdvantageNormalization::Minibatch,
            advantage_clamp: None,
            entropy_coefficient: 0.0,
        }
    }
}

impl Objective {
    /// Checks the bounds, which nothing can be held to if they are negative or no numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        if !(self.clip_epsilon > 0.0 && self.clip_epsilon < 1.0) {
            let clip = self.clip_epsilon;
            return Err(Error::Invalid(format!(
                "clip_epsilon is {clip}; allowed: above 0, below 1"
            )));
        }
        let Guards { loss_max, negative_advantage_loss_max, log_ratio_max } = self.guards;
        for (field, bound) in [
            ("log_ratio_clamp", self.log_ratio_clamp),
            ("advantage_clamp", self.advantage_clamp),
            ("loss_max", loss_max),
            ("negative_advantage_loss_max", negative_advantage_loss_max),
            ("log_ratio_max", log_ratio_max),
        ] {
            if let Some(bound) = bound.filter(|bound| bound.is_nan() || *bound < 0.0) {
                return Err(Error::Invalid(format!("{field} is {bound}; allowed: 0 or more")));
            }
        }
        Ok(())
    }

    /// The log ratio `(T, B, R)` from losses `(T, B, N)` and the advantages `(T, B)` that the
    /// surrogate will see: `R` is 1 per action, `N` per sample.
    pub fn log_ratio(
        &self,
        loss_old: &Tensor,
        loss_new: &Tensor,
        advantages: &Tensor,
    ) -> Result<Tensor> {
        let difference = self.guards.difference(loss_old, loss_new, advantages)?;
        let log_ratio = match self.ratio {
            RatioKind::PerAction => difference.mean_keepdim(2)?,
            RatioKind::PerSample => difference,
        };
        let log_ratio = self.guards.bound(log_ratio)?;
        Ok(match self.log_ratio_clamp {
            Some(bound) => clamp_flat(&log_ratio, bound)?,
            None => log_ratio,
        })
    }

    /// Advantages as the surrogate sees them: `(A − mean A) / (std A + 1e-8)` with the population
    /// standard deviation, as in the official code, then bounded.
    pub fn shape_advantages(&self, advantages: &Tensor) -> Result<Tensor> {
        let shaped = match self.normalize_advantages {
            AdvantageNormalization::None => advantages.clone(),
            AdvantageNormalization::Minibatch => {
                let centred = advantages.broadcast_sub(&advantages.mean_all()?)?;
                let std = centred.sqr()?.mean_all()?.sqrt()?;
                centred.broadcast_div(&(std + 1e-8)?)?
            }
        };
        Ok(match self.advantage_clamp {
            Some(bound) => shaped.clamp(-bound, bound)?,
            None => shaped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn flat(t: Tensor) -> Vec<f64> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn per_action_averages_before_the_exponential_and_per_sample_does_not() {
        let old = Tensor::new(&[[[1.0f64, 2.0], [0.0, 4.0]]], &Device::Cpu).unwrap();
        let new = Tensor::new(&[[[0.5f64, 3.0], [1.0, -1.0]]], &Device::Cpu).unwrap();
        let advantages = Tensor::new(&[[1.0f64, -1.0]], &Device::Cpu).unwrap();
        let with = |ratio, log_ratio_clamp, guards| {
            let objective = Objective { ratio, log_ratio_clamp, guards, ..Objective::default() };
            objective.log_ratio(&old, &new, &advantages).unwrap()
        };
        let free = Guards::default();
        let per_action = with(RatioKind::PerAction, None, free);
        assert_eq!(per_action.dims(), [1, 2, 1]);
        assert_eq!(flat(per_action), [-0.25, 2.0]);
        let per_sample = with(RatioKind::PerSample, Some(3.0), free);
        assert_eq!(flat(per_sample), [0.5, -1.0, -1.0, 3.0]);
        // Losses are bounded before the mean, the log ratio after it.
        let guards = Guards { loss_max: Some(2.0), log_ratio_max: Some(1.25), ..Guards::default() };
        assert_eq!(flat(with(RatioKind::PerAction, None, guards)), [0.25, 1.0]);
        assert_eq!(flat(with(RatioKind::PerSample, None, guards)), [0.5, 0.0, -1.0, 1.25]);
    }

    #[test]
    fn bounds_that_are_none_are_refused_by_name() {
        let good = Objective::default();
        assert!(good.validate().is_ok());
        let guards = |log_ratio_max| Guards { log_ratio_max, ..Guards::default() };
        for (objective, field) in [
            (Objective { clip_epsilon: f64::NAN, ..good }, "clip_epsilon"),
            (Objective { clip_epsilon: 0.0, ..good }, "clip_epsilon"),
            (Objective { log_ratio_clamp: Some(-1.0), ..good }, "log_ratio_clamp"),
            (Objective { advantage_clamp: Some(f64::NAN), ..good }, "advantage_clamp"),
            (Objective { guards: guards(Some(-3.0)), ..good }, "log_ratio_max"),
        ] {
            let error = objective.validate().unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn advantages_are_normalised_and_then_bounded() {
        let advantages = Tensor::new(&[[1.0f64, 2.0, 3.0, 10.0]], &Device::Cpu).unwrap();
        let with = |normalize_advantages, advantage_clamp| {
            let objective =
                Objective { normalize_advantages, advantage_clamp, ..Objective::default() };
            flat(objective.shape_advantages(&advantages).unwrap())
        };
        // Mean 4, population variance (9 + 4 + 1 + 36)/4 = 12.5.
        let std = 12.5f64.sqrt();
        let found = with(AdvantageNormalization::Minibatch, Some(1.5));
        for (found, expected) in found.iter().zip([-3.0 / std, -2.0 / std, -1.0 / std, 1.5]) {
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
        assert_eq!(with(AdvantageNormalization::None, Some(2.5)), [1.0, 2.0, 2.5, 2.5]);
        assert_eq!(with(AdvantageNormalization::None, None), [1.0, 2.0, 3.0, 10.0]);
    }
}
