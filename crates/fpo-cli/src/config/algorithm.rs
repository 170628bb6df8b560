//! The section `[algorithm]`: the update. Every field states its unit, range, default and source.
//!
//! The fields of the objective are [`fpo_core::Objective`]'s own and stand beside the others.
//! "Paper" is arXiv 2507.21053; "FPO++" is arXiv 2602.02481. Defaults are FPO's; another `kind`
//! changes some of them ([`fpo_core::Algorithm::preset`]).

use fpo_core::{Algorithm, DenoisingMdp, Objective, ScoredSteps};
use serde::{Deserialize, Serialize};

/// `[algorithm]`: the update.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct AlgorithmConfig {
    /// Which algorithm: `"fpo"`, `"fpo++"`, `"ppo"` (a Gaussian policy) or `"dppo"` (the sampler
    /// as a chain of Gaussian steps). Default `"fpo"`.
    #[serde(skip_deserializing)]
    pub kind: Algorithm,
    /// Pairs of flow time and noise per action (the paper's N_mc), of `"fpo"` and `"fpo++"`. Range 1
    /// to 65,536. Default 8 (paper); `"fpo++"` 16.
    pub num_samples: usize,
    /// What of losses, advantages and values is maximised.
    #[serde(flatten, skip_deserializing)]
    pub objective: Objective,
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

impl AlgorithmConfig {
    /// The noise of the chain of `"dppo"`.
    pub fn denoising(&self) -> DenoisingMdp {
        DenoisingMdp { sigma: self.sigma, steps: self.scored_steps }
    }
}

impl Default for AlgorithmConfig {
    /// The objective's own defaults, with the paper's eight samples.
    fn default() -> Self {
        let mdp = DenoisingMdp::default();
        Self {
            kind: Algorithm::default(),
            num_samples: 8,
            objective: Objective::default(),
            sigma: mdp.sigma,
            scored_steps: mdp.steps,
            target_divergence: None,
            ema_decay: None,
            ema_warmup: 0,
        }
    }
}
