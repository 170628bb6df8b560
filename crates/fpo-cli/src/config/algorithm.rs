//! The section `[algorithm]`: the update. Every field states its unit, range, default and source.
//!
//! "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255;
//! "FPO++" is arXiv 2602.02481. Defaults are FPO's; another `kind` changes some of them
//! ([`super::presets`]).

use fpo_core::gae::{AdvantageKind, Truncation};

use fpo_core::surrogate::SurrogateKind;

use fpo_core::{AdvantageNormalization, DenoisingMdp, Objective, RatioKind, ScoredSteps};
use serde::{Deserialize, Serialize};

use crate::config::choices::AlgorithmKind;

/// `[algorithm]`: the update.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct AlgorithmConfig {
    /// Which algorithm: `"fpo"`, `"fpo++"`, `"ppo"` (a Gaussian policy) or `"dppo"` (the sampler
    /// as a chain of Gaussian steps). Default `"fpo"`.
    pub kind: AlgorithmKind,
    /// Pairs of flow time and noise per action (the paper's N_mc), of `"fpo"` and `"fpo++"`. Range 1
    /// to 65,536. Default 8 (paper); `"fpo++"` 16.
    pub num_samples: usize,
    /// What is maximised: PPO's `"clip"`, `"spo"`, or `"aspo"`, the clip for positive advantages
    /// and SPO for negative ones. Default `"clip"` (paper); `"fpo++"` has `"aspo"`.
    pub surrogate: SurrogateKind,
    /// The trust region is `1 ± clip_epsilon`. Range above 0, below 1. Default 0.05 (paper);
    /// `"ppo"` 0.1 and `"dppo"` 0.2 (the paper's tuned baselines).
    pub clip_epsilon: f64,
    /// One ratio per action or per sample. Default `"per_action"` (paper); `"fpo++"` and `"dppo"`
    /// have `"per_sample"`.
    pub ratio: RatioKind,
    /// The log ratio is clamped to `± log_ratio_clamp` before the exponential, without a gradient
    /// beyond. Range above 0. Default: not set, no clamp; the official per-sample mode has 3.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_ratio_clamp: Option<f64>,
    /// The log ratio is clamped to `± log_ratio_max`, with the gradient it would have without.
    /// Range above 0. Default: not set; `"fpo++"` has 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_ratio_max: Option<f64>,
    /// Losses above this count as this, without a gradient. Range above 0. Default: not set;
    /// `"fpo++"` has 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_max: Option<f64>,
    /// As `loss_max`, for present losses of actions with a negative advantage. Range above 0.
    /// Default: not set; `"fpo++"` has 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_advantage_loss_max: Option<f64>,
    /// Discount per step. Range 0 to 1. Default 0.995 (paper; it has 0.95 for BallInCup and
    /// FingerSpin).
    pub gamma: f64,
    /// λ of the advantage estimate. Range 0 to 1. Default 0.95 (official).
    pub gae_lambda: f64,
    /// Form of the advantage estimate. Default `"gae"`; the official code has `"vtrace"`.
    pub advantage: AdvantageKind,
    /// What a step is worth after which the step limit cut the episode: `"mask"`, nothing is
    /// learnt from it, or `"bootstrap"`, its reward and the value of what it led to. Default
    /// `"mask"` (official).
    pub truncation: Truncation,
    /// Rewards are multiplied by this for the value function only. Range above 0.
    /// Default 10 (official).
    pub reward_scale: f64,
    /// Weight of the value loss in the total loss. Range 0 and up. Default 0.25 (official).
    pub value_coefficient: f64,
    /// Over what advantages are normalised: `"minibatch"`, or `"none"`, which keeps noise small once
    /// all does equally well. Default `"minibatch"` (official).
    pub normalize_advantages: AdvantageNormalization,
    /// Advantages are clamped to `± advantage_clamp` after that. Range above 0. Default: not set;
    /// FPO++ has 5 for motion tracking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advantage_clamp: Option<f64>,
    /// Weight of the entropy bonus of `"ppo"`. Range 0 and up. Default 0; `"ppo"` has 0.01 (paper).
    pub entropy_coefficient: f64,
    /// Noise after each step of the sampler of `"dppo"`, before squashing. Range above 0. Default
    /// 0.05 (paper).
    pub sigma: f64,
    /// Which steps of the sampler of `"dppo"` have a ratio: `"all"` or `"final_half"`. Default
    /// `"all"` (paper).
    pub scored_steps: ScoredSteps,
    /// No further epoch follows one whose mean `train/divergence` exceeds this, in nats. Range
    /// above 0. Default: not set; the official GridWorld's PPO has 0.02.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_divergence: Option<f64>,
    /// What is evaluated and exported are weights averaged with this decay per iteration. Range 0
    /// up to, without, 1. Default: not set, no averaging; `"fpo++"` has 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Iterations before averaging begins. Range 0 and up. Default 0; `"fpo++"` has 500.
    pub ema_warmup: u64,
}

impl Default for AlgorithmConfig {
    /// The objective's own defaults, with the paper's eight samples.
    fn default() -> Self {
        let (objective, mdp) = (Objective::default(), DenoisingMdp::default());
        Self {
            kind: AlgorithmKind::Fpo,
            num_samples: 8,
            surrogate: objective.surrogate,
            clip_epsilon: objective.clip_epsilon,
            ratio: objective.ratio,
            log_ratio_clamp: objective.log_ratio_clamp,
            log_ratio_max: objective.guards.log_ratio_max,
            loss_max: objective.guards.loss_max,
            negative_advantage_loss_max: objective.guards.negative_advantage_loss_max,
            gamma: objective.gamma,
            gae_lambda: objective.gae_lambda,
            advantage: objective.advantage,
            truncation: objective.truncation,
            reward_scale: objective.reward_scale,
            value_coefficient: objective.value_coefficient,
            normalize_advantages: objective.normalize_advantages,
            advantage_clamp: objective.advantage_clamp,
            entropy_coefficient: objective.entropy_coefficient,
            sigma: mdp.sigma,
            scored_steps: mdp.steps,
            target_divergence: None,
            ema_decay: None,
            ema_warmup: 0,
        }
    }
}
