//! Shares the chunks of a pass between ranks in such a way that the result does not depend on the
//! number of ranks: it is added up in the tree in which one process adds ([`super::chunks`]).
//!
//! Each rank computes a run of neighbouring chunks, and adds up the largest subtrees that are
//! wholly its own, here in brackets:
//!
//! ```text
//! 3 ranks, n = 6:   ([0 + 1] + [2 + 3]) + [4 + 5]
//! 2 ranks, n = 6:   ([0 + 1] + ([2] + [3])) + [4 + 5]      0 to 2 and 3 to 5
//! ```
//!
//! The rest of the tree is added by all: each rank gets a slice of every subtree's gradient, adds
//! the slices along the tree, and hands its sum to the others. What a pass adds up besides the
//! gradient is small, and goes to all ranks at once.

#[cfg(test)]
mod tests;

use std::iter::Peekable;
use std::ops::Range;

use rayon::prelude::*;

use crate::backend::fused::chunks::{Pool, add, left_of, sum_of};
use crate::error::Result;
use crate::reduce::communicator::Communicator;
use crate::simd::aligned::AlignedVec;

/// What a pass adds up besides the gradient.
pub(crate) trait Outcome: Copy + Send {
    /// That of no chunks.
    const NOTHING: Self;

    /// Returns the numbers that other ranks must know.
    fn numbers(&mut self) -> Vec<&mut f64>;

    /// Returns the sums over both.
    fn and(self, other: Self) -> Self;
}

/// The runs of a pass's chunks that belong to each rank.
#[derive(Clone, Copy)]
pub(crate) struct Shares<'a> {
    ranks: &'a dyn Communicator,
    chunks: usize,
}

