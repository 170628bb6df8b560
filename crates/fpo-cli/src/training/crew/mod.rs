//! The ranks that make one run together, seen from one of them.
//!
//! Rank 0 leads: it has the folder of the run, decides what is done next, and says so
//! ([`Command`]). The others follow ([`member`]). Parameters, optimiser and statistics are the same
//! on all of them; each steps environments of its own and computes its share of each pass. What
//! only one of them knows, such as an environment that fails, they agree on before they go on
//! ([`Crew::agree`]), so that no rank waits for another that has given up.

pub mod command;
pub mod handshake;
pub mod member;
mod verdict;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use fpo_core::{Alone, Communicator, Reduce, Shared, broadcast_bytes, gather_bytes};

use crate::training::crew::command::Command;
use crate::training::crew::verdict::{Verdict, decide};

/// The ranks of a run, or the only process of one.
#[derive(Clone, Debug)]
pub struct Crew {
    ranks: Arc<dyn Communicator>,
    /// Whether a command is being carried out, or a message got lost: where a rank gives up then,
    /// the others wait at another place than it would speak from.
    is_busy: Arc<AtomicBool>,
}

impl Crew {
    /// Returns a process that makes its run alone.
    pub fn alone() -> Crew {
        Crew::of(Arc::new(Alone))
    }

    /// Returns one of several ranks.
    pub fn of(ranks: Arc<dyn Communicator>) -> Crew {
        Crew { ranks, is_busy: Arc::default() }
    }

    /// Returns the number of this rank, from 0, which leads.
    pub fn rank(&self) -> usize {
        self.ranks.rank()
    }

    /// Returns the number of ranks.
    pub fn size(&self) -> usize {
        self.ranks.size()
    }

    /// Returns the other ranks' ways of being reached, where there are others.
    pub fn ranks(&self) -> Option<&dyn Communicator> {
        (self.size() > 1).then_some(self.ranks.as_ref())
    }

    /// Returns how a learner shares its work.
    pub fn reduce(&self) -> Arc<dyn Reduce> {
        match self.size() {
            1 => Arc::new(Alone),
            _ => Arc::new(Shared(self.ranks.clone())),
        }
    }

    /// Returns which of `total` environments, or episodes, each rank has.
    pub fn shares(&self, total: usize) -> Vec<Range<usize>> {
        let size = self.size();
        (0..size).map(|rank| rank * total / size..(rank + 1) * total / size).collect()
    }

    /// Returns which of `total` environments, or episodes, this rank has.
    pub fn share(&self, total: usize) -> Range<usize> {
        self.shares(total).swap_remove(self.rank())
    }

    /// Says what is done next, on rank 0; on the others, who were told, and alone it does nothing.
    /// [`Crew::settle`] must follow on all ranks.
    ///
    /// # Errors
    /// If the others cannot be reached.
    pub fn tell(&self, command: &Command) -> Result<()> {
        match self.ranks() {
            Some(ranks) if self.rank() == 0 => {
                if self.is_busy.swap(true, Ordering::Relaxed) {
                    bail!("the ranks have lost each other");
                }
                broadcast_bytes(ranks, 0, &serde_json::to_vec(command)?)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits for what rank 0 wants done next.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn next_command(&self) -> Result<Command> {
        let bytes = broadcast_bytes(self.ranks.as_ref(), 0, &[])?;
        self.is_busy.store(true, Ordering::Relaxed);
        serde_json::from_slice(&bytes).context("rank 0 has sent something that is no command")
    }

    /// Sends `bytes` of rank 0 to all; those of the others are not read.
    ///
    /// # Errors
    /// If the others cannot be reached.
    pub fn hand_out(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(broadcast_bytes(self.ranks.as_ref(), 0, bytes)?)
    }

    /// Returns the bytes of every rank, of which `own` are this one's.
    ///
    /// # Errors
    /// If the others cannot be reached.
    pub fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(gather_bytes(self.ranks.as_ref(), own)?)
    }

    /// Returns whether `own` is true on any rank.
    ///
    /// # Errors
    /// If the others cannot be reached.
    pub fn any(&self, own: bool) -> Result<bool> {
        let Some(ranks) = self.ranks() else { return Ok(own) };
        let mut all = vec![0; ranks.size()];
        ranks.all_gather(&[u32::from(own)], &vec![1; ranks.size()], &mut all)?;
        Ok(all.contains(&1))
    }

    /// Returns `result` if all ranks have come so far, and else the error of the first that has
    /// not. An interruption of one is one of all.
    ///
    /// # Errors
    /// That error, which names its rank unless all ranks have the same one.
    pub fn agree<T>(&self, result: Result<T>) -> Result<T> {
        if self.size() == 1 {
            return result;
        }
        let own = serde_json::to_vec(&Verdict::of(&result))?;
        let all: Vec<Verdict> = self
            .gather(&own)?
            .iter()
            .map(|bytes| serde_json::from_slice(bytes))
            .collect::<Result<_, _>>()
            .context("a rank has sent something that is no verdict")?;
        decide(result, &all, self.rank())
    }

    /// Agrees on the outcome of a command ([`Crew::agree`]), which is over with that.
    ///
    /// # Errors
    /// As [`Crew::agree`].
    pub fn settle<T>(&self, result: Result<T>) -> Result<T> {
        let agreed = self.agree(result);
        let is_lost =
            |error: &anyhow::Error| matches!(error.downcast_ref(), Some(fpo_core::Error::Rank(_)));
        if !agreed.as_ref().is_err_and(is_lost) {
            self.is_busy.store(false, Ordering::Relaxed);
        }
        agreed
    }

    /// Returns whether all ranks are between two commands.
    pub fn is_settled(&self) -> bool {
        !self.is_busy.load(Ordering::Relaxed)
    }

    /// Lets the other ranks go, on rank 0. Returns whether they could be told: else they must be
    /// ended.
    pub fn dismiss(&self) -> bool {
        self.is_settled() && self.tell(&Command::End).is_ok()
    }
}
