//! A block of the policy's gradient step: losses, ratios, surrogate and gradient of some
//! transitions with all their losses ([`super::loss_rows`]).

use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::perceptron::Keep;
use crate::backend::fused::loss_rows::{Besides, Buffers, LossRows};
use crate::backend::fused::policy_outcome::{Aim, PolicyOutcome};
use crate::objective::gae::Truncation;
use crate::simd::vector::Simd;

/// The number of rows that a block should have. With it a small network's activations stay in the
/// first-level cache, and a large one's in the second.
pub(crate) const BLOCK_ROWS: usize = 96;

/// What all blocks of a gradient pass read.
pub(crate) struct Blocks<'a, R> {
    pub(crate) rows: R,
    pub(crate) aim: Aim<'a>,
}

impl<R> Blocks<'_, R> {
    /// Computes losses, ratios and gradients of the transitions from `first` on, one per advantage,
    /// and adds the gradients to `sums` and all else to `outcome`.
    #[allow(clippy::too_many_arguments, reason = "a block reads three things and writes three")]
    pub(crate) fn add<S: Simd>(
        &self,
        s: S,
        first: usize,
        advantages: &[f32],
        buffers: &mut Buffers,
        write: Write,
        sums: &mut [f32],
        outcome: &mut PolicyOutcome,
    ) where
        R: LossRows<S>,
    {
        let Blocks { rows, aim } = self;
        let (count, samples) = (advantages.len(), rows.samples());
        let mut losses = [0.0; BLOCK_ROWS];
        let mut long;
        let losses = match count * samples {
            few if few <= BLOCK_ROWS => &mut losses[..few],
            many => {
                long = vec![0.0; many];
                &mut long[..]
            }
        };
        rows.forward(first, count, Keep::Slopes, buffers);
        rows.losses(first, buffers, losses);

        let transitions = rows.batch().transitions() as f64;
        let excludes = aim.objective.truncation == Truncation::Exclude;
        for (k, (&advantage, losses)) in
            advantages.iter().zip(losses.chunks_exact_mut(samples)).enumerate()
        {
            let row = rows.row(first + k);
            let old = &rows.batch().data.loss_old[row * samples..(row + 1) * samples];
            let is_excluded = rows.batch().data.truncated[row] != 0.0 && excludes;
            let ratio_weight = if is_excluded { 0.0 } else { aim.ratio_weight };
            let aim = Aim { ratio_weight, ..*aim };
            surrogate(aim, transitions, advantage, old, losses, outcome);
        }
        let besides = Besides {
            entropy: (-aim.objective.entropy_coefficient / transitions) as f32,
            energy: (aim.objective.kinetic_weight / (transitions * samples as f64)) as f32,
        };
        let (sums, tail) = sums.split_at_mut(rows.net().gradient().len());
        let extras = rows.slopes(first, losses, besides, buffers, tail);
        outcome.entropy += extras.entropy;
        outcome.energy += extras.energy;
        rows.net().backward(s, count * samples, samples, &mut buffers.net, write, sums);
        rows.behind_inputs(first, buffers, tail);
    }
}

/// Adds one action's surrogate to `outcome`, and replaces the action's losses in `new` by
/// the derivatives of `−mean surrogate − ratio_weight · mean ratio`.
fn surrogate(
    aim: Aim,
    transitions: f64,
    advantage: f32,
    old: &[f32],
    new: &mut [f32],
    outcome: &mut PolicyOutcome,
) {
    let (objective, n) = (aim.objective, old.len() as f64);
    let advantage = f64::from(advantage);
    outcome.loss_old += old.iter().map(|&x| f64::from(x)).sum::<f64>();
    outcome.loss_new += new.iter().map(|&x| f64::from(x)).sum::<f64>();
    let guards = objective.guards();
    let guarded =
        |old: f32, new: f32| guards.difference_scalar(f64::from(old), f64::from(new), advantage);
    let group = objective.ratio.group(old.len());
    for (old, new) in old.chunks_exact(group).zip(new.chunks_exact_mut(group)) {
        let mut sum = 0.0;
        for (&old, new) in old.iter().zip(&mut *new) {
            let (difference, slope) = guarded(old, *new);
            sum += difference;
            *new = slope as f32;
        }
        let ratio_slope = outcome.add_ratio(aim, sum / group as f64, advantage);
        let slope = (-ratio_slope / (n * transitions)) as f32;
        new.iter_mut().for_each(|guard_slope| *guard_slope *= slope);
    }
}
