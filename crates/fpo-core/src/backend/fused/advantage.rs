//! Advantages and value targets of one sub-sequence in plain numbers; [`crate::gae`] has the
//! formulas and the form on tensors.

use candle_core::{Device, Tensor};

use crate::backend::fused::batch::Batch;
use crate::error::Result;
use crate::objective::gae::{AdvantageKind, Truncation};
use crate::objective::{AdvantageNormalization, Objective};
use crate::reduce::Reduce;

/// What is estimated for one step of one sub-sequence.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    /// V.
    pub(crate) value: f32,
    /// The value target R, a λ-return.
    pub(crate) target: f32,
    /// The advantage A, not normalised.
    pub(crate) advantage: f32,
    /// Whether the step has a target. A step that the step limit cut has none, unless it
    /// bootstraps.
    pub(crate) has_target: bool,
}

impl Estimate {
    /// Returns the bits of its numbers, for other ranks.
    pub(crate) fn words(&self) -> [u32; 4] {
        let Estimate { value, target, advantage, has_target } = *self;
        [value.to_bits(), target.to_bits(), advantage.to_bits(), u32::from(has_target)]
    }

    /// Returns the estimate of these bits.
    pub(crate) fn from_words(&[value, target, advantage, has_target]: &[u32; 4]) -> Estimate {
        Estimate {
            value: f32::from_bits(value),
            target: f32::from_bits(target),
            advantage: f32::from_bits(advantage),
            has_target: has_target != 0,
        }
    }
}

/// Fills in targets and advantages of sub-sequence `sequence` from its values and `bootstrap`, the
/// value after its last step.
pub(crate) fn estimate_sequence(
    objective: &Objective,
    batch: &Batch,
    sequence: usize,
    bootstrap: f32,
    steps: &mut [Estimate],
) {
    let (gamma, lambda) = (objective.gamma as f32, objective.gae_lambda as f32);
    let reward_scale = objective.reward_scale as f32;
    let mut accumulated = 0.0;
    let (mut next_value, mut next_target) = (bootstrap, bootstrap);
    for (step, estimate) in steps.iter_mut().enumerate().rev() {
        let row = batch.row(sequence, step);
        let reward = batch.data.reward[row] * reward_scale;
        let discount = (1.0 - batch.data.terminated[row]) * gamma;
        let mask = 1.0 - batch.data.truncated[row];
        let value = estimate.value;
        let counts = match objective.truncation {
            Truncation::Mask | Truncation::Exclude => mask,
            Truncation::Bootstrap => {
                let cut = batch.data.cut_value[row];
                (next_value, next_target) = (next_value * mask + cut, next_target * mask + cut);
                1.0
            }
        };
        let delta = (reward + discount * next_value - value) * counts;
        accumulated = delta + discount * mask * lambda * accumulated;
        estimate.target = accumulated + value;
        estimate.has_target = counts != 0.0;
        estimate.advantage = match objective.advantage {
            AdvantageKind::Gae => accumulated,
            AdvantageKind::Vtrace => (reward + discount * next_target - value) * counts,
        };
        (next_value, next_target) = (value, estimate.target);
    }
}

/// Returns the mean and the population standard deviation with which advantages are normalised,
/// over all parts of the minibatch.
pub(crate) fn moments(
    estimates: &[Estimate],
    objective: &Objective,
    reduce: &dyn Reduce,
) -> Result<(f64, f64)> {
    let excludes = objective.truncation == Truncation::Exclude;
    let counted = || estimates.iter().filter(|step| step.has_target || !excludes);
    let n = counted().count() as f64;
    // A minibatch may hold nothing but steps that do not count.
    let divisor = n.max(1.0);
    let advantages = || counted().map(|step| f64::from(step.advantage));
    let count = match excludes {
        true => Some(Tensor::new(n, &Device::Cpu)?),
        false => None,
    };
    let reduced = |local: f64| -> Result<f64> {
        let local = Tensor::new(local, &Device::Cpu)?;
        Ok(reduce.mean(local, count.as_ref())?.to_scalar()?)
    };
    let mean = reduced(advantages().sum::<f64>() / divisor)?;
    let variance = reduced(advantages().map(|a| (a - mean).powi(2)).sum::<f64>() / divisor)?;
    Ok((mean, variance.sqrt()))
}

/// The map from an advantage to the number that the surrogate sees; see
/// [`Objective::shape_advantages`].
#[derive(Clone, Copy)]
pub(crate) struct Shaping {
    shift: f32,
    scale: f32,
    bound: f32,
    excludes: bool,
}

impl Shaping {
    /// Returns the map for advantages of this mean and standard deviation.
    pub(crate) fn new(objective: &Objective, (mean, std): (f64, f64)) -> Shaping {
        let bound = objective.advantage_clamp.map_or(f32::INFINITY, |bound| bound as f32);
        let (shift, scale) = match objective.normalize_advantages {
            AdvantageNormalization::None => (0.0, 1.0),
            AdvantageNormalization::Minibatch => (mean as f32, (1.0 / (std + 1e-8)) as f32),
        };
        let excludes = objective.truncation == Truncation::Exclude;
        Shaping { shift, scale, bound, excludes }
    }

    /// Returns the advantage of a step as the surrogate sees it.
    pub(crate) fn apply(self, step: &Estimate) -> f32 {
        if self.excludes && !step.has_target {
            return 0.0;
        }
        ((step.advantage - self.shift) * self.scale).clamp(-self.bound, self.bound)
    }
}
