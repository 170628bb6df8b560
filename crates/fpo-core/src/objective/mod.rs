//! The objective that every algorithm here optimises, computed from losses, advantages and values.
//!
//! ```text
//! log ratio = L_old − L_new                                          (eq. 6)
//! loss      = −mean surrogate(exp(log ratio), A) + c·mean (R − V)²   (eq. 5, and PPO's critic)
//! ```
//!
//! `L` is an action's CFM loss (FPO), or a negative log-likelihood where a policy has one (the
//! baselines). An action has N samples of `L`. Either they are averaged first, which gives one
//! ratio per action (FPO), or each gives a ratio of its own (FPO++, and DPPO's denoising steps),
//! or two of them give one.

pub(crate) mod diagnostics;
pub mod gae;
pub(crate) mod guards;
pub(crate) mod loss;
pub(crate) mod mean_ratio;
pub(crate) mod reward_scaling;
pub(crate) mod step_loss;
pub(crate) mod surprise;
pub mod surrogate;
#[cfg(test)]
mod tests;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::objective::gae::{AdvantageKind, Truncation};
use crate::objective::guards::{Guards, clamp_flat};
use crate::objective::reward_scaling::RewardScaling;
use crate::objective::surrogate::SurrogateKind;
use crate::reduce::Reduce;

/// How many ratios an action has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioKind {
    /// One: the losses are averaged before the exponential (FPO).
    #[default]
    PerAction,
    /// One per Monte-Carlo sample, each clipped alone (FPO++).
    PerSample,
    /// One per couple of neighbouring samples, whose losses are averaged: with antithetic noise
    /// ([`crate::SampleNoise`]) the couple's mean says much more about the action than either loss.
    PerPair,
}

impl RatioKind {
    /// Returns how many of an action's `samples` share a ratio.
    pub fn group(self, samples: usize) -> usize {
        match self {
            RatioKind::PerAction => samples,
            RatioKind::PerSample => 1,
            RatioKind::PerPair => 2,
        }
    }

