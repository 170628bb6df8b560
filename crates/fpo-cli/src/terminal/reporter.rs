//! The seam through which a run speaks: whatever is printed while it is going on passes here, so
//! that a status line, a dashboard or nothing at all can stand behind it.

use crate::terminal::live::pass_by;
use crate::text::shown::line;

/// What an iteration is doing, and how far it is with that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// In a word.
    pub name: &'static str,
    /// Parts done.
    pub done: usize,
    /// Parts in all.
    pub total: usize,
}

/// What whoever looks on wants of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// A checkpoint now, and not when the next one is due.
    pub save: bool,
    /// An evaluation of the present policy.
    pub evaluate: bool,
}

/// Shows a run to whoever started it. Nothing that goes wrong with showing may stop the run.
pub trait Reporter {
    /// Tells in one line of something that was noticed, such as a damaged checkpoint that is passed
    /// over.
    fn note(&mut self, text: &str);

    /// Shows a line, or some, of the run's story.
    fn message(&mut self, text: &str);

    /// Shows what the iteration under way is doing, after `steps_done` environment steps.
    fn phase(&mut self, steps_done: u64, phase: Phase);

    /// Shows that an iteration has brought the environment steps to `steps_done`.
    fn iteration(&mut self, steps_done: u64);

    /// Shows the mean return of an evaluation from now on.
    fn evaluated(&mut self, return_mean: f64);

    /// Shows the metrics that the iteration up to `step` has left.
    fn recorded(&mut self, _step: u64, _metrics: &[(String, f64)]) {}

    /// Returns what was wished for since this was asked last.
    fn wishes(&mut self) -> Wishes {
        Wishes::default()
    }

    /// Shows the last status; nothing follows but messages.
    fn finish(&mut self, steps_done: u64);
}

/// Reports where no run is going on: notes and messages go to standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notes;

impl Reporter for Notes {
    fn note(&mut self, text: &str) {
        self.message(&format!("fpo: {}", line(text)));
    }

    fn message(&mut self, text: &str) {
        pass_by(text);
    }

    fn phase(&mut self, _steps_done: u64, _phase: Phase) {}

    fn iteration(&mut self, _steps_done: u64) {}

    fn evaluated(&mut self, _return_mean: f64) {}

    fn finish(&mut self, _steps_done: u64) {}
}
