//! Advantages and value targets of one sub-sequence; [`crate::gae`] has the formulas.

use super::batch::Batch;
use crate::{AdvantageKind, AdvantageNormalization, FpoConfig};

/// What one step of one sub-sequence came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    /// V.
    pub(crate) value: f32,
    /// The value target R, a λ-return.
    pub(crate) target: f32,
    /// The advantage A, not normalised.
    pub(crate) advantage: f32,
}

/// Fills in targets and advantages of sub-sequence `sequence` from its values and `bootstrap`, the
/// value after its last step.
pub(crate) fn estimate(
    config: &FpoConfig,
    batch: &Batch,
    sequence: usize,
    bootstrap: f32,
    steps: &mut [Estimate],
) {
    let (gamma, lambda) = (config.gamma as f32, config.gae_lambda as f32);
    let reward_scale = config.reward_scale as f32;
    let mut accumulated = 0.0;
    let (mut next_value, mut next_target) = (bootstrap, bootstrap);
    for (step, of_step) in steps.iter_mut().enumerate().rev() {
        let row = batch.row(sequence, step);
        let reward = batch.reward[row] * reward_scale;
        let discount = (1.0 - batch.terminated[row]) * gamma;
        let mask = 1.0 - batch.truncated[row];
        let value = of_step.value;
        let delta = (reward + discount * next_value - value) * mask;
        accumulated = delta + discount * mask * lambda * accumulated;
        of_step.target = accumulated + value;
        of_step.advantage = match config.advantage {
            AdvantageKind::Gae => accumulated,
            AdvantageKind::Vtrace => (reward + discount * next_target - value) * mask,
        };
        (next_value, next_target) = (value, of_step.target);
    }
}

/// Mean and population standard deviation of the advantages.
pub(crate) fn moments(estimates: &[Estimate]) -> (f64, f64) {
    let n = estimates.len() as f64;
    let advantages = || estimates.iter().map(|of_step| f64::from(of_step.advantage));
    let mean = advantages().sum::<f64>() / n;
    let variance = advantages().map(|a| (a - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// What is taken off every advantage, and what it is multiplied with then; see
/// [`crate::objective::normalize_advantages`].
pub(crate) fn normalization(config: &FpoConfig, (mean, std): (f64, f64)) -> (f32, f32) {
    match config.normalize_advantages {
        AdvantageNormalization::None => (0.0, 1.0),
        AdvantageNormalization::Minibatch => (mean as f32, (1.0 / (std + 1e-8)) as f32),
    }
}
