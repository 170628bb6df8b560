//! Workers, the scratch memory of a task: one per thread, lent out for a piece of work.
//!
//! A worker may hold hundreds of KiB, so there is one per thread and none per environment. Each
//! thread takes the worker from its own slot, which keeps the worker's memory in that core's cache.
//! A slot is empty at its first use, and when a task that itself waits on rayon is entered again on
//! the same thread: then a new worker is made. Which worker serves an environment never matters for
//! the result.

use std::sync::{Mutex, PoisonError};

use crate::error::EnvError;
use crate::task::Task;

/// The workers of one batch.
pub(super) struct WorkerPool<W> {
    slots: Vec<Mutex<Option<W>>>,
}

impl<W> WorkerPool<W> {
    /// Makes a pool without workers.
    pub(super) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Makes room for one worker per thread of the current rayon pool.
    pub(super) fn fit_threads(&mut self) {
        let threads = rayon::current_num_threads().max(1);
        if self.slots.len() < threads {
            self.slots.resize_with(threads, || Mutex::new(None));
        }
    }

    /// Runs `work` with a worker.
    pub(super) fn with<T: Task<Worker = W>, R>(
        &self,
        task: &T,
        work: impl FnOnce(&mut W) -> Result<R, EnvError>,
    ) -> Result<R, EnvError> {
        let index = rayon::current_thread_index().unwrap_or(0) % self.slots.len().max(1);
        let Some(slot) = self.slots.get(index) else {
            return work(&mut task.worker()?);
        };
        let lent = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut worker = lent.map_or_else(|| task.worker(), Ok)?;
        let result = work(&mut worker);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        result
    }
}
