//! The status of training on standard error.
//!
//! ```text
//!   512k/800k steps  64 %  2,310 steps/s  return 402.1  2m05s left
//! ```
//!
//! On a terminal this is one line, redrawn at most four times a second. Elsewhere it is one plain
//! line every [`PLAIN_INTERVAL`], fit for a log file.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::terminal::humanize::{grouped, short_count, short_duration};
use crate::terminal::reporter::{Phase, Reporter};

/// Time between redraws on a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);
/// Time between lines where standard error is not a terminal.
pub const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Moves the cursor to the start of the line, and erases the line.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// The numbers of one status line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// Environment steps done, those before a resumption included.
    pub steps_done: u64,
    /// Environment steps of the whole run.
    pub steps_total: u64,
    /// Environment steps per second since this process began training; 0 while it is not known.
    pub steps_per_s: f64,
    /// Mean return of the last evaluation, if there was one.
    pub last_return: Option<f64>,
    /// What the iteration under way is doing.
    pub phase: Option<Phase>,
}

impl Status {
    /// Returns the status as one line, without a line break.
    pub fn line(&self) -> String {
        let total = self.steps_total.max(1);
        let percent = self.steps_done.saturating_mul(100) / total;
        let mut line = format!(
            "  {}/{} steps  {percent} %",
            short_count(self.steps_done),
            short_count(self.steps_total),
        );
        if self.steps_per_s > 0.0 {
            line += &format!("  {} steps/s", grouped(self.steps_per_s.round() as u64));
        }
        if let Some(value) = self.last_return {
            line += &format!("  return {value:.1}");
        }
        if self.steps_per_s > 0.0 {
            let left = self.steps_total.saturating_sub(self.steps_done) as f64;
            let seconds = left / self.steps_per_s;
            line += &format!("  {} left", short_duration(seconds.round() as u64));
        }
        if let Some(Phase { name, done, total }) = self.phase {
            line += &format!("  [{name} {done}/{total}]");
        }
        line
    }
}

/// Shows the status of a run and lets other messages pass it by.
#[derive(Debug)]
pub struct Progress<W: Write = io::Stderr> {
    out: W,
    on_terminal: bool,
    steps_total: u64,
    first_step: u64,
    start: Instant,
    last_shown: Option<Instant>,
    last_return: Option<f64>,
    phase: Option<Phase>,
    line_is_open: bool,
}

impl Progress {
    /// Shows on standard error a run of `steps_total` environment steps that has done
    /// `first_step` already.
    pub fn on_stderr(steps_total: u64, first_step: u64) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let on_terminal = io::stderr().is_terminal() && !dumb;
        Self::new(io::stderr(), on_terminal, steps_total, first_step, Instant::now())
    }
}

impl<W: Write> Progress<W> {
    /// Shows on `out` what [`Progress::on_stderr`] shows on standard error; speed counts from
    /// `start`.
    pub fn new(
        out: W,
        on_terminal: bool,
        steps_total: u64,
        first_step: u64,
        start: Instant,
    ) -> Self {
        Self {
            out,
            on_terminal,
            steps_total,
            first_step,
            start,
            last_shown: None,
            last_return: None,
            phase: None,
            line_is_open: false,
        }
    }

    fn update_at(&mut self, steps_done: u64, now: Instant) {
        let interval = if self.on_terminal { REDRAW_INTERVAL } else { PLAIN_INTERVAL };
        if self.last_shown.is_some_and(|shown| now.duration_since(shown) < interval) {
            return;
        }
        self.last_shown = Some(now);
        let seconds = now.duration_since(self.start).as_secs_f64();
        let new_steps = steps_done.saturating_sub(self.first_step) as f64;
        let line = Status {
            steps_done,
            steps_total: self.steps_total,
            steps_per_s: if seconds > 0.0 { new_steps / seconds } else { 0.0 },
            last_return: self.last_return,
            phase: self.phase,
        }
        .line();
        if self.on_terminal {
            self.line_is_open = true;
            self.put(&format!("{CLEAR_LINE}{line}"));
        } else {
            self.put(&format!("{line}\n"));
        }
    }

