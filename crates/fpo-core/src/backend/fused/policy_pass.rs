//! The policy's part of a gradient step: losses, ratio, surrogate, gradient.
//!
//! A block consists of some transitions with all their samples (Monte-Carlo pairs, or the steps of
//! a chain), one row per sample. The observation's share of the first layer is computed once per
//! transition.

use crate::backend::fused::advantage::{Estimate, Shaping};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::chunks::{Blocks, for_each, parts};
use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::math::TimeEmbedding;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::backend::fused::policy_rows::PolicyRows;
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::objective::{Objective, RatioKind};
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// The number of rows that a block should have. With it a small network's activations stay in the
/// first-level cache, and a large one's in the second.
const BLOCK_ROWS: usize = 96;

/// The policy's packed weights and buffers, kept from step to step.
pub(crate) struct PolicyPass {
    config: FlowConfig,
    chain: Option<DenoisingMdp>,
    net: Perceptron,
    embedding: TimeEmbedding,
    sums: Vec<AlignedVec>,
    blocks: Blocks,
    /// Transitions and samples that the blocks are made for.
    block_size: (usize, usize),
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
}

impl PolicyPass {
    /// Returns weights and buffers for a flow, whose sampler may be a chain.
    pub(crate) fn new<S: Simd>(
        s: S,
        config: &FlowConfig,
        chain: Option<DenoisingMdp>,
    ) -> PolicyPass {
        let net = Perceptron::new(s, &config.sizes(), config.obs_dim, config.activation);
        PolicyPass {
            config: config.clone(),
            chain,
            net,
            embedding: TimeEmbedding::new(s, config.time_embedding),
            sums: Vec::new(),
            blocks: Blocks::default(),
            block_size: (0, 0),
        }
    }

    /// Returns whether the buffers are made for this policy.
    pub(crate) fn is_for(&self, config: &FlowConfig, chain: Option<DenoisingMdp>) -> bool {
        self.config == *config && self.chain == chain
    }

    /// Writes the gradient of `−mean surrogate` with respect to `params` to `gradient`. `shaping`
    /// is applied to the advantages of `estimates`, one per transition of `batch`.
    #[allow(clippy::too_many_arguments, reason = "a pass reads five things and writes one")]
    pub(crate) fn run<S: Simd>(
        &mut self,
        s: S,
        params: &[f32],
        objective: &Objective,
        batch: &Batch,
        map: ObsMap,
        estimates: &[Estimate],
        shaping: Shaping,
        gradient: &mut [f32],
    ) -> PolicyOutcome {
        self.net.pack(s, params);
        let samples = batch.data.t.len() / batch.data.reward.len();
        let transitions = (BLOCK_ROWS / samples).max(1);
        self.fit_blocks((transitions, samples));
        // Each advantage is copied once; the parts into which the copies are cut define the chunks.
        let mut advantages: Vec<f32> =
            estimates.iter().map(|estimate| shaping.apply(estimate)).collect();
        let parts = parts(&mut advantages, transitions);
        self.sums.resize_with(parts.len(), || AlignedVec::zeros(self.net.gradient().len()));
        let work = parts.into_iter().zip(&mut self.sums).collect();

        let (net, blocks) = (&self.net, &self.blocks);
        let (config, chain, embedding) = (&self.config, self.chain, &self.embedding);
        let rows = PolicyRows { s, config, chain, net, embedding, batch, map };
        let pass = Pass { rows, objective, samples };
        let make = || rows.block(transitions, samples);
        let outcomes = for_each(
            work,
            |((first, advantages), sums): ((usize, &mut [f32]), &mut AlignedVec)| {
                blocks.lend(make, |block| {
                    let mut outcome = PolicyOutcome::NOTHING;
                    for (k, advantages) in advantages.chunks(transitions).enumerate() {
                        let first = first + k * transitions;
                        let write = Write::for_block(k);
                        pass.block(first, advantages, block, write, sums, &mut outcome);
                    }
                    outcome
                })
            },
        );
        let sums: Vec<&[f32]> = self.sums.iter().map(|sums| &**sums).collect();
        self.net.gradient().reduce(&sums, gradient);
        outcomes.into_iter().fold(PolicyOutcome::NOTHING, PolicyOutcome::and)
    }

    /// Writes the loss of every sample of every transition of `batch` to `losses`, in their order.
    pub(crate) fn losses<S: Simd>(
        &mut self,
        s: S,
        params: &[f32],
        batch: &Batch,
        map: ObsMap,
        samples: usize,
        losses: &mut [f32],
    ) {
        self.net.pack(s, params);
        let transitions = (BLOCK_ROWS / samples).max(1);
        self.fit_blocks((transitions, samples));
        let per_block = transitions * samples;
        let parts = parts(losses, per_block);
        let (net, blocks) = (&self.net, &self.blocks);
        let (config, chain, embedding) = (&self.config, self.chain, &self.embedding);
        let rows = PolicyRows { s, config, chain, net, embedding, batch, map };
        let make = || rows.block(transitions, samples);
        for_each(parts, |(first, losses)| {
            let first = first / samples;
            blocks.lend(make, |block| {
                for (k, losses) in losses.chunks_mut(per_block).enumerate() {
                    let count = losses.len() / samples;
                    rows.forward(first + k * transitions, count, samples, Keep::Nothing, block);
                    rows.losses(first + k * transitions, samples, block, losses);
                }
            })
        });
    }

