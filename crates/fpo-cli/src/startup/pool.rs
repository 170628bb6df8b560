//! The threads on which a command computes, and what happens where the system allows no more.
//!
//! A limit of processes (`ulimit -u`, a container's) can refuse threads that the machine has
//! processors for. Results do not depend on the number of threads, so a command then computes on
//! fewer, at last on its own thread alone, and says so.

use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::ranks::processors;
use crate::startup::variables;
use crate::terminal::output::note;

/// Time for the system to forget threads that have ended, which counts them a moment longer.
const SETTLING: Duration = Duration::from_millis(10);

/// What a pool is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// So many new threads.
    New(usize),
    /// No new thread: the one that asks works alone.
    Own,
}

/// Threads that compute, and how many were wanted.
#[derive(Debug)]
pub struct Pool {
    pool: ThreadPool,
    wanted: usize,
    refusal: Option<anyhow::Error>,
}

impl Pool {
    /// Starts as many threads as the environment says, or fewer where the system allows no more.
    ///
    /// # Errors
    /// If a variable of the environment is wrong.
    pub fn start() -> Result<Pool> {
        let asked = variables::threads()?.map_or(0, |(_, number)| number);
        let wanted = if asked == 0 { processors::threads() } else { asked };
        let (pool, refusal) = largest(wanted, |size| match size {
            Size::New(threads) => new_threads(threads, true),
            Size::Own => {
                Ok(ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()?)
            }
        })?;
        Ok(Pool { pool, wanted, refusal })
    }

    /// Returns how many threads there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Says that there are fewer threads than were wanted, and why, if that is so.
    pub fn shortage(&self) -> Option<String> {
        let refusal = self.refusal.as_ref()?;
        let number = match self.threads() {
            1 => "one".into(),
            number => number.to_string(),
        };
        let wanted = self.wanted;
        let threads = if wanted == 1 { "a thread" } else { &format!("{wanted} threads") };
        Some(format!(
            "the system does not let this process start {threads} ({refusal}): computing on \
             {number}; see `ulimit -u`"
        ))
    }
}

/// Does `work` on the threads that the environment says, or on fewer with a note.
///
/// # Errors
/// If a variable of the environment is wrong, and those of `work`.
pub fn on_threads(work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    variables::instruction_set()?;
    let pool = Pool::start()?;
    if let Some(text) = pool.shortage() {
        note(&text);
    }
    // On a thread of the pool: work that is handed over from outside costs two more wake-ups each
    // time, and a step of the environments or of the sampler takes a millisecond.
    pool.pool.install(work)
}

/// Returns a pool of exactly `threads` threads, for work that is measured.
///
/// # Errors
/// If the system does not allow so many.
pub fn exactly(threads: usize) -> Result<ThreadPool> {
    new_threads(threads, false).with_context(|| cannot_start(threads))
}

/// Says that threads could not be started.
pub fn cannot_start(threads: usize) -> String {
    match threads {
        1 => "cannot start a thread".into(),
        _ => format!("cannot start {threads} threads"),
    }
}

/// Returns what `build` makes of the largest size that it can, from `wanted` new threads down, and
/// why it could not make more.
fn largest<P>(
    wanted: usize,
    mut build: impl FnMut(Size) -> Result<P>,
) -> Result<(P, Option<anyhow::Error>)> {
    let mut refusal = None;
    let mut threads = wanted;
    while threads > 0 {
        match build(Size::New(threads)) {
            Ok(pool) => return Ok((pool, refusal)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
        threads /= 2;
    }
    Ok((build(Size::Own)?, refusal))
}

/// Returns a pool of `threads` new threads, beside which two more can be started if `with_room`: a
/// run has one that waits for Ctrl-C and one that watches its input.
fn new_threads(threads: usize, with_room: bool) -> Result<ThreadPool> {
    let mut started = Vec::new();
    let built = ThreadPoolBuilder::new().num_threads(threads).spawn_handler(|thread| {
        started.push(Builder::new().spawn(|| thread.run())?);
        Ok(())
    });
    let built = built.build().map_err(anyhow::Error::from);
    let pool = built.and_then(|pool| if with_room { room().map(|()| pool) } else { Ok(pool) });
    if pool.is_err() {
        // The next attempt would find them in its way.
        started.into_iter().for_each(end);
        std::thread::sleep(SETTLING);
    }
    pool
}

/// Fails unless two more threads can be started.
fn room() -> Result<()> {
    let (held, end_of_hold) = channel::<()>();
    let first = Builder::new().spawn(move || {
        // It ends when the other end is gone, or would.
        let _ = end_of_hold.recv();
    })?;
    let second = Builder::new().spawn(|| {});
    drop(held);
    end(first);
    second.map(end)?;
    Ok(())
}

fn end(thread: JoinHandle<()>) {
    // What it did does not matter, only that it is over.
    let _ = thread.join();
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    /// Tries sizes until `allowed` threads are not too few, and returns them with the outcome.
    fn attempts(wanted: usize, allowed: usize) -> (Vec<Size>, Size, Option<String>) {
        let mut tried = Vec::new();
        let (size, refusal) = largest(wanted, |size| {
            tried.push(size);
            match size {
                Size::New(threads) if threads > allowed => bail!("no {threads}"),
                size => Ok(size),
            }
        })
        .unwrap();
        (tried, size, refusal.map(|error| error.to_string()))
    }

    #[test]
    fn where_all_threads_are_allowed_there_is_one_attempt_and_no_refusal() {
        assert_eq!(attempts(6, 6), (vec![Size::New(6)], Size::New(6), None));
    }

    #[test]
    fn where_fewer_are_allowed_there_are_fewer_and_the_first_refusal_is_kept() {
        let (tried, size, refusal) = attempts(12, 4);
        assert_eq!(tried, [12, 6, 3].map(Size::New));
        assert_eq!((size, refusal.as_deref()), (Size::New(3), Some("no 12")));
    }

    #[test]
    fn where_none_is_allowed_the_own_thread_works_alone() {
        let (tried, size, refusal) = attempts(2, 0);
        assert_eq!(tried, [Size::New(2), Size::New(1), Size::Own]);
        assert_eq!((size, refusal.as_deref()), (Size::Own, Some("no 2")));
    }

    #[test]
    fn a_pool_that_not_even_the_own_thread_can_make_is_an_error() {
        let error = largest(2, |size| -> Result<()> { bail!("{size:?}") }).unwrap_err();
        assert_eq!(error.to_string(), "Own");
    }

    #[test]
    fn exactly_so_many_threads_are_started_as_asked() {
        for threads in [1, 3] {
            assert_eq!(exactly(threads).unwrap().current_num_threads(), threads);
        }
        assert!(new_threads(2, true).is_ok());
    }
}
