//! The value network's part of a gradient step: values, advantages, value loss, gradient.
//!
//! A block consists of whole sub-sequences, followed by their bootstrap observations. Its
//! advantages therefore need nothing from other blocks, and the activations of the forward pass are
//! still in the cache when the backward pass reads them.

use std::time::{Duration, Instant};

use crate::backend::fused::advantage::{Estimate, estimate_sequence};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::chunks::{Pool, chunk_len, count, parts, sum_of};
use crate::backend::fused::kernels::gradients::Write;
use crate::backend::fused::kernels::perceptron::{Block, Keep, Perceptron};
use crate::backend::fused::shared::{Outcome, Shares};
use crate::error::Result;
use crate::nn::mlp::{Activation, Mlp};
use crate::objective::Objective;
use crate::reduce::communicator::Communicator;
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// The number of rows that a block should have: enough to pay for reading all weights once, few
/// enough for a second-level cache of 512 KB.
const BLOCK_ROWS: usize = 60;

/// The value network's packed weights and buffers, kept from step to step.
pub(crate) struct ValuePass {
    sizes: Vec<usize>,
    activation: Activation,
    net: Perceptron,
    sums: Pool<AlignedVec>,
    blocks: Pool<Block>,
    block_rows: usize,
}

/// The sums and the times of a pass.
#[derive(Clone, Copy)]
pub(crate) struct ValueOutcome {
    /// Σ (R − V)² over the transitions that have a target.
    pub(crate) squares: f64,
    /// Σ (R − V) over the same transitions.
    pub(crate) errors: f64,
    /// Thread time in the advantage estimator, and in the whole pass.
    pub(crate) time: [Duration; 2],
}

impl Outcome for ValueOutcome {
    const NOTHING: ValueOutcome =
        ValueOutcome { squares: 0.0, errors: 0.0, time: [Duration::ZERO; 2] };

    /// The times of other ranks are theirs.
    fn numbers(&mut self) -> Vec<&mut f64> {
        let ValueOutcome { squares, errors, time: _ } = self;
        vec![squares, errors]
    }

    fn and(self, other: ValueOutcome) -> ValueOutcome {
        ValueOutcome {
            squares: self.squares + other.squares,
            errors: self.errors + other.errors,
            time: [self.time[0] + other.time[0], self.time[1] + other.time[1]],
        }
    }
}

/// Returns how many chunks a pass of the value network over so many `transitions` has, in
/// sub-sequences of `unroll_length` steps: more threads, on all ranks together, gain nothing.
pub fn value_chunks(transitions: usize, unroll_length: usize) -> usize {
    count(transitions, sequences_of_block(unroll_length) * unroll_length.max(1))
}

fn sequences_of_block(unroll_length: usize) -> usize {
    (BLOCK_ROWS / unroll_length.max(1)).max(1)
}

impl ValuePass {
    /// Returns weights and buffers for a network of `sizes`.
    pub(crate) fn new<S: Simd>(s: S, sizes: &[usize], activation: Activation) -> ValuePass {
        let net = Perceptron::new(s, sizes, 0, activation);
        ValuePass {
            sizes: sizes.to_vec(),
            activation,
            net,
            sums: Pool::default(),
            blocks: Pool::default(),
            block_rows: 0,
        }
    }

    /// Returns whether the buffers are made for this network.
    pub(crate) fn is_for(&self, mlp: &Mlp) -> bool {
        self.sizes == mlp.sizes() && self.activation == mlp.activation()
    }

