//! The section `[algorithm]` of a configuration: how the policy is updated. Every field states its
//! unit, range, default and source.
//!
//! The fields of [`fpo_core::Objective`] stand in the same section beside those defined here.
//! "Paper" is arXiv 2507.21053; "FPO++" is arXiv 2602.02481. Defaults are FPO's; another `kind`
//! changes some of them ([`fpo_core::Algorithm::preset`]).

use fpo_core::{Algorithm, DenoisingMdp, Objective, SampleNoise, SampleTimes, ScoredSteps};
use serde::{Deserialize, Serialize};

/// `[algorithm]`: the update.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct AlgorithmConfig {
    /// Which algorithm: `"fpo"`, `"fpo++"`, `"ppo"` (a Gaussian policy) or `"dppo"` (the sampler
    /// as a chain of Gaussian steps). Default `"fpo"`.
    #[serde(skip_deserializing)]
    pub kind: Algorithm,
    /// Pairs of flow time and noise per action (the paper's N_mc), for `"fpo"` and `"fpo++"`. Range
    /// 1 to 65,536. Default 8 (paper); `"fpo++"` has 16.
    pub num_samples: usize,
    /// How the noise of an action's samples hangs together: `"independent"`, or `"antithetic"`,
    /// couples with the same time and opposite noise, so that what is odd in the noise cancels in
    /// the mean of their losses. Needs an even `num_samples`. For `"fpo"` and `"fpo++"`. Default
    /// `"independent"` (paper).
    pub sample_noise: SampleNoise,
    /// How the times of an action's samples hang together: `"independent"`, or `"stratified"`, one
    /// from each of equally likely strata. For `"fpo"` and `"fpo++"`. Default `"independent"`
    /// (paper).
    pub sample_times: SampleTimes,
    /// Correlation of the noise from which an environment's neighbouring actions are made in
    /// training. Each action alone follows the policy as before; together they lean the same way
    /// for some `1 / (1 − noise_correlation)` steps, which finds rewards that independent noise
    /// averages out. Range 0 up to, without, 1. Default 0 (paper).
    pub noise_correlation: f64,
    /// That correlation at the end of the run, which it reaches in a straight line. Range 0 up to,
    /// without, 1. Default: not set, the correlation stays (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_correlation_to: Option<f64>,
    /// The constants of the objective, which combines losses, advantages and values.
    #[serde(flatten, skip_deserializing)]
    pub objective: Objective,
    /// The weight of the entropy bonus at the end of the run, which it reaches in a straight line.
    /// Range 0 and up. Default: not set, the weight stays (ours).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy_coefficient_to: Option<f64>,
    /// Standard deviation of the noise that `"dppo"` adds after each step of its sampler, before
    /// squashing. Range above 0. Default 0.05 (paper).
    pub sigma: f64,
    /// Which steps of the sampler of `"dppo"` have a ratio: `"all"` or `"final_half"`. Default
    /// `"all"` (paper).
    pub scored_steps: ScoredSteps,
    /// The update ends early, after the first epoch whose mean `train/divergence_nats` exceeds this
    /// bound. Range above 0. Default: not set; the official GridWorld's PPO has 0.02.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_divergence: Option<f64>,
    /// Evaluations and exports use weights that are averaged with this decay per iteration. Range 0
    /// up to, without, 1. Default: not set, no averaging; `"fpo++"` has 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Iterations before averaging begins. Range 0 and up. Default 0; `"fpo++"` has 500.
    pub ema_warmup: u64,
}

impl AlgorithmConfig {
    /// Returns the correlation of the noise in an iteration, counted from 0, out of all iterations.
    pub fn noise_correlation_at(&self, iteration: u64, num_iterations: u64) -> f64 {
        let ends = (self.noise_correlation, self.noise_correlation_to);
        on_the_line(ends, (iteration, num_iterations))
    }

    /// Returns the weight of the entropy bonus in an iteration, counted from 0, out of all
    /// iterations.
    pub fn entropy_coefficient_at(&self, iteration: u64, num_iterations: u64) -> f64 {
        let ends = (self.objective.entropy_coefficient, self.entropy_coefficient_to);
        on_the_line(ends, (iteration, num_iterations))
    }

    /// Returns the noise of the chain of `"dppo"`, and which of its steps have a ratio.
    pub fn denoising(&self) -> DenoisingMdp {
        DenoisingMdp { sigma: self.sigma, steps: self.scored_steps }
    }
}

/// Returns the point on the line `from` one value `to` another after so many `of` all iterations;
/// the first value where there is no other.
fn on_the_line((from, to): (f64, Option<f64>), (iteration, of): (u64, u64)) -> f64 {
    let progress = iteration.min(of) as f64 / of.max(1) as f64;
    from + (to.unwrap_or(from) - from) * progress
}

impl Default for AlgorithmConfig {
    /// Returns the objective's own defaults, with the paper's eight samples.
    fn default() -> Self {
        let mdp = DenoisingMdp::default();
        Self {
            kind: Algorithm::default(),
            num_samples: 8,
            sample_noise: SampleNoise::default(),
            sample_times: SampleTimes::default(),
            noise_correlation: 0.0,
            noise_correlation_to: None,
            objective: Objective::default(),
            entropy_coefficient_to: None,
            sigma: mdp.sigma,
            scored_steps: mdp.steps,
            target_divergence: None,
            ema_decay: None,
            ema_warmup: 0,
        }
    }
}
