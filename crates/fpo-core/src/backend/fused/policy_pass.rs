//! The policy's part of a gradient step: losses, ratio, surrogate, gradient.
//!
//! A block consists of some transitions with all their losses ([`super::loss_rows`]).

use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::chunks::{Pool, chunk_len, count, for_each, parts, sum_of};
use crate::backend::fused::flow_rows::{FlowForm, FlowRows};
use crate::backend::fused::gaussian_rows::GaussianRows;
use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::normal::Shape;
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::backend::fused::loss_rows::{Besides, Buffers, LossRows};
use crate::backend::fused::policy_outcome::{Aim, PolicyOutcome};
use crate::backend::fused::shared::{Outcome, Shares};
use crate::error::Result;
use crate::objective::gae::Truncation;
use crate::policy::KernelForm;
use crate::policy::gaussian_config::GaussianConfig;
use crate::reduce::communicator::Communicator;
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// The number of rows that a block should have. With it a small network's activations stay in the
/// first-level cache, and a large one's in the second.
const BLOCK_ROWS: usize = 96;

/// The policy's packed weights and buffers, kept from step to step.
pub(crate) struct PolicyPass {
    kind: Kind,
    net: Perceptron,
    sums: Pool<AlignedVec>,
    buffers: Pool<Buffers>,
    /// Transitions and samples that the buffers are made for.
    size: (usize, usize),
}

/// The policies that have kernels.
enum Kind {
    Flow(FlowForm),
    Gaussian(GaussianConfig),
}

/// Returns how many chunks a pass of the policy over so many `transitions`, each with `losses`
/// losses, has: more threads, on all ranks together, gain nothing.
pub fn policy_chunks(transitions: usize, losses: usize) -> usize {
    count(transitions, transitions_of_block(losses))
}

fn transitions_of_block(losses: usize) -> usize {
    (BLOCK_ROWS / losses.max(1)).max(1)
}

impl PolicyPass {
    /// Returns weights and buffers for a policy of this form.
    pub(crate) fn new<S: Simd>(s: S, form: KernelForm) -> PolicyPass {
        let (kind, net) = match form {
            KernelForm::Flow { flow, chain } => {
                let net = Perceptron::new(s, &flow.sizes(), flow.obs_dim, flow.activation);
                (Kind::Flow(FlowForm::new(s, flow, chain)), net)
            }
            KernelForm::Gaussian(config) => {
                let net = Perceptron::new(s, &config.sizes(), 0, config.activation);
                (Kind::Gaussian(config.clone()), net)
            }
        };
        PolicyPass { kind, net, sums: Pool::default(), buffers: Pool::default(), size: (0, 0) }
    }

    /// Returns whether the buffers are made for this policy.
    pub(crate) fn is_for(&self, form: KernelForm) -> bool {
        match (&self.kind, form) {
            (Kind::Flow(own), KernelForm::Flow { flow, chain }) => own.is_for(flow, chain),
            (Kind::Gaussian(config), KernelForm::Gaussian(other)) => config == other,
            _ => false,
        }
    }

    /// Writes the gradient of `−mean surrogate − entropy_coefficient · mean entropy − ratio_weight
    /// · mean ratio + kinetic_weight · mean energy` with respect to `params` to `gradient`, for
    /// advantages as the surrogate sees them, one per transition of `batch`. With `ranks` each of
    /// them computes its chunks, and all get the gradient.
    ///
    /// # Errors
    /// Those of the ranks.
    #[allow(clippy::too_many_arguments, reason = "a pass reads six things and writes one")]
    pub(crate) fn run<S: Simd>(
        &mut self,
        s: S,
        params: &[f32],
        aim: Aim,
        batch: &Batch,
        map: ObsMap,
        ranks: Option<&dyn Communicator>,
        advantages: &mut [f32],
        gradient: &mut [f32],
    ) -> Result<PolicyOutcome> {
        let samples = batch.data.t.len() / batch.data.reward.len();
        let transitions = self.prepare(s, params, samples);
        let PolicyPass { kind, net, sums, buffers, .. } = self;
        let run = Run { transitions, buffers, sums, ranks };
        match kind {
            Kind::Flow(form) => {
                let learned = &form.learned(s, params);
                let rows = FlowRows { s, form, net, batch, map, samples, learned };
                run.gradient(rows, aim, advantages, gradient)
            }
            Kind::Gaussian(config) => {
                let rows = gaussian_rows(s, config, net, batch, map);
                run.gradient(rows, aim, advantages, gradient)
            }
        }
    }

    /// Writes the loss of every sample of every transition of `batch` to `losses`, in their order.
    ///
    /// # Errors
    /// Those of the ranks.
    #[allow(clippy::too_many_arguments, reason = "a pass reads six things and writes one")]
    pub(crate) fn losses<S: Simd>(
        &mut self,
        s: S,
        params: &[f32],
        batch: &Batch,
        map: ObsMap,
        samples: usize,
        ranks: Option<&dyn Communicator>,
        losses: &mut [f32],
    ) -> Result<()> {
        let transitions = self.prepare(s, params, samples);
        let PolicyPass { kind, net, sums, buffers, .. } = self;
        let run = Run { transitions, buffers, sums, ranks };
        match kind {
            Kind::Flow(form) => {
                let learned = &form.learned(s, params);
                let rows = FlowRows { s, form, net, batch, map, samples, learned };
                run.losses(rows, losses)
            }
            Kind::Gaussian(config) => run.losses(gaussian_rows(s, config, net, batch, map), losses),
        }
    }