    /// Writes values, advantages and targets, one per transition of `batch`, to `estimates`, and
    /// the gradient of `value_coefficient · mean (R − V)²` with respect to `params` to `gradient`.
    /// With `ranks` each of them computes its chunks, and all get all estimates and the gradient.
    ///
    /// # Errors
    /// Those of the ranks.
    #[allow(clippy::too_many_arguments, reason = "a pass reads five things and writes two")]
    pub(crate) fn run<S: Simd>(
        &mut self,
        s: S,
        params: &[f32],
        objective: &Objective,
        batch: &Batch,
        map: ObsMap,
        ranks: Option<&dyn Communicator>,
        estimates: &mut [Estimate],
        gradient: &mut [f32],
    ) -> Result<ValueOutcome> {
        self.net.pack(s, params);
        let length = batch.unroll_length;
        let sequences = sequences_of_block(length);
        let rows = sequences * (length + 1);
        if self.block_rows != rows {
            (self.blocks, self.block_rows) = (Pool::default(), rows);
        }
        let (net, blocks, sums) = (&self.net, &self.blocks, &self.sums);
        let pass = Pass { s, net, objective, batch, map };
        let chunk = |(first, estimates): (usize, &mut [Estimate])| {
            let first = first / length;
            let mut block = blocks.take(|| net.block(rows, 0, 0));
            let mut own = sums.take(|| AlignedVec::zeros(net.gradient().len()));
            let clock = Instant::now();
            let mut outcome = ValueOutcome::NOTHING;
            for (k, estimates) in estimates.chunks_mut(sequences * length).enumerate() {
                let (first, write) = (first + k * sequences, Write::for_block(k));
                pass.block(first, estimates, &mut block, write, &mut own, &mut outcome);
            }
            outcome.time[1] = clock.elapsed();
            blocks.give(block);
            (own, outcome)
        };
        let chunk_len = chunk_len(estimates.len(), sequences * length);
        let parts = parts(estimates, sequences * length);
        let total = match ranks {
            None => {
                let add = |left: (AlignedVec, ValueOutcome), right: (AlignedVec, ValueOutcome)| {
                    (sums.add(left.0, right.0), left.1.and(right.1))
                };
                sum_of(parts, &chunk, &add)
            }
            Some(ranks) => {
                let shares = Shares::new(ranks, parts.len());
                let (len, mut own) = (net.gradient().len(), ValueOutcome::NOTHING);
                let look = |outcome: &ValueOutcome| own = own.and(*outcome);
                let mut total = shares.sum_of(parts, len, sums, &chunk, look)?;
                if let Some((_, outcome)) = &mut total {
                    outcome.time = own.time;
                }
                shares.complete(estimates, chunk_len, Estimate::words, Estimate::from_words)?;
                total
            }
        };
        let Some((total, outcome)) = total else { return Ok(ValueOutcome::NOTHING) };
        net.gradient().write(&total, gradient);
        sums.give(total);
        Ok(outcome)
    }
}

/// The data that all blocks of a pass read.
struct Pass<'a, S> {
    s: S,
    net: &'a Perceptron,
    objective: &'a Objective,
    batch: &'a Batch<'a>,
    map: ObsMap<'a>,
}

impl<S: Simd> Pass<'_, S> {
    /// Computes the sub-sequences from `first` on, as many as `estimates` has room for.
    fn block(
        &self,
        first: usize,
        estimates: &mut [Estimate],
        block: &mut Block,
        write: Write,
        sums: &mut [f32],
        outcome: &mut ValueOutcome,
    ) {
        let Pass { s, net, objective, batch, map } = *self;
        let length = batch.unroll_length;
        let (sequences, trained) = (estimates.len() / length, estimates.len());
        let rows = trained + sequences;
        let (own, bootstrap) =
            block.input[..rows * block.input_stride].split_at_mut(trained * block.input_stride);
        for (k, x) in own.chunks_exact_mut(block.input_stride).enumerate() {
            map.write(batch.data.obs, batch.row(first + k / length, k % length), x);
        }
        for (k, x) in bootstrap.chunks_exact_mut(block.input_stride).enumerate() {
            map.write(batch.data.bootstrap_obs, batch.bootstrap_row(first + k), x);
        }
        net.forward(s, rows, 1, map.mean.len(), None, Keep::Slopes, block);

        let clock = Instant::now();
        let stride = block.output_stride;
        for (k, estimates) in estimates.chunks_exact_mut(length).enumerate() {
            for (step, estimate) in estimates.iter_mut().enumerate() {
                estimate.value = block.output[(k * length + step) * stride];
            }
            estimate_sequence(
                objective,
                batch,
                first + k,
                block.output[(trained + k) * stride],
                estimates,
            );
        }
        outcome.time[0] += clock.elapsed();

        // d/dV of c/n · Σ (R − V)², where R counts as a constant.
        let scale = -2.0 * objective.value_coefficient / batch.transitions() as f64;
        for (k, estimate) in estimates.iter().enumerate() {
            let counts = f32::from(u8::from(estimate.has_target));
            let error = (estimate.target - estimate.value) * counts;
            outcome.squares += f64::from(error) * f64::from(error);
            outcome.errors += f64::from(error);
            block.output[k * stride] = (scale * f64::from(error * counts)) as f32;
        }
        net.backward(s, trained, 1, block, write, sums);
    }
}
