//! The entropy bonus that goes through advantages, in plain numbers ([`crate::objective::surprise`]
//! has the formula).

use candle_core::{Device, Tensor};

use crate::backend::fused::advantage::Estimate;
use crate::backend::fused::batch::Batch;
use crate::backend::fused::steps::with_batch;
use crate::error::Result;
use crate::flow::config::Squash;
use crate::objective::gae::Truncation;
use crate::objective::step_loss::LossInputs;
use crate::policy::PolicySpec;
use crate::rollout::Minibatch;

/// Returns what an entropy bonus adds to each shaped advantage of a minibatch; nothing where there
/// is no such bonus.
pub(crate) fn bonuses(
    inputs: &LossInputs,
    minibatch: &Minibatch,
    estimates: &[Estimate],
) -> Result<Vec<f32>> {
    let LossInputs { policy, objective, normalizer, reduce, .. } = *inputs;
    if !objective.rewards_surprise(policy.spec()) {
        return Ok(Vec::new());
    }
    let samples = minibatch.rollout.t.dim(2)?;
    let mut surprises = with_batch(minibatch, normalizer, |batch, _| {
        (0..estimates.len())
            .map(|k| surprise(&batch, policy.spec(), samples, k))
            .collect::<Vec<_>>()
    })?;

    let excludes = objective.truncation == Truncation::Exclude;
    let counts = |step: &Estimate| step.has_target || !excludes;
    let counted = || surprises.iter().zip(estimates).filter(|(_, step)| counts(step));
    let n = counted().count() as f64;
    let sum: f64 = counted().map(|(surprise, _)| f64::from(*surprise)).sum();
    let count = match excludes {
        true => Some(Tensor::new(n, &Device::Cpu)?),
        false => None,
    };
    let local = Tensor::new(sum / n.max(1.0), &Device::Cpu)?;
    let mean = reduce.mean(local, count.as_ref())?.to_scalar::<f64>()? as f32;
    let coefficient = objective.entropy_coefficient as f32;
    for (surprise, step) in surprises.iter_mut().zip(estimates) {
        *surprise = if counts(step) { coefficient * (*surprise - mean) } else { 0.0 };
    }
    Ok(surprises)
}

/// Returns `S` of transition `k` of `batch`, whose actions have `samples` stored losses each.
fn surprise(batch: &Batch, spec: &PolicySpec, samples: usize, k: usize) -> f32 {
    let (row, dim) = (batch.row(k / batch.unroll_length, k % batch.unroll_length), spec.action_dim);
    let losses = &batch.data.loss_old[row * samples..(row + 1) * samples];
    let action = &batch.data.action[row * dim..(row + 1) * dim];
    let slopes: f32 = match spec.squash {
        Squash::None => 0.0,
        Squash::Tanh => action.iter().map(|&a| log_slope(a)).sum(),
    };
    losses.iter().sum::<f32>() / samples as f32 + slopes
}

/// `ln(1 − tanh² a)`, which falls as `−2|a|` where `tanh` is flat.
fn log_slope(a: f32) -> f32 {
    let size = a.abs();
    2.0 * (std::f32::consts::LN_2 - size - (-2.0 * size).exp().ln_1p())
}
