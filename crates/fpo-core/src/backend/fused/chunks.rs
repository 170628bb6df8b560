//! Spreads the blocks of a pass over threads in such a way that the result does not depend on the
//! number of threads.
//!
//! Blocks are cut into a number of chunks that depends on the number of blocks alone. A chunk's
//! blocks are computed in order and added to the chunk's own sums, and at the end the chunks' sums
//! are added in order.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::backend::fused::kernels::perceptron::Block;

/// Blocks per chunk: enough to keep the cost of adding up the chunks' sums small.
const BLOCKS_PER_CHUNK: usize = 8;
/// Bounds on the number of chunks: enough for two threads, not so many that their sums fill memory.
const CHUNKS: (usize, usize) = (4, 32);

/// Fewest rows of a block: those of one action with as many samples as fill half of the policy's
/// blocks. Smaller minibatches have fewer blocks than are counted with this.
const LEAST_BLOCK_ROWS: usize = 48;

/// About how many rows of activations and slopes a thread of the fused kernels keeps, at most.
pub const MOST_BLOCK_ROWS: usize = 128;

/// Returns the most gradient accumulators that the fused kernels keep for a network in a pass over
/// `rows` rows, for estimates of memory before a network is built.
pub fn max_accumulators(rows: usize) -> usize {
    rows.div_ceil(BLOCKS_PER_CHUNK * LEAST_BLOCK_ROWS).clamp(CHUNKS.0, CHUNKS.1)
}

/// Returns the number of chunks for `blocks` blocks.
fn chunks(blocks: usize) -> usize {
    blocks.div_ceil(BLOCKS_PER_CHUNK).clamp(CHUNKS.0, CHUNKS.1).min(blocks)
}

/// Returns the blocks of chunk `chunk` out of `chunks`.
fn range(chunk: usize, chunks: usize, blocks: usize) -> Range<usize> {
    chunk * blocks / chunks..(chunk + 1) * blocks / chunks
}

/// Cuts `items`, of which each block has `per_block`, into one part per chunk. Returns each part
/// with the number of its first item.
pub(crate) fn parts<T>(items: &mut [T], per_block: usize) -> Vec<(usize, &mut [T])> {
    let blocks = items.len().div_ceil(per_block);
    let chunks = chunks(blocks);
    let mut rest = items;
    let mut first = 0;
    let mut parts = Vec::with_capacity(chunks);
    for chunk in 0..chunks {
        let len = (range(chunk, chunks, blocks).len() * per_block).min(rest.len());
        let (part, tail) = rest.split_at_mut(len);
        parts.push((first, part));
        (rest, first) = (tail, first + len);
    }
    parts
}

/// Buffers of blocks, lent to the threads.
#[derive(Default)]
pub(crate) struct Blocks {
    idle: Mutex<Vec<Block>>,
}

impl Blocks {
    /// Calls `work` with an idle block, or with a new one from `make`, and keeps the block for
    /// later.
    pub(crate) fn lend<R>(
        &self,
        make: impl FnOnce() -> Block,
        work: impl FnOnce(&mut Block) -> R,
    ) -> R {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut block = taken.unwrap_or_else(make);
        let result = work(&mut block);
        idle().push(block);
        result
    }
}

/// Runs `work` on all parts, in parallel; the results come in the order of the parts.
pub(crate) fn for_each<T: Send, R: Send>(
    parts: Vec<T>,
    work: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    parts.into_par_iter().with_max_len(1).map(work).collect()
}
