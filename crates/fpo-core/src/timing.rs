//! Where the wall-clock of an update goes.

use std::time::{Duration, Instant};

/// Time spent in the parts of gradient steps.
///
/// On a GPU this is the time to queue the work, and whoever waits for results first pays for all.
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
