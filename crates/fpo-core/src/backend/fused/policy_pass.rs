//! The policy's part of a gradient step, in chunks of blocks ([`super::policy_block`]), and the
//! losses that are stored with a rollout.

use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::chunks::{Pool, chunk_len, count, for_each, parts, sum_of};
use crate::backend::fused::flow_rows::{FlowForm, FlowRows};
use crate::backend::fused::gaussian_rows::GaussianRows;
use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::normal::Shape;
use crate::backend::fused::kernels::perceptron::{Keep, Perceptron};
use crate::backend::fused::loss_rows::{Buffers, LossRows};
use crate::backend::fused::policy_block::{BLOCK_ROWS, Blocks};
use crate::backend::fused::policy_outcome::{Aim, PolicyOutcome};
use crate::backend::fused::shared::{Outcome, Shares};
use crate::error::Result;
use crate::policy::KernelForm;
use crate::policy::gaussian_config::GaussianConfig;
use crate::reduce::communicator::Communicator;
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

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
        let blocks = Blocks { rows, aim };
        let layout = rows.net().gradient();
        let chunk = |(first, advantages): (usize, &mut [f32])| {
            let mut own = buffers.take(|| rows.buffers(transitions));
            let mut sum = sums.take(|| AlignedVec::zeros(layout.len() + rows.tail()));
            sum[layout.len()..].fill(0.0);
            let mut outcome = PolicyOutcome::NOTHING;
            for (k, advantages) in advantages.chunks(transitions).enumerate() {
                let first = first + k * transitions;
                let write = Write::for_block(k);
                blocks.add(rows.s(), first, advantages, &mut own, write, &mut sum, &mut outcome);
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
