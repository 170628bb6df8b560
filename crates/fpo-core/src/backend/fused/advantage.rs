//! Advantages and value targets of one sub-sequence; [`crate::objective::gae`] has the formulas.

use crate::backend::fused::batch::Batch;
use crate::objective::gae::{AdvantageKind, Truncation};
use crate::objective::{AdvantageNormalization, Objective};

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
    config: &Objective,
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
        let counts = match config.truncation {
            Truncation::Mask => mask,
            Truncation::Bootstrap => {
                let cut = batch.cut_value[row];
                (next_value, next_target) = (next_value * mask + cut, next_target * mask + cut);
                1.0
            }
        };
        let delta = (reward + discount * next_value - value) * counts;
        accumulated = delta + discount * mask * lambda * accumulated;
        of_step.target = accumulated + value;
        of_step.advantage = match config.advantage {
            AdvantageKind::Gae => accumulated,
            AdvantageKind::Vtrace => (reward + discount * next_target - value) * counts,
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

/// How an advantage becomes what the surrogate sees; see [`Objective::shape_advantages`].
#[derive(Clone, Copy)]
pub(crate) struct Shaping {
    shift: f32,
    scale: f32,
    bound: f32,
}

impl Shaping {
    /// For advantages of this mean and standard deviation.
    pub(crate) fn new(config: &Objective, (mean, std): (f64, f64)) -> Shaping {
        let bound = config.advantage_clamp.map_or(f32::INFINITY, |bound| bound as f32);
        let (shift, scale) = match config.normalize_advantages {
            AdvantageNormalization::None => (0.0, 1.0),
            AdvantageNormalization::Minibatch => (mean as f32, (1.0 / (std + 1e-8)) as f32),
        };
        Shaping { shift, scale, bound }
    }

    /// The advantage that the surrogate sees.
    pub(crate) fn of(self, advantage: f32) -> f32 {
        ((advantage - self.shift) * self.scale).clamp(-self.bound, self.bound)
    }
}