impl<'a> Shares<'a> {
    /// Shares so many chunks between `ranks`.
    pub(crate) fn new(ranks: &'a dyn Communicator, chunks: usize) -> Shares<'a> {
        Shares { ranks, chunks }
    }

    fn of(self, rank: usize) -> Range<usize> {
        let size = self.ranks.size();
        rank * self.chunks / size..(rank + 1) * self.chunks / size
    }

    /// Returns this rank's parts of all.
    pub(crate) fn own<T>(self, parts: Vec<T>) -> impl Iterator<Item = T> {
        let own = self.of(self.ranks.rank());
        parts.into_iter().skip(own.start).take(own.len())
    }

    /// Replaces the items of other ranks' chunks by what those ranks have there. A chunk has
    /// `chunk_len` items, the last one fewer; `write` makes words of an item, and `read` the item
    /// of its words.
    pub(crate) fn complete<T, const WORDS: usize>(
        self,
        items: &mut [T],
        chunk_len: usize,
        write: impl Fn(&T) -> [u32; WORDS],
        read: impl Fn(&[u32; WORDS]) -> T,
    ) -> Result<()> {
        let end = |chunk: usize| (chunk * chunk_len).min(items.len());
        let places: Vec<Range<usize>> = (0..self.ranks.size())
            .map(|rank| self.of(rank))
            .map(|chunks| end(chunks.start)..end(chunks.end))
            .collect();
        let counts: Vec<usize> = places.iter().map(|place| place.len() * WORDS).collect();
        let own: Vec<u32> =
            items[places[self.ranks.rank()].clone()].iter().flat_map(write).collect();
        let mut all = vec![0; items.len() * WORDS];
        self.ranks.all_gather(&own, &counts, &mut all)?;
        items.iter_mut().zip(all.as_chunks().0).for_each(|(item, words)| *item = read(words));
        Ok(())
    }

    /// Runs `work` on this rank's chunks and adds up those of all ranks. Gradients have `len`
    /// numbers and lie in buffers of `sums`. Calls `look` with the outcomes of this rank, which may
    /// hold more than numbers. Without chunks there is no result.
    pub(crate) fn sum_of<T: Send, O: Outcome>(
        self,
        parts: Vec<T>,
        len: usize,
        sums: &Pool<AlignedVec>,
        work: &(impl Fn(T) -> (AlignedVec, O) + Sync),
        mut look: impl FnMut(&O),
    ) -> Result<Option<(AlignedVec, O)>> {
        if self.chunks == 0 {
            return Ok(None);
        }
        let mut parts = self.own(parts);
        let own: Vec<Vec<T>> = self
            .subtrees(self.ranks.rank())
            .iter()
            .map(|subtree| parts.by_ref().take(subtree.len()).collect())
            .collect();
        let add = |left: (AlignedVec, O), right: (AlignedVec, O)| {
            (sums.add(left.0, right.0), left.1.and(right.1))
        };
        let own = own.into_par_iter().with_max_len(1);
        let own: Vec<_> = own.filter_map(|parts| sum_of(parts, work, &add)).collect();
        own.iter().for_each(|(_, outcome)| look(outcome));
        self.add_up(own, len, sums).map(Some)
    }

    /// Returns the largest subtrees that belong wholly to `rank`, from left to right.
    fn subtrees(self, rank: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        cover(0..self.chunks, &self.of(rank), &mut found);
        found
    }

    /// Adds up the subtrees of all ranks, given those of this one.
    fn add_up<O: Outcome>(
        self,
        own: Vec<(AlignedVec, O)>,
        len: usize,
        sums: &Pool<AlignedVec>,
    ) -> Result<(AlignedVec, O)> {
        let (rank, size) = (self.ranks.rank(), self.ranks.size());
        let part = len.div_ceil(size);
        let slice = |rank: usize| (rank * part).min(len)..((rank + 1) * part).min(len);
        let subtrees: Vec<_> = (0..size).map(|rank| self.subtrees(rank)).collect();

        // A message has the slice of a subtree's gradient, and the subtree's outcome.
        let mut nothing = O::NOTHING;
        let count = nothing.numbers().len();
        let message = |to: usize| slice(to).len() + 2 * count;
        let send_counts: Vec<_> = (0..size).map(|to| own.len() * message(to)).collect();
        let receive_counts: Vec<_> =
            subtrees.iter().map(|subtrees| subtrees.len() * message(rank)).collect();
        let mut send = Vec::with_capacity(send_counts.iter().sum());
        for to in 0..size {
            for (gradient, mut outcome) in
                own.iter().map(|(gradient, outcome)| (gradient, *outcome))
            {
                send.extend(gradient[slice(to)].iter().map(|x| x.to_bits()));
                send.extend(outcome.numbers().into_iter().flat_map(|x| words(*x)));
            }
        }
        let mut received = vec![0; receive_counts.iter().sum()];
        self.ranks.all_to_all(&send, &send_counts, &mut received, &receive_counts)?;

        let read = |words: &[u32]| -> (Vec<f32>, O) {
            let (gradient, numbers) = words.split_at(slice(rank).len());
            let gradient = gradient.iter().map(|&word| f32::from_bits(word)).collect();
            let mut outcome = O::NOTHING;
            let numbers = numbers.as_chunks().0.iter().map(number);
            outcome.numbers().into_iter().zip(numbers).for_each(|(x, number)| *x = number);
            (gradient, outcome)
        };
        let all = subtrees.into_iter().flatten().zip(received.chunks_exact(message(rank)));
        let mut all = all.map(|(subtree, words)| (subtree, read(words))).peekable();
        let (gradient, outcome) = join(0..self.chunks, &mut all, &mut |left, right| {
            let (mut gradient, outcome) = left;
            add(&mut gradient, &right.0);
            (gradient, outcome.and(right.1))
        });

        let counts: Vec<_> = (0..size).map(|rank| slice(rank).len()).collect();
        let slice: Vec<u32> = gradient.iter().map(|x| x.to_bits()).collect();
        let mut whole = vec![0; len];
        self.ranks.all_gather(&slice, &counts, &mut whole)?;
        own.into_iter().for_each(|(gradient, _)| sums.give(gradient));
        let mut total = sums.take(|| AlignedVec::zeros(len));
        total.iter_mut().zip(whole).for_each(|(x, word)| *x = f32::from_bits(word));
        Ok((total, outcome))
    }
}

/// Adds the largest subtrees of `tree` that lie within `own` to `found`.
fn cover(tree: Range<usize>, own: &Range<usize>, found: &mut Vec<Range<usize>>) {
    if tree.start >= own.end || tree.end <= own.start {
        return;
    }
    if own.start <= tree.start && tree.end <= own.end {
        return found.push(tree);
    }
    let middle = tree.start + left_of(tree.len());
    cover(tree.start..middle, own, found);
    cover(middle..tree.end, own, found);
}

/// Adds up `tree`, of which `subtrees` are known, from left to right.
fn join<R>(
    tree: Range<usize>,
    subtrees: &mut Peekable<impl Iterator<Item = (Range<usize>, R)>>,
    add: &mut impl FnMut(R, R) -> R,
) -> R {
    if let Some((_, known)) = subtrees.next_if(|(subtree, _)| *subtree == tree) {
        return known;
    }
    let middle = tree.start + left_of(tree.len());
    let left = join(tree.start..middle, subtrees, add);
    let right = join(middle..tree.end, subtrees, add);
    add(left, right)
}

fn words(x: f64) -> [u32; 2] {
    let bits = x.to_bits();
    [bits as u32, (bits >> 32) as u32]
}

fn number(words: &[u32; 2]) -> f64 {
    f64::from_bits(u64::from(words[0]) | u64::from(words[1]) << 32)
}
