//! Ranks that are threads of one process. Tests run on them what others run under MPI.
//!
//! Every exchange goes over a board: each rank pins its words to it, waits until all have, copies
//! what it needs, and the last one clears it. A rank that ends makes all exchanges after it fail,
//! so that nobody waits for it.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::reduce::communicator::Communicator;

/// One of the ranks. When it is dropped the others can exchange nothing any more.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    board: Arc<Board>,
}

#[derive(Debug)]
struct Board {
    pinned: Mutex<Pinned>,
    changed: Condvar,
}

#[derive(Debug)]
struct Pinned {
    sheets: Vec<Option<Arc<Sheet>>>,
    /// How many ranks have copied what they need.
    read: usize,
    /// A rank that has ended.
    gone: Option<usize>,
}

/// What one rank pins to the board in one exchange.
#[derive(Debug)]
struct Sheet {
    /// The method that was called.
    call: &'static str,
    words: Vec<u32>,
    /// How many of the words are for each rank, or of each.
    counts: Vec<usize>,
}

impl Threads {
    /// Returns `size` ranks, for as many threads.
    pub fn ranks(size: usize) -> Vec<Threads> {
        let pinned = Pinned { sheets: vec![None; size], read: 0, gone: None };
        let board = Arc::new(Board { pinned: Mutex::new(pinned), changed: Condvar::new() });
        (0..size).map(|rank| Threads { rank, board: board.clone() }).collect()
    }

    /// Pins `words` to the board, and returns the sheets of all ranks.
    fn exchange(
        &self,
        call: &'static str,
        words: &[u32],
        counts: &[usize],
    ) -> Result<Vec<Arc<Sheet>>> {
        let sheet = Sheet { call, words: words.to_vec(), counts: counts.to_vec() };
        let mut pinned = self.wait(|pinned| pinned.sheets[self.rank].is_none())?;
        pinned.sheets[self.rank] = Some(Arc::new(sheet));
        self.board.changed.notify_all();
        drop(pinned);
        let mut pinned = self.wait(|pinned| pinned.sheets.iter().all(Option::is_some))?;
        let sheets: Vec<Arc<Sheet>> = pinned.sheets.iter().flatten().cloned().collect();
        pinned.read += 1;
        if pinned.read == sheets.len() {
            pinned.read = 0;
            pinned.sheets.fill(None);
            self.board.changed.notify_all();
        }
        match sheets.iter().position(|sheet| sheet.call != call) {
            None => Ok(sheets),
            Some(other) => Err(Error::Rank(format!(
                "rank {} is at {call}, and rank {other} at {}",
                self.rank, sheets[other].call
            ))),
        }
    }

    /// Waits until the board is as it should be, or a rank has ended.
    fn wait(&self, ready: impl Fn(&Pinned) -> bool) -> Result<MutexGuard<'_, Pinned>> {
        let mut pinned = self.board.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        while !ready(&pinned) {
            if let Some(rank) = pinned.gone {
                return Err(Error::Rank(format!("rank {rank} has ended")));
            }
            pinned = self.board.changed.wait(pinned).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(pinned)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut pinned = self.board.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        pinned.gone = pinned.gone.or(Some(self.rank));
        self.board.changed.notify_all();
    }
}

/// Copies `words` to `to` if there are as many as are expected.
fn copy(words: Option<&[u32]>, to: &mut [u32]) -> Result<()> {
    match words.filter(|words| words.len() == to.len()) {
        Some(words) => {
            to.copy_from_slice(words);
            Ok(())
        }
        None => Err(Error::Rank("two ranks expect another number of words".into())),
    }
}

/// Returns the place of the words number `k` of `counts`.
fn place(counts: &[usize], k: usize) -> Range<usize> {
    let start = counts[..k].iter().sum();
    start..start + counts[k]
}

impl Communicator for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.board.pinned.lock().unwrap_or_else(PoisonError::into_inner).sheets.len()
    }

    fn all_gather(&self, own: &[u32], counts: &[usize], all: &mut [u32]) -> Result<()> {
        for (rank, sheet) in self.exchange("an all-gather", own, counts)?.iter().enumerate() {
            copy(Some(&sheet.words), &mut all[place(counts, rank)])?;
        }
        Ok(())
    }

    fn all_to_all(
        &self,
        send: &[u32],
        send_counts: &[usize],
        received: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<()> {
        let sheets = self.exchange("an all-to-all", send, send_counts)?;
        for (rank, sheet) in sheets.iter().enumerate() {
            let words = sheet.words.get(place(&sheet.counts, self.rank));
            copy(words, &mut received[place(receive_counts, rank)])?;
        }
        Ok(())
    }

    fn broadcast(&self, root: usize, words: &mut [u32]) -> Result<()> {
        let own = if self.rank == root { &*words } else { &[] };
        let sheets = self.exchange("a broadcast", own, &[])?;
        copy(sheets.get(root).map(|sheet| &sheet.words[..]), words)
    }

    fn barrier(&self) -> Result<()> {
        self.exchange("a barrier", &[], &[]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `work` returns on each of `size` ranks.
    fn on_ranks<R: Send>(size: usize, work: impl Fn(Threads) -> R + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let ranks = Threads::ranks(size).into_iter();
            let threads: Vec<_> = ranks.map(|rank| scope.spawn(|| work(rank))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn words_arrive_where_they_are_meant_to_in_exchange_after_exchange() {
        for size in 1..=4 {
            let found = on_ranks(size, |ranks| {
                let own = ranks.rank() as u32;
                for round in 0..50 {
                    // Rank r has r words, all of them its number.
                    let counts: Vec<usize> = (0..size).collect();
                    let mut all = vec![9; counts.iter().sum()];
                    ranks.all_gather(&vec![own; own as usize], &counts, &mut all).unwrap();
                    let expected: Vec<u32> =
                        (0..size as u32).flat_map(|r| vec![r; r as usize]).collect();
                    assert_eq!(all, expected);
                    // Rank r sends (r, k) to rank k.
                    let send: Vec<u32> = (0..size as u32).flat_map(|k| [own, k]).collect();
                    let mut got = vec![9; 2 * size];
                    ranks.all_to_all(&send, &vec![2; size], &mut got, &vec![2; size]).unwrap();
                    let expected: Vec<u32> = (0..size as u32).flat_map(|r| [r, own]).collect();
                    assert_eq!(got, expected);
                    let root = round % size;
                    let mut word = [own + round as u32];
                    ranks.broadcast(root, &mut word).unwrap();
                    assert_eq!(word, [root as u32 + round as u32]);
                    ranks.barrier().unwrap();
                }
                true
            });
            assert_eq!(found.len(), size);
        }
    }

    #[test]
    fn nobody_waits_for_a_rank_that_has_ended() {
        let ended = on_ranks(3, |ranks| match ranks.rank() {
            1 => String::new(),
            _ => ranks.barrier().unwrap_err().to_string(),
        });
        assert_eq!(ended, ["rank 1 has ended", "", "rank 1 has ended"]);
    }

    #[test]
    fn ranks_that_call_different_methods_are_told() {
        let ended = on_ranks(2, |ranks| {
            let ended = match ranks.rank() {
                0 => ranks.barrier(),
                _ => ranks.broadcast(0, &mut [1]),
            };
            ended.unwrap_err().to_string()
        });
        assert_eq!(ended[0], "rank 0 is at a barrier, and rank 1 at a broadcast");
    }
}
