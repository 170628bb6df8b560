//! The status of training on standard error.
//!
//! ```text
//!   512k/800k steps  64 %  2,310 steps/s  return 402.1  2m05s left
//! ```
//!
//! On a terminal this is one line, redrawn at most four times a second. Elsewhere it is one plain
//! line every [`PLAIN_INTERVAL`], fit for a log file.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::terminal::humanize::{grouped, short_count, short_duration};
use crate::terminal::live::Live;
use crate::terminal::reporter::{Phase, Reporter};
use crate::text::shown::line;

/// Time between redraws on a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);
/// Time between lines where standard error is not a terminal.
pub const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

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
    live: Live<W>,
    steps_total: u64,
    first_step: u64,
    start: Instant,
    last_shown: Option<Instant>,
    last_return: Option<f64>,
    phase: Option<Phase>,
}

impl Progress {
    /// Shows on standard error a run of `steps_total` environment steps that has done
    /// `first_step` already.
    pub fn on_stderr(steps_total: u64, first_step: u64) -> Self {
        Self::new(Live::on_stderr(), steps_total, first_step, Instant::now())
    }
}

impl<W: Write> Progress<W> {
    /// Shows on `live` what [`Progress::on_stderr`] shows on standard error; speed counts from
    /// `start`.
    fn new(live: Live<W>, steps_total: u64, first_step: u64, start: Instant) -> Self {
        let (last_shown, last_return, phase) = (None, None, None);
        Self { live, steps_total, first_step, start, last_shown, last_return, phase }
    }

    fn update_at(&mut self, steps_done: u64, now: Instant) {
        let interval = if self.live.is_on_terminal() { REDRAW_INTERVAL } else { PLAIN_INTERVAL };
        if self.last_shown.is_some_and(|shown| now.duration_since(shown) < interval) {
            return;
        }
        self.last_shown = Some(now);
        let seconds = now.duration_since(self.start).as_secs_f64();
        let new_steps = steps_done.saturating_sub(self.first_step) as f64;
        let status = Status {
            steps_done,
            steps_total: self.steps_total,
            steps_per_s: if seconds > 0.0 { new_steps / seconds } else { 0.0 },
            last_return: self.last_return,
            phase: self.phase,
        }
        .line();
        self.live.line(&status);
    }
}

impl<W: Write> Reporter for Progress<W> {
    fn note(&mut self, text: &str) {
        self.message(&format!("fpo: {}", line(text)));
    }

    /// Writes `text` on lines of its own.
    fn message(&mut self, text: &str) {
        // The status is wiped: the next update shows it again at once.
        self.last_shown = self.last_shown.filter(|_| !self.live.is_on_terminal());
        self.live.message(text);
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
        self.live.keep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::live::CLEAR_LINE;

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
        let live = Live::new(Vec::new(), on_terminal, || None);
        let mut progress = Progress::new(live, 1000, 200, start);
        for (milliseconds, steps) in updates {
            progress.update_at(*steps, start + Duration::from_millis(*milliseconds));
        }
        progress.message("saved");
        let (milliseconds, steps) = updates[updates.len() - 1];
        progress.update_at(steps, start + Duration::from_millis(milliseconds));
        String::from_utf8(progress.live.out).unwrap()
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
        let live = Live::new(Vec::new(), true, || None);
        let mut progress = Progress::new(live, 10, 0, Instant::now());
        progress.evaluated(3.0);
        progress.iteration(5);
        progress.finish(10);
        let text = String::from_utf8(progress.live.out).unwrap();
        let last = text.rsplit(CLEAR_LINE).next().unwrap();
        assert!(last.starts_with("  10/10 steps  100 %"), "{last}");
        assert!(last.contains("return 3.0") && last.ends_with("left\n"), "{last}");
    }
}