    fn fit_blocks(&mut self, size: (usize, usize)) {
        if self.block_size != size {
            (self.blocks, self.block_size) = (Blocks::default(), size);
        }
    }
}

impl PolicyOutcome {
    const NOTHING: PolicyOutcome = PolicyOutcome {
        loss_old: 0.0,
        loss_new: 0.0,
        surrogate: 0.0,
        ratio: 0.0,
        ratio_squares: 0.0,
        divergence: 0.0,
        ratio_min: f64::INFINITY,
        ratio_max: f64::NEG_INFINITY,
        clipped: 0.0,
    };

    /// Adds a ratio, given as its logarithm before it is bounded, and its surrogate. Returns the
    /// surrogate's derivative with respect to that logarithm.
    fn add_ratio(&mut self, objective: &Objective, log_ratio: f64, advantage: f64) -> f64 {
        let bound = objective.log_ratio_clamp.unwrap_or(f64::INFINITY);
        let guarded = objective.guards().bound_scalar(log_ratio);
        let clamped = guarded.clamp(-bound, bound);
        let ratio = clamped.exp();
        let clip = objective.clip_epsilon;
        let (value, slope) = objective.surrogate.evaluate_scalar(ratio, advantage, clip);
        self.surrogate += value;
        self.ratio += ratio;
        self.ratio_squares += ratio * ratio;
        self.divergence += ratio - 1.0 - clamped;
        self.ratio_min = self.ratio_min.min(ratio);
        self.ratio_max = self.ratio_max.max(ratio);
        self.clipped += f64::from(u8::from((ratio - 1.0).abs() > clip));
        if guarded.abs() > bound { 0.0 } else { slope * ratio }
    }

    fn and(self, other: PolicyOutcome) -> PolicyOutcome {
        PolicyOutcome {
            loss_old: self.loss_old + other.loss_old,
            loss_new: self.loss_new + other.loss_new,
            surrogate: self.surrogate + other.surrogate,
            ratio: self.ratio + other.ratio,
            ratio_squares: self.ratio_squares + other.ratio_squares,
            divergence: self.divergence + other.divergence,
            ratio_min: self.ratio_min.min(other.ratio_min),
            ratio_max: self.ratio_max.max(other.ratio_max),
            clipped: self.clipped + other.clipped,
        }
    }
}

/// The data that all blocks of a gradient pass read.
struct Pass<'a, S> {
    rows: PolicyRows<'a, S>,
    objective: &'a Objective,
    samples: usize,
}

impl<S: Simd> Pass<'_, S> {
    /// Computes losses, ratios and gradients of the transitions from `first` on, one per advantage.
    fn block(
        &self,
        first: usize,
        advantages: &[f32],
        block: &mut Block,
        write: Write,
        sums: &mut [f32],
        outcome: &mut PolicyOutcome,
    ) {
        let Pass { rows, samples, .. } = *self;
        let count = advantages.len();
        let mut losses = [0.0; BLOCK_ROWS];
        let mut long;
        let losses = match count * samples {
            few if few <= BLOCK_ROWS => &mut losses[..few],
            many => {
                long = vec![0.0; many];
                &mut long[..]
            }
        };
        rows.forward(first, count, samples, Keep::Slopes, block);
        rows.losses(first, samples, block, losses);

        let dim = rows.config.action_dim;
        let mut outputs = block.output.chunks_exact_mut(block.output_stride);
        for (k, (&advantage, losses)) in
            advantages.iter().zip(losses.chunks_exact_mut(samples)).enumerate()
        {
            let row = rows.row(first + k);
            let old = &rows.batch.data.loss_old[row * samples..(row + 1) * samples];
            self.surrogate(advantage, old, losses, outcome);
            for (&slope, out) in losses.iter().zip(&mut outputs) {
                out[..dim].iter_mut().for_each(|x| *x *= slope);
            }
        }
        rows.net.backward(rows.s, count * samples, samples, block, write, sums);
    }

    /// Adds one action's surrogate to `outcome`, and replaces the action's losses in `new` by
    /// `d(−mean surrogate)/d loss`.
    fn surrogate(&self, advantage: f32, old: &[f32], new: &mut [f32], outcome: &mut PolicyOutcome) {
        let (objective, n) = (self.objective, self.samples as f64);
        let transitions = self.rows.batch.transitions() as f64;
        let advantage = f64::from(advantage);
        outcome.loss_old += old.iter().map(|&x| f64::from(x)).sum::<f64>();
        outcome.loss_new += new.iter().map(|&x| f64::from(x)).sum::<f64>();
        let guards = objective.guards();
        let guarded = |old: f32, new: f32| {
            guards.difference_scalar(f64::from(old), f64::from(new), advantage)
        };
        match objective.ratio {
            RatioKind::PerAction => {
                let mut sum = 0.0;
                for (&old, new) in old.iter().zip(&mut *new) {
                    let (difference, slope) = guarded(old, *new);
                    sum += difference;
                    *new = slope as f32;
                }
                let slope = -outcome.add_ratio(objective, sum / n, advantage) / (n * transitions);
                new.iter_mut().for_each(|guard_slope| *guard_slope *= slope as f32);
            }
            RatioKind::PerSample => {
                for (&old, new) in old.iter().zip(new) {
                    let (difference, slope) = guarded(old, *new);
                    let ratio_slope = outcome.add_ratio(objective, difference, advantage);
                    *new = (-ratio_slope * slope / (n * transitions)) as f32;
                }
            }
        }
    }
}