    /// Returns the number of ratios of an action with `samples` Monte-Carlo samples.
    pub fn count(self, samples: usize) -> usize {
        samples / self.group(samples).max(1)
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

/// The constants of the objective, as the section `[algorithm]` of a configuration spells them.
///
/// "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255;
/// "FPO++" is arXiv 2602.02481. Defaults are the paper's Playground settings (Table A.2) with
/// Schulman's GAE; an algorithm changes some of them ([`crate::Algorithm::preset`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objective {
    /// What is maximised: PPO's `"clip"`, `"spo"`, or `"aspo"`, the clip for positive advantages
    /// and SPO for negative ones. Default `"clip"` (paper); `"fpo++"` has `"aspo"`.
    pub surrogate: SurrogateKind,
    /// ε of the surrogate: the trust region is `1 ± clip_epsilon`. Range above 0, below 1. Default
    /// 0.05 (paper); `"ppo"` 0.1 and `"dppo"` 0.2 (the paper's tuned baselines).
    pub clip_epsilon: f64,
    /// One ratio per action (`"per_action"`), per sample (`"per_sample"`), or per couple of samples
    /// (`"per_pair"`, for an even number of them). Default `"per_action"` (paper); `"fpo++"` and
    /// `"dppo"` have `"per_sample"`.
    pub ratio: RatioKind,
    /// The log ratio is clamped to `± log_ratio_clamp` before the exponential, without a gradient
    /// beyond the bounds. Range above 0. Default: not set, no clamp; the official per-sample mode
    /// has 3.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_ratio_clamp: Option<f64>,
    /// The log ratio is clamped to `± log_ratio_max`, with the gradient that it would have without
    /// the clamp. Range above 0. Default: not set; `"fpo++"` has 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_ratio_max: Option<f64>,
    /// Weight `c` of the penalty on a mean ratio below 1, `c/2·max(0, 1 − mean ratio)²`, which
    /// keeps losses close to what they bound: a ratio of likelihoods has mean 1, and one of CFM
    /// losses sinks below it where all losses rise at once. PPO gains by it too: over the actions
    /// that an update is fitted to, the mean of its ratios sinks, and the policy becomes wider. 10
    /// to 30 suit losses in nats. Range 0 and up. Default 0 (ours).
    pub mean_ratio_weight: f64,
    /// Weight of the mean kinetic energy `½‖v‖²` of a flow that acts in a learned frame, which is
    /// minimised: with the velocity v at 0 the policy is a Gaussian, and it stays near that but
    /// where bending pays. Needs `policy.frame` = `"per_state"`. Range 0 and up. Default 0 (ours).
    pub kinetic_weight: f64,
    /// Losses above this are lowered to it, without a gradient. Range above 0. Default: not set;
    /// `"fpo++"` has 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_max: Option<f64>,
    /// As `loss_max`, for present losses of actions with a negative advantage. Range above 0.
    /// Default: not set; `"fpo++"` has 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_advantage_loss_max: Option<f64>,
    /// Discount γ per step. Range 0 to 1. Default 0.995 (paper; it has 0.95 for BallInCup and
    /// FingerSpin).
    pub gamma: f64,
    /// λ of the advantage estimate. Range 0 to 1. Default 0.95 (official).
    pub gae_lambda: f64,
    /// Which estimate the advantages are. Default `"gae"`; the official code has `"vtrace"`.
    pub advantage: AdvantageKind,
    /// What a step is worth after which the step limit cut the episode: `"mask"`, an advantage of 0
    /// before normalisation and no value target; `"exclude"`, no part in either and no surrogate;
    /// or `"bootstrap"`, its reward and the value of what it led to, so that steps are learnt from
    /// that the step limit cut. Default `"mask"` (official).
    pub truncation: Truncation,
    /// Rewards are multiplied by this inside the advantage estimate, and so for the value function;
    /// normalised advantages do not change with it, and reported returns are not scaled. Range
    /// above 0. Default 10 (official).
    pub reward_scale: f64,
    /// Whether that scale stays: `"fixed"`; or `"returns"`, it begins as `reward_scale` and follows
    /// the returns, so that values are near 1 whatever a task pays, from the first update on that
    /// sees a reward; this needs Adam. Default `"fixed"` (official).
    pub reward_scaling: RewardScaling,
    /// Weight of the value loss in the total loss. Range 0 and up. Default 0.25 (official).
    pub value_coefficient: f64,
    /// Over what advantages are normalised: `"minibatch"`, or `"none"`, which keeps noise small
    /// once every action does equally well. Default `"minibatch"` (official).
    pub normalize_advantages: AdvantageNormalization,
    /// Advantages are clamped to `± advantage_clamp` after they are normalised. Range above 0.
    /// Default: not set; FPO++ has 5 for motion tracking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advantage_clamp: Option<f64>,
    /// Weight of the entropy bonus. It is a term of the loss for `"ppo"`, whose entropy is known;
    /// for `"fpo"` and `"fpo++"` it goes through the advantages, in which likelihoods are taken
    /// from losses, so that they need `policy.loss_reduction` = `"nats"`; `"dppo"` has none. Range
    /// 0 and up. Default 0; `"ppo"` has 0.01 (paper).
    pub entropy_coefficient: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Objective {
            surrogate: SurrogateKind::Clip,
            clip_epsilon: 0.05,
            ratio: RatioKind::PerAction,
            log_ratio_clamp: None,
            log_ratio_max: None,
            mean_ratio_weight: 0.0,
            kinetic_weight: 0.0,
            loss_max: None,
            negative_advantage_loss_max: None,
            gamma: 0.995,
            gae_lambda: 0.95,
            advantage: AdvantageKind::Gae,
            truncation: Truncation::Mask,
            reward_scale: 10.0,
            reward_scaling: RewardScaling::Fixed,
            value_coefficient: 0.25,
            normalize_advantages: AdvantageNormalization::Minibatch,
            advantage_clamp: None,
            entropy_coefficient: 0.0,
        }
    }
}

