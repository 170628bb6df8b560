//! What the policy's part of a gradient step adds up besides the gradient.

use crate::backend::fused::shared::Outcome;
use crate::objective::Objective;

/// What the policy maximises.
#[derive(Clone, Copy)]
pub(crate) struct Aim<'a> {
    /// The surrogate and its constants.
    pub(crate) objective: &'a Objective,
    /// Weight of the mean ratio, besides the surrogate.
    pub(crate) ratio_weight: f64,
}

/// Sums over the transitions and ratios of a pass.
#[derive(Clone, Copy)]
pub(crate) struct PolicyOutcome {
    /// Σ stored loss over all samples.
    pub(crate) loss_old: f64,
    /// Σ present loss over all samples.
    pub(crate) loss_new: f64,
    /// Σ surrogate over all ratios.
    pub(crate) surrogate: f64,
    /// Σ ratio · its weight, besides the surrogate.
    pub(crate) weighted_ratio: f64,
    /// Σ ratio.
    pub(crate) ratio: f64,
    /// Σ ratio².
    pub(crate) ratio_squares: f64,
    /// Σ (ratio − 1 − log ratio).
    pub(crate) divergence: f64,
    /// The smallest ratio.
    pub(crate) ratio_min: f64,
    /// The largest ratio.
    pub(crate) ratio_max: f64,
    /// How many ratios lie outside `1 ± clip_epsilon`.
    pub(crate) clipped: f64,
    /// Σ entropy over the transitions, 0 where it is not known.
    pub(crate) entropy: f64,
    /// Σ energy over all samples, 0 for policies without a frame.
    pub(crate) energy: f64,
}

impl PolicyOutcome {
    /// Adds a ratio, given as its logarithm before it is bounded, and its surrogate. Returns the
    /// derivative, with respect to that logarithm, of the surrogate and of the weighted ratio.
    pub(crate) fn add_ratio(&mut self, aim: Aim, log_ratio: f64, advantage: f64) -> f64 {
        let Aim { objective, ratio_weight } = aim;
        let bound = objective.log_ratio_clamp.unwrap_or(f64::INFINITY);
        let guarded = objective.guards().bound_scalar(log_ratio);
        let clamped = guarded.clamp(-bound, bound);
        let ratio = clamped.exp();
        let clip = objective.clip_epsilon;
        let (value, slope) = objective.surrogate.evaluate_scalar(ratio, advantage, clip);
        self.surrogate += value;
        self.weighted_ratio += ratio_weight * ratio;
        self.ratio += ratio;
        self.ratio_squares += ratio * ratio;
        self.divergence += ratio - 1.0 - clamped;
        self.ratio_min = self.ratio_min.min(ratio);
        self.ratio_max = self.ratio_max.max(ratio);
        self.clipped += f64::from(u8::from((ratio - 1.0).abs() > clip));
        if guarded.abs() > bound { 0.0 } else { (slope + ratio_weight) * ratio }
    }
}

impl Outcome for PolicyOutcome {
    const NOTHING: PolicyOutcome = PolicyOutcome {
        loss_old: 0.0,
        loss_new: 0.0,
        surrogate: 0.0,
        weighted_ratio: 0.0,
        ratio: 0.0,
        ratio_squares: 0.0,
        divergence: 0.0,
        ratio_min: f64::INFINITY,
        ratio_max: f64::NEG_INFINITY,
        clipped: 0.0,
        entropy: 0.0,
        energy: 0.0,
    };

    fn numbers(&mut self) -> Vec<&mut f64> {
        let PolicyOutcome {
            loss_old,
            loss_new,
            surrogate,
            weighted_ratio,
            ratio,
            ratio_squares,
            divergence,
            ratio_min,
            ratio_max,
            clipped,
            entropy,
            energy,
        } = self;
        vec![
            loss_old,
            loss_new,
            surrogate,
            weighted_ratio,
            ratio,
            ratio_squares,
            divergence,
            ratio_min,
            ratio_max,
            clipped,
            entropy,
            energy,
        ]
    }

    fn and(self, other: PolicyOutcome) -> PolicyOutcome {
        PolicyOutcome {
            loss_old: self.loss_old + other.loss_old,
            loss_new: self.loss_new + other.loss_new,
            surrogate: self.surrogate + other.surrogate,
            weighted_ratio: self.weighted_ratio + other.weighted_ratio,
            ratio: self.ratio + other.ratio,
            ratio_squares: self.ratio_squares + other.ratio_squares,
            divergence: self.divergence + other.divergence,
            ratio_min: self.ratio_min.min(other.ratio_min),
            ratio_max: self.ratio_max.max(other.ratio_max),
            clipped: self.clipped + other.clipped,
            entropy: self.entropy + other.entropy,
            energy: self.energy + other.energy,
        }
    }
}