    /// Packs the weights, and returns the number of transitions in a block.
    fn prepare<S: Simd>(&mut self, s: S, params: &[f32], samples: usize) -> usize {
        self.net.pack(s, params);
        let transitions = transitions_of_block(samples);
        if self.size != (transitions, samples) {
            (self.buffers, self.size) = (Pool::default(), (transitions, samples));
        }
        transitions
    }
}

fn gaussian_rows<'a, S: Simd>(
    s: S,
    config: &GaussianConfig,
    net: &'a Perceptron,
    batch: &'a Batch<'a>,
    map: ObsMap<'a>,
) -> GaussianRows<'a, S> {
    let shape = Shape::new(config);
    GaussianRows { s, shape, action_dim: config.action_dim, net, batch, map }
}

/// A pass over a minibatch in blocks of some transitions.
struct Run<'a> {
    transitions: usize,
    buffers: &'a Pool<Buffers>,
    sums: &'a Pool<AlignedVec>,
    /// The ranks that share the pass, if it is shared.
    ranks: Option<&'a dyn Communicator>,
}

impl Run<'_> {
    fn gradient<S: Simd>(
        &self,
        rows: impl LossRows<S>,
        aim: Aim,
        advantages: &mut [f32],
        gradient: &mut [f32],
    ) -> Result<PolicyOutcome> {
        let Run { transitions, buffers, sums, ranks } = *self;
        let pass = Pass { rows, aim };
        let layout = rows.net().gradient();
        let chunk = |(first, advantages): (usize, &mut [f32])| {
            let mut own = buffers.take(|| rows.buffers(transitions));
            let mut sum = sums.take(|| AlignedVec::zeros(layout.len() + rows.tail()));
            sum[layout.len()..].fill(0.0);
            let mut outcome = PolicyOutcome::NOTHING;
            for (k, advantages) in advantages.chunks(transitions).enumerate() {
                let first = first + k * transitions;
                let write = Write::for_block(k);
                pass.block(rows.s(), first, advantages, &mut own, write, &mut sum, &mut outcome);
            }
            buffers.give(own);
            (sum, outcome)
        };
        let parts = parts(advantages, transitions);
        let total = match ranks {
            None => {
                let add = |left: (AlignedVec, PolicyOutcome),
                           right: (AlignedVec, PolicyOutcome)| {
                    (sums.add(left.0, right.0), left.1.and(right.1))
                };
                sum_of(parts, &chunk, &add)
            }
            Some(ranks) => {
                let (shares, len) = (Shares::new(ranks, parts.len()), layout.len() + rows.tail());
                shares.sum_of(parts, len, sums, &chunk, |_| ())?
            }
        };
        let Some((total, outcome)) = total else { return Ok(PolicyOutcome::NOTHING) };
        layout.write(&total, gradient);
        // What follows the network's parameters lies behind its accumulators too.
        rows.write_tail(&total[layout.len()..][..rows.tail()], gradient);
        sums.give(total);
        Ok(outcome)
    }

    fn losses<S: Simd>(&self, rows: impl LossRows<S>, losses: &mut [f32]) -> Result<()> {
        let Run { transitions, buffers, ranks, .. } = *self;
        let samples = rows.samples();
        let per_block = transitions * samples;
        let chunk_len = chunk_len(losses.len(), per_block);
        let mut parts = parts(losses, per_block);
        let shares = ranks.map(|ranks| Shares::new(ranks, parts.len()));
        if let Some(shares) = shares {
            parts = shares.own(parts).collect();
        }
        for_each(parts, |(first, losses)| {
            let first = first / samples;
            let mut own = buffers.take(|| rows.buffers(transitions));
            for (k, losses) in losses.chunks_mut(per_block).enumerate() {
                let first = first + k * transitions;
                rows.forward(first, losses.len() / samples, Keep::Nothing, &mut own);
                rows.losses(first, &mut own, losses);
            }
            buffers.give(own);
        });
        match shares {
            Some(shares) => shares.complete(
                losses,
                chunk_len,
                |loss| [loss.to_bits()],
                |&[word]| f32::from_bits(word),
            ),
            None => Ok(()),
        }
    }
}

/// The data that all blocks of a gradient pass read.
struct Pass<'a, R> {
    rows: R,
    aim: Aim<'a>,
}

impl<R> Pass<'_, R> {
    /// Computes losses, ratios and gradients of the transitions from `first` on, one per advantage.
    #[allow(clippy::too_many_arguments, reason = "a block reads three things and writes three")]
    fn block<S: Simd>(
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
        let Pass { rows, aim } = self;
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