impl Objective {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let clip = self.clip_epsilon;
        require(clip > 0.0 && clip < 1.0, "clip_epsilon", clip, "above 0, below 1")?;
        for (field, bound) in [
            ("log_ratio_clamp", self.log_ratio_clamp),
            ("log_ratio_max", self.log_ratio_max),
            ("loss_max", self.loss_max),
            ("negative_advantage_loss_max", self.negative_advantage_loss_max),
            ("advantage_clamp", self.advantage_clamp),
            ("reward_scale", Some(self.reward_scale)),
        ] {
            if let Some(bound) = bound {
                require(bound > 0.0 && bound.is_finite(), field, bound, "above 0")?;
            }
        }
        for (field, share) in [("gamma", self.gamma), ("gae_lambda", self.gae_lambda)] {
            require((0.0..=1.0).contains(&share), field, share, "0 to 1")?;
        }
        for (field, weight) in [
            ("mean_ratio_weight", self.mean_ratio_weight),
            ("kinetic_weight", self.kinetic_weight),
            ("value_coefficient", self.value_coefficient),
            ("entropy_coefficient", self.entropy_coefficient),
        ] {
            require(weight >= 0.0 && weight.is_finite(), field, weight, "0 and up")?;
        }
        Ok(())
    }

    /// Returns the bounds on losses, and the bound on the log ratio beyond which the gradient still
    /// passes.
    #[inline]
    pub fn guards(&self) -> Guards {
        Guards {
            loss_max: self.loss_max,
            negative_advantage_loss_max: self.negative_advantage_loss_max,
            log_ratio_max: self.log_ratio_max,
        }
    }

    /// Returns the log ratio `(T, B, R)` from losses `(T, B, N)` and the advantages `(T, B)` that
    /// the surrogate will see: `R` is 1 per action, `N` per sample, `N/2` per pair.
    ///
    /// # Errors
    /// If a tensor operation fails, such as for an odd number of samples that are to make pairs.
    pub fn log_ratio(
        &self,
        loss_old: &Tensor,
        loss_new: &Tensor,
        advantages: &Tensor,
    ) -> Result<Tensor> {
        let guards = self.guards();
        let difference = guards.difference(loss_old, loss_new, advantages)?;
        let log_ratio = match self.ratio {
            RatioKind::PerAction => difference.mean_keepdim(2)?,
            RatioKind::PerSample => difference,
            RatioKind::PerPair => {
                let (steps, batch, samples) = difference.dims3()?;
                difference.reshape((steps, batch, samples / 2, 2))?.mean(3)?
            }
        };
        let log_ratio = guards.bound(log_ratio)?;
        Ok(match self.log_ratio_clamp {
            Some(bound) => clamp_flat(&log_ratio, bound)?,
            None => log_ratio,
        })
    }

    /// Advantages `(T, B)` as the surrogate sees them: `(A − mean A) / (std A + 1e-8)` with the
    /// population standard deviation, as in the official code, then bounded. Steps at which `counts
    /// (T, B)` is 0 rather than 1 have no part in mean and deviation, and their result is 0.
    /// `reduce` turns the means into those of all participants that share the minibatch.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn shape_advantages(
        &self,
        advantages: &Tensor,
        counts: Option<&Tensor>,
        reduce: &dyn Reduce,
    ) -> Result<Tensor> {
        // A minibatch may hold nothing but steps that do not count.
        let count = match counts {
            None => None,
            Some(counts) => Some(counts.sum_all()?),
        };
        let mean = |x: &Tensor| -> Result<Tensor> {
            let local = match (counts, &count) {
                (Some(counts), Some(count)) => ((x * counts)?.sum_all()? / count.maximum(1.0)?)?,
                _ => x.mean_all()?,
            };
            reduce.mean(local, count.as_ref())
        };
        let shaped = match self.normalize_advantages {
            AdvantageNormalization::None => advantages.clone(),
            AdvantageNormalization::Minibatch => {
                let centred = advantages.broadcast_sub(&mean(advantages)?)?;
                let std = mean(&centred.sqr()?)?.sqrt()?;
                centred.broadcast_div(&(std + 1e-8)?)?
            }
        };
        let shaped = match self.advantage_clamp {
            Some(bound) => shaped.clamp(-bound, bound)?,
            None => shaped,
        };
        Ok(match counts {
            None => shaped,
            Some(counts) => (shaped * counts)?,
        })
    }
}
