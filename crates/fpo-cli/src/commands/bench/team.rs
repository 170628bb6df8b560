//! The fastest of many short runs that several threads make together.
//!
//! Whatever else the machine does can only make a run slower, and some run escapes it. So the
//! fastest run says what the machine can do, and measuring goes on until none is clearly faster.

use std::io;
use std::sync::{Barrier, OnceLock};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};

use crate::startup::pool::cannot_start;

/// A run is clearly faster if it took those before this many times as long.
const CLEARLY: f64 = 1.02;

/// How long the fastest run is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Looking stops when no run was clearly faster than those before for this long.
    pub patience: Duration,
    /// No run begins when looking has taken this long; one is made in any case.
    pub most: Duration,
}

/// Returns how many seconds the fastest run took, from the moment all threads are ready until the
/// last has finished.
///
/// Each thread calls `prepare` once, and `run` on a result again and again. `run` may not panic.
/// Every run has new threads, which the system puts where least is going on.
///
/// # Errors
/// If the system does not allow so many threads.
pub fn fastest<T: Send>(
    threads: usize,
    effort: Effort,
    prepare: impl Fn() -> T + Sync,
    run: impl Fn(&mut T) + Sync,
) -> Result<f64> {
    let prepared = std::thread::scope(|scope| {
        let start = |_| Builder::new().spawn_scoped(scope, &prepare);
        let others = (1..threads).map(start).collect::<io::Result<Vec<_>>>()?;
        let own = prepare();
        Ok(others.into_iter().filter_map(|thread| thread.join().ok()).chain([own]).collect())
    });
    let refused = |error: io::Error| Error::new(error).context(cannot_start(threads));
    let mut parts: Vec<T> = prepared.map_err(refused)?;
    let mut search = Search::begin(effort);
    loop {
        search.note(once(&mut parts, &run).map_err(refused)?);
        if !search.goes_on() {
            return Ok(search.best);
        }
    }
}

/// Returns the seconds of one run, each part on a thread of its own.
fn once<T: Send>(parts: &mut [T], run: &(impl Fn(&mut T) + Sync)) -> io::Result<f64> {
    let (are_all_here, ready) = (OnceLock::<bool>::new(), Barrier::new(parts.len()));
    let work = |part: &mut T| {
        // Whoever waits at the barrier waits for all: nobody may where one could not be started.
        if !*are_all_here.wait() {
            return None;
        }
        ready.wait();
        let start = Instant::now();
        run(part);
        Some((start, Instant::now()))
    };
    let work = &work;
    let spans = std::thread::scope(|scope| -> io::Result<Vec<_>> {
        let Some((first, rest)) = parts.split_first_mut() else { return Ok(Vec::new()) };
        let start = |part| Builder::new().spawn_scoped(scope, move || work(part));
        let others = rest.iter_mut().map(start).collect::<io::Result<Vec<_>>>();
        are_all_here.get_or_init(|| others.is_ok());
        let (others, own) = (others?, work(first));
        Ok(others.into_iter().filter_map(|thread| thread.join().ok()).chain([own]).collect())
    })?;
    let spans = || spans.iter().flatten();
    let (start, end) = (spans().map(|span| span.0).min(), spans().map(|span| span.1).max());
    Ok(start.zip(end).map_or(f64::INFINITY, |(start, end)| (end - start).as_secs_f64()))
}

/// The fastest run so far, and whether it is worth while to look for a faster one.
struct Search {
    effort: Effort,
    begun: Instant,
    best: f64,
    /// The last run that was clearly faster, and when it was made.
    reference: f64,
    gained: Instant,
}

impl Search {
    fn begin(effort: Effort) -> Search {
        let now = Instant::now();
        Search { effort, begun: now, best: f64::INFINITY, reference: f64::INFINITY, gained: now }
    }

    fn note(&mut self, seconds: f64) {
        self.best = self.best.min(seconds);
        if self.best * CLEARLY < self.reference {
            (self.reference, self.gained) = (self.best, Instant::now());
        }
    }

    fn goes_on(&self) -> bool {
        self.gained.elapsed() < self.effort.patience && self.begun.elapsed() < self.effort.most
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ONE_RUN: Effort = Effort { patience: Duration::MAX, most: Duration::ZERO };

    #[test]
    fn every_thread_prepares_once_and_takes_part_in_every_run() {
        for threads in [1, 3] {
            let (prepared, runs) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let prepare = || prepared.fetch_add(1, Ordering::Relaxed);
            let run = |_: &mut usize| {
                runs.fetch_add(1, Ordering::Relaxed);
            };
            let effort = Effort { patience: Duration::from_millis(5), most: Duration::MAX };
            let seconds = fastest(threads, effort, prepare, run).unwrap();
            assert!(seconds.is_finite() && seconds >= 0.0, "{seconds}");
            assert_eq!(prepared.load(Ordering::Relaxed), threads);
            let runs = runs.load(Ordering::Relaxed);
            assert!(runs >= threads && runs.is_multiple_of(threads), "{runs}");
        }
    }

    #[test]
    fn one_run_is_made_even_if_there_is_no_time() {
        let runs = AtomicUsize::new(0);
        let run = |(): &mut ()| {
            runs.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(2));
        };
        let seconds = fastest(2, ONE_RUN, || (), run).unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        assert!(seconds >= 2e-3, "{seconds}");
    }

    #[test]
    fn only_a_clearly_faster_run_prolongs_the_search() {
        let mut search = Search::begin(ONE_RUN);
        for (seconds, best, reference) in
            [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.99, 0.99, 1.0), (0.97, 0.97, 0.97)]
        {
            search.note(seconds);
            assert_eq!((search.best, search.reference), (best, reference));
        }
    }
}
