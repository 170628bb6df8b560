//! Measures the wall-clock time that the parts of an update take.

use std::time::{Duration, Instant};

/// Time spent in the parts of gradient steps.
///
/// On a GPU the work is only queued. A phase counts the time to queue its own work, and the first
/// phase that waits for a result also counts all the work that was queued before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    /// Advantages and value targets.
    pub gae: Duration,
    /// The policy's loss and gradient.
    pub policy: Duration,
    /// The value network's loss and gradient.
    pub value: Duration,
    /// Gradient norm and optimiser.
    pub optim: Duration,
}

/// Runs `work` and adds its time to `total`.
pub(crate) fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let clock = Instant::now();
    let result = work();
    *total += clock.elapsed();
    result
}
