//! What a sweep shows while it is going on.
//!
//! ```text
//!   18/40 runs done  1 failed  2 running  about 12m40s left
//!     CheetahRun · ppo · seed 5   64 %  return 402.1  2m05s left
//!     CheetahRun · ppo · seed 6   12 %  return 51.0  4m40s left
//! ```
//!
//! On a terminal this block is redrawn in its place, below a line for each run that ends. Elsewhere
//! there are those lines, and the first line of the block every [`PLAIN_INTERVAL`].

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::terminal::humanize::short_duration;
use crate::terminal::live::Live;
use crate::text::shown::line;

/// Time between redraws on a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(500);
/// Time between lines where standard error is not a terminal.
pub const PLAIN_INTERVAL: Duration = Duration::from_secs(60);

/// A run that is going on.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// What it is.
    pub name: String,
    /// Share of its steps that is done, from 0 to 1.
    pub share: f64,
    /// Mean return of its last evaluation.
    pub last_return: Option<f64>,
    /// Seconds that it still takes.
    pub seconds_left: Option<f64>,
}

/// How far a sweep is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Runs in all.
    pub total: usize,
    /// Runs that have a result.
    pub done: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that another process is making.
    pub waiting: usize,
    /// Seconds that the sweep still takes.
    pub seconds_left: Option<f64>,
    /// Runs that are going on.
    pub running: Vec<Running>,
    /// Whether the sweep was asked to stop.
    pub stopping: bool,
}

impl Standing {
    /// Returns the first line.
    fn headline(&self) -> String {
        let mut line = format!("  {}/{} runs done", self.done, self.total);
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                line += &format!("  {count} {what}");
            }
        };
        add(self.failed, "failed");
        add(self.running.len(), if self.stopping { "saving" } else { "running" });
        add(self.waiting, "in use by another process");
        match self.seconds_left {
            Some(seconds) if !self.stopping => {
                line + &format!("  about {} left", short_duration(seconds.round() as u64))
            }
            _ => line,
        }
    }

    /// Returns the lines of the runs that are going on.
    fn details(&self) -> Vec<String> {
        let width = self.running.iter().map(|run| run.name.chars().count()).max().unwrap_or(0);
        let line = |run: &Running| {
            // Cut off, never rounded up, so that nothing looks finished before it is.
            let percent = (100.0 * run.share).floor();
            let mut line = format!("    {:<width$}  {percent:>3} %", run.name);
            if let Some(value) = run.last_return {
                line += &format!("  return {value:.1}");
            }
            if let Some(seconds) = run.seconds_left {
                line += &format!("  {} left", short_duration(seconds.round() as u64));
            }
            line
        };
        self.running.iter().map(line).collect()
    }
}

/// Shows a sweep.
#[derive(Debug)]
pub struct Board<W: Write = io::Stderr> {
    live: Live<W>,
    last_shown: Option<Instant>,
}

impl Board {
    /// Shows a sweep on standard error.
    pub fn on_stderr() -> Board {
        Board::new(Live::on_stderr())
    }
}

impl<W: Write> Board<W> {
    fn new(live: Live<W>) -> Board<W> {
        Board { live, last_shown: None }
    }

    /// Returns whether it is time to show the standing at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        let interval = if self.live.is_on_terminal() { REDRAW_INTERVAL } else { PLAIN_INTERVAL };
        self.last_shown.is_none_or(|shown| now.duration_since(shown) >= interval)
    }

    /// Shows the standing.
    pub fn show(&mut self, standing: &Standing, now: Instant) {
        self.last_shown = Some(now);
        let headline = standing.headline();
        match self.live.is_on_terminal() {
            true => self.live.block(&[vec![headline], standing.details()].concat()),
            false => self.live.line(&headline),
        }
    }

    /// Writes `text` on a line of its own, which stays.
    pub fn message(&mut self, text: &str) {
        self.last_shown = self.last_shown.filter(|_| !self.live.is_on_terminal());
        self.live.message(&line(text));
    }
}

/// Returns a line on the run `name`, which is over with `row`. What it printed stands in `log`.
pub fn obituary(name: &str, row: &Row, log: &Path) -> String {
    let took = short_duration(row.seconds.round() as u64);
    let returned = match (row.last, row.best) {
        (Some(last), Some(best)) => format!("return {last:.1} (best {best:.1})"),
        _ => "no evaluation".into(),
    };
    let reason = row.reason.as_deref().unwrap_or("for no known reason");
    match row.status {
        Status::Finished => format!("{name}: {returned}, {took}"),
        Status::Diverged => format!("{name}: diverged after {returned}, {took}: {reason}"),
        Status::Failed | Status::Unfinished => {
            format!("{name}: failed: {reason} ({})", log.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let run = |name: &str, share, last_return, seconds_left| Running {
            name: name.into(),
            share,
            last_return,
            seconds_left,
        };
        Standing {
            total: 40,
            done: 18,
            failed: 1,
            waiting: 0,
            seconds_left: Some(760.2),
            running: vec![
                run("A · ppo · seed 5", 0.649, Some(402.06), Some(125.0)),
                run("A · fpo++ · seed 15", 0.0, None, None),
            ],
            stopping: false,
        }
    }

    #[test]
    fn the_block_has_a_line_for_the_sweep_and_one_for_each_run() {
        let standing = standing();
        assert_eq!(
            standing.headline(),
            "  18/40 runs done  1 failed  2 running  about 12m40s left"
        );
        assert_eq!(
            standing.details(),
            [
                "    A · ppo · seed 5      64 %  return 402.1  2m05s left",
                "    A · fpo++ · seed 15    0 %"
            ]
        );
    }

    #[test]
    fn a_terminal_block_is_redrawn_in_its_place_and_messages_stay_above_it() {
        let mut board = Board::new(Live::new(Vec::new(), true, || None));
        let start = Instant::now();
        board.show(&standing(), start);
        assert!(!board.is_due(start + Duration::from_millis(499)));
        assert!(board.is_due(start + Duration::from_millis(500)));
        board.message("one is done");
        assert!(board.is_due(start), "the block was taken away");
        board.show(&Standing { running: vec![], ..standing() }, start);
        let text = String::from_utf8(board.live.out).unwrap();
        let expected = "\x1b[3F\x1b[Jone is done\n\x1b[?7l  18/40 runs done  1 failed";
        assert!(text.contains(expected), "{text:?}");
    }

    #[test]
    fn a_log_gets_one_line_now_and_then() {
        let mut board = Board::new(Live::new(Vec::new(), false, || None));
        let start = Instant::now();
        board.show(&standing(), start);
        assert!(!board.is_due(start + Duration::from_secs(59)));
        board.message("one is done");
        assert!(!board.is_due(start + Duration::from_secs(59)));
        let text = String::from_utf8(board.live.out).unwrap();
        let expected = "  18/40 runs done  1 failed  2 running  about 12m40s left\none is done\n";
        assert_eq!(text, expected);
    }
}