    /// Writes and flushes. A reader that has gone away is no reason to stop a run.
    fn put(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write> Reporter for Progress<W> {
    fn note(&mut self, text: &str) {
        self.message(&format!("fpo: {text}"));
    }

    /// Writes `text` on a line of its own.
    fn message(&mut self, text: &str) {
        let clear = if self.line_is_open { CLEAR_LINE } else { "" };
        self.line_is_open = false;
        // The status was wiped: the next update shows it again at once.
        self.last_shown = self.last_shown.filter(|_| !self.on_terminal);
        self.put(&format!("{clear}{text}\n"));
    }

    /// Shows the phase unless a status was just shown.
    fn phase(&mut self, steps_done: u64, phase: Phase) {
        self.phase = Some(phase);
        self.update_at(steps_done, Instant::now())
    }

    /// Shows the status unless the last was just shown.
    fn iteration(&mut self, steps_done: u64) {
        self.phase = None;
        self.update_at(steps_done, Instant::now())
    }

    fn evaluated(&mut self, return_mean: f64) {
        self.last_return = Some(return_mean);
    }

    /// Shows the last status, whenever the one before was shown, and ends its line.
    fn finish(&mut self, steps_done: u64) {
        self.last_shown = None;
        self.iteration(steps_done);
        if std::mem::take(&mut self.line_is_open) {
            self.put("\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_all_its_parts() {
        let status = Status {
            steps_done: 512_000,
            steps_total: 800_000,
            steps_per_s: 2310.4,
            last_return: Some(402.06),
            phase: None,
        };
        let expected = "  512k/800k steps  64 %  2,310 steps/s  return 402.1  2m05s left";
        assert_eq!(status.line(), expected);
        let phase = Some(Phase { name: "update", done: 37, total: 512 });
        assert_eq!(Status { phase, ..status }.line(), format!("{expected}  [update 37/512]"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let status = Status {
            steps_done: 0,
            steps_total: 0,
            steps_per_s: 0.0,
            last_return: None,
            phase: None,
        };
        assert_eq!(status.line(), "  0/0 steps  0 %");
    }

    #[test]
    fn a_run_is_at_one_hundred_percent_only_when_done() {
        let status = |steps_done| Status {
            steps_done,
            steps_total: 60_000_000,
            steps_per_s: 0.0,
            last_return: None,
            phase: None,
        };
        assert_eq!(status(59_999_999).line(), "  59.9M/60M steps  99 %");
        assert_eq!(status(60_000_000).line(), "  60M/60M steps  100 %");
    }

    /// Updates a run of 1000 steps, resumed after 200, at these milliseconds and steps; then a
    /// message and one more update in the same moment.
    fn shown(on_terminal: bool, updates: &[(u64, u64)]) -> String {
        let start = Instant::now();
        let mut progress = Progress::new(Vec::new(), on_terminal, 1000, 200, start);
        for (milliseconds, steps) in updates {
            progress.update_at(*steps, start + Duration::from_millis(*milliseconds));
        }
        progress.message("saved");
        let (milliseconds, steps) = updates[updates.len() - 1];
        progress.update_at(steps, start + Duration::from_millis(milliseconds));
        String::from_utf8(progress.out).unwrap()
    }

    #[test]
    fn a_terminal_line_is_redrawn_at_most_four_times_a_second() {
        let text = shown(true, &[(1000, 300), (1100, 310), (1249, 320), (2000, 400)]);
        let expected = "\r\x1b[2K  300/1k steps  30 %  100 steps/s  7s left\
                        \r\x1b[2K  400/1k steps  40 %  100 steps/s  6s left\
                        \r\x1b[2Ksaved\n\
                        \r\x1b[2K  400/1k steps  40 %  100 steps/s  6s left";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_log_gets_plain_lines_now_and_then() {
        let text = shown(false, &[(1000, 300), (9000, 350), (11_000, 420)]);
        let expected = "  300/1k steps  30 %  100 steps/s  7s left\n\
                        \x20 420/1k steps  42 %  20 steps/s  29s left\nsaved\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn finishing_shows_the_last_status_and_ends_the_line() {
        let mut progress = Progress::new(Vec::new(), true, 10, 0, Instant::now());
        progress.evaluated(3.0);
        progress.iteration(5);
        progress.finish(10);
        let text = String::from_utf8(progress.out).unwrap();
        let last = text.rsplit(CLEAR_LINE).next().unwrap();
        assert!(last.starts_with("  10/10 steps  100 %"), "{last}");
        assert!(last.contains("return 3.0") && last.ends_with("left\n"), "{last}");
    }
}
