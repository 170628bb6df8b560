//! Spreads the blocks of a pass over threads in such a way that the result does not depend on the
//! number of threads.
//!
//! Consecutive blocks make a chunk, as many as the number of blocks alone decides. A chunk's blocks
//! are computed in order and added to the chunk's own sums. The chunks' sums are added in a binary
//! tree that is full on its left: of n chunks, the left subtree has the largest power of two below
//! n.
//!
//! ```text
//! n = 6:  ((0 + 1) + (2 + 3)) + (4 + 5)
//! ```
//!
//! A thread that is free takes the largest subtree that nobody has begun, so a slow thread delays
//! the others by one chunk at most; and whoever has a subtree of its own needs nothing from the
//! others until it is added up.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::simd::aligned::AlignedVec;
use crate::simd::isa::vectorized;

/// Most blocks per chunk: enough to keep the cost of adding up the chunks' sums small.
const MOST_BLOCKS_PER_CHUNK: usize = 8;
/// Chunks that a pass should have before chunks get larger than one block.
const ENOUGH_CHUNKS: usize = 16;

/// Fewest rows of a block: those of one action with as many samples as fill half of the policy's
/// blocks. Smaller minibatches have fewer blocks than are counted with this.
const LEAST_BLOCK_ROWS: usize = 48;

/// About how many rows of activations and slopes a thread of the fused kernels keeps, at most.
pub const MOST_BLOCK_ROWS: usize = 128;

/// Returns how many gradient accumulators the fused kernels keep for a network in a pass over
/// `rows` rows on `threads` threads, for estimates of memory before a network is built. A thread
/// holds one for each level of the tree and one for the chunk that it is at, so they grow with the
/// threads, and only with the logarithm of the chunks.
pub fn max_accumulators(rows: usize, threads: usize) -> usize {
    let blocks = rows.div_ceil(LEAST_BLOCK_ROWS).max(1);
    let chunks = blocks.div_ceil(blocks_per_chunk(blocks));
    chunks.min(threads * (chunks.ilog2() as usize + 2))
}

/// Returns the number of blocks per chunk where there are `blocks` blocks.
fn blocks_per_chunk(blocks: usize) -> usize {
    (blocks / ENOUGH_CHUNKS).clamp(1, MOST_BLOCKS_PER_CHUNK)
}

/// Returns how many of `items` items, of which each block has `per_block`, make a chunk.
pub(crate) fn chunk_len(items: usize, per_block: usize) -> usize {
    per_block * blocks_per_chunk(items.div_ceil(per_block))
}

/// Returns how many chunks `items` items make, of which each block has `per_block`.
pub(crate) fn count(items: usize, per_block: usize) -> usize {
    items.div_ceil(chunk_len(items, per_block).max(1))
}

/// Returns how many of `chunks` chunks, two at least, belong to the left subtree.
pub(crate) fn left_of(chunks: usize) -> usize {
    chunks.next_power_of_two() / 2
}

/// Cuts `items`, of which each block has `per_block`, into one part per chunk. Returns each part
/// with the number of its first item.
pub(crate) fn parts<T>(items: &mut [T], per_block: usize) -> Vec<(usize, &mut [T])> {
    let size = chunk_len(items.len(), per_block);
    items.chunks_mut(size).enumerate().map(|(chunk, part)| (chunk * size, part)).collect()
}

/// Runs `work` on all parts, in parallel, and adds up the results by `add` in the tree. Without
/// parts there is no result.
pub(crate) fn sum_of<T: Send, R: Send>(
    mut parts: Vec<T>,
    work: &(impl Fn(T) -> R + Sync),
    add: &(impl Fn(R, R) -> R + Sync),
) -> Option<R> {
    if parts.len() < 2 {
        return parts.pop().map(work);
    }
    let right = parts.split_off(left_of(parts.len()));
    let sums = rayon::join(|| sum_of(parts, work, add), || sum_of(right, work, add));
    match sums {
        (Some(left), Some(right)) => Some(add(left, right)),
        (left, right) => left.or(right),
    }
}

/// Runs `work` on all parts, in parallel.
pub(crate) fn for_each<T: Send>(parts: Vec<T>, work: impl Fn(T) + Send + Sync) {
    parts.into_par_iter().with_max_len(1).for_each(work);
}

/// Buffers that are lent to threads and kept for the next step. The one that came back last is lent
/// first, because it is likely to be in a cache.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { idle: Mutex::new(Vec::new()) }
    }
}

impl<T> Pool<T> {
    /// Returns an idle buffer, or a new one from `make`.
    pub(crate) fn take(&self, make: impl FnOnce() -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(make)
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: T) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

impl Pool<AlignedVec> {
    /// Adds `right` to `left`, and takes it back.
    pub(crate) fn add(&self, mut left: AlignedVec, right: AlignedVec) -> AlignedVec {
        add(&mut left, &right);
        self.give(right);
        left
    }
}

/// Adds `right` to `left`.
pub(crate) fn add(left: &mut [f32], right: &[f32]) {
    let sums = left.iter_mut().zip(right);
    vectorized(
        #[inline(always)]
        || sums.for_each(|(left, right)| *left += right),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How `n` chunks are added, in words.
    fn tree(n: usize) -> String {
        let work = |k: usize| k.to_string();
        let add = |left: String, right: String| format!("({left}{right})");
        sum_of((0..n).collect(), &work, &add).unwrap_or_default()
    }

    #[test]
    fn chunks_are_added_in_a_tree_whose_left_side_is_full() {
        assert_eq!(tree(0), "");
        assert_eq!(tree(1), "0");
        assert_eq!(tree(2), "(01)");
        assert_eq!(tree(3), "((01)2)");
        assert_eq!(tree(6), "(((01)(23))(45))");
        assert_eq!(tree(8), "(((01)(23))((45)(67)))");
    }

    #[test]
    fn the_tree_is_the_same_for_any_number_of_threads() {
        let expected = tree(77);
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| tree(77)), expected);
        }
    }

    #[test]
    fn parts_are_whole_blocks_and_grow_more_with_the_number_of_blocks_without_a_bound() {
        for (blocks, chunks) in
            [(1, 1), (4, 4), (16, 16), (40, 20), (64, 16), (512, 64), (4096, 512)]
        {
            let mut items: Vec<usize> = (0..blocks * 5 - 2).collect();
            let parts = parts(&mut items, 5);
            assert_eq!(parts.len(), chunks, "{blocks}");
            let mut next = 0;
            for (first, part) in parts {
                assert_eq!((first % 5, first, part[0]), (0, next, next));
                next += part.len();
            }
            assert_eq!(next, items.len());
        }
    }

    #[test]
    fn a_thread_alone_keeps_no_more_accumulators_than_were_announced() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for blocks in [1, 2, 15, 60, 700] {
            let rows = blocks * LEAST_BLOCK_ROWS;
            let mut items = vec![0; rows];
            let accumulators = Pool::default();
            let work = |_| accumulators.take(|| AlignedVec::zeros(4));
            let sum = pool.install(|| {
                let parts = parts(&mut items, LEAST_BLOCK_ROWS);
                sum_of(parts, &work, &|left, right| accumulators.add(left, right))
            });
            accumulators.give(sum.unwrap());
            let kept = accumulators.idle.lock().unwrap().len();
            assert!(kept <= max_accumulators(rows, 1), "{kept} for {blocks} blocks");
        }
    }
}
