//! Shows on standard error what is being measured: on a terminal as one line that is redrawn,
//! elsewhere as a plain line now and then.

use std::time::Instant;

use crate::terminal::live::Live;
use crate::terminal::progress::PLAIN_INTERVAL;

/// Counts cases; wipes its line when it is dropped.
pub(crate) struct Ticker {
    live: Live,
    total: usize,
    done: usize,
    last_shown: Instant,
}

impl Ticker {
    /// Returns a ticker that counts to `total` cases.
    pub(crate) fn on_stderr(total: usize) -> Ticker {
        Ticker { live: Live::on_stderr(), total, done: 0, last_shown: Instant::now() }
    }

    /// Shows the next case.
    pub(crate) fn next(&mut self, case: &str) {
        self.done += 1;
        self.show(case);
    }

    /// Shows what is going on.
    pub(crate) fn show(&mut self, what: &str) {
        let line = format!("  {}/{}  {what}", self.done, self.total);
        if self.live.is_on_terminal() {
            self.live.line(&line);
        } else if self.last_shown.elapsed() >= PLAIN_INTERVAL {
            self.last_shown = Instant::now();
            self.live.line(&line);
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.live.clear();
    }
}
