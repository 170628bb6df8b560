//! What the ranks of a run need of each other: six methods, behind which MPI can stand, threads of
//! one process, or nobody.
//!
//! Numbers travel as 32-bit words, as they are: no method computes with them. Sums over ranks are
//! therefore ours, in an order that does not depend on how an engine of communication is built.

use std::fmt::Debug;

use crate::error::Result;

/// The ranks of a run. All of them call the same methods in the same order; each call returns when
/// this rank has what it asked for, which can be before the others have theirs.
pub trait Communicator: Debug + Send + Sync {
    /// Returns the number of this rank, from 0.
    fn rank(&self) -> usize;

    /// Returns the number of ranks, at least 1.
    fn size(&self) -> usize;

    /// Writes the words of all ranks to `all`, in the order of the ranks. Rank `r` has `counts[r]`
    /// of them; `own` are this rank's.
    ///
    /// # Errors
    /// [`crate::Error::Rank`] if a rank has ended or cannot be reached.
    fn all_gather(&self, own: &[u32], counts: &[usize], all: &mut [u32]) -> Result<()>;

    /// Sends `send` to the ranks, the first `send_counts[0]` words to rank 0 and so on, and writes
    /// what they send to this one to `received`, `receive_counts[r]` words of rank `r` in the order
    /// of the ranks.
    ///
    /// # Errors
    /// As [`Communicator::all_gather`].
    fn all_to_all(
        &self,
        send: &[u32],
        send_counts: &[usize],
        received: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<()>;

    /// Replaces `words` by those of rank `root`, which has as many of them.
    ///
    /// # Errors
    /// As [`Communicator::all_gather`].
    fn broadcast(&self, root: usize, words: &mut [u32]) -> Result<()>;

    /// Returns when all ranks have called it.
    ///
    /// # Errors
    /// As [`Communicator::all_gather`].
    fn barrier(&self) -> Result<()>;
}
