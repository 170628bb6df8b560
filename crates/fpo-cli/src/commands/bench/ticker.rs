//! Shows on standard error what is being measured: on a terminal as one line that is redrawn,
//! elsewhere as a plain line now and then.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use crate::terminal::progress::PLAIN_INTERVAL;

/// Moves the cursor to the start of the line, and erases the line.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Counts cases; wipes its line when it is dropped.
pub(crate) struct Ticker {
    on_terminal: bool,
    total: usize,
    done: usize,
    last_shown: Instant,
}

impl Ticker {
    /// Returns a ticker that counts to `total` cases.
    pub(crate) fn on_stderr(total: usize) -> Ticker {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let on_terminal = io::stderr().is_terminal() && !dumb;
        Ticker { on_terminal, total, done: 0, last_shown: Instant::now() }
    }

    /// Shows the next case.
    pub(crate) fn next(&mut self, case: &str) {
        self.done += 1;
        self.show(case);
    }

    /// Shows what is going on.
    pub(crate) fn show(&mut self, what: &str) {
        let line = format!("  {}/{}  {what}", self.done, self.total);
        if self.on_terminal {
            put(&format!("{CLEAR_LINE}{line}"));
        } else if self.last_shown.elapsed() >= PLAIN_INTERVAL {
            self.last_shown = Instant::now();
            put(&format!("{line}\n"));
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if self.on_terminal {
            put(CLEAR_LINE);
        }
    }
}

/// Writes and flushes. A reader that has gone away is no reason to stop.
fn put(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
