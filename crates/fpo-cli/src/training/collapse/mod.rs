//! Notices that a run has lost what it had learned, and says what changed and what may help.
//!
//! ```text
//! drop from best = (best − now) / max(best − first, noise/0.3)
//! ```
//!
//! A run has collapsed when this drop is above 0.3 in one of three comparisons. A loss of 30 % of
//! the gain is what FPO++ users watch for on the G1, whose return of 35 to 37 breaks down late in
//! training. The comparisons are:
//!
//! - three training returns in a row with the best mean of five;
//! - the mean of the last sixteen training returns with the best such mean, which is slower and
//!   finer;
//! - an evaluation with the best one.
//!
//! `first` is the return at the start. The second term of the denominator keeps what may be chance
//! from counting as a drop; see the file `track.rs`.
//!
//! A collapse is reported once, and another one only after the return has recovered to half of
//! that drop. All of the state goes into checkpoints, so that a resumed run gives the same warnings
//! as one that was never interrupted.

mod advice;
mod diagnostics;
mod track;
mod window;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::run::best::Best;
use crate::run::metrics::Metrics;
use crate::terminal::humanize::grouped;
use crate::training::collapse::window::{WINDOW, is_usable};
use diagnostics::{Recent, mean, short, std};
use track::{Reading, Track};

pub use diagnostics::Change;

/// The metric that [`Observed::metrics`] adds.
pub const DROP_METRIC: &str = "rollout/drop_from_best";

/// Training returns in the slower comparison.
const LONG_WINDOW: usize = 16;

/// Changes that a report names.
const MAX_CHANGES: usize = 4;

/// The results of one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Iteration<'a> {
    /// Environment steps after it.
    pub step: u64,
    /// Mean return of the training episodes that ended in it, if any did.
    pub train_return: Option<f64>,
    /// The evaluation after it, if there was one.
    pub evaluation: Option<Evaluation>,
    /// Its diagnostics by name, as `clip_fraction` or `train/clip_fraction`; keys of other
    /// sections, such as `time/env_s`, are passed over.
    pub diagnostics: &'a [(String, f64)],
}

/// The outcome of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean return.
    pub return_mean: f64,
    /// Its standard error. Without one, a fall counts only if it lasts for three evaluations.
    pub return_stderr: Option<f64>,
}

/// Watches a run. Numbers that are not finite are passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollapseDetector {
    training: Track,
    /// The means of [`LONG_WINDOW`] training returns.
    smoothed: Track,
    evaluation: Track,
    diagnostics: Recent,
    /// The last [`LONG_WINDOW`] training returns.
    last: VecDeque<f64>,
}

/// What the detector saw in one iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// How much of the gain is lost, 0 to 1 or more, where there was a training return.
    pub drop_from_best: Option<f64>,
    /// The collapse, in the iteration in which it is noticed.
    pub collapse: Option<Collapse>,
}

/// Which return fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The return of the episodes that are trained on.
    Training,
    /// The return of the evaluations.
    Evaluation,
}

/// A collapse and the evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Collapse {
    /// Which return fell.
    pub source: Source,
    /// The return at the start.
    pub first: f64,
    /// The best return, which is smoothed if it is a training return.
    pub best: f64,
    /// Environment steps at the best.
    pub best_step: u64,
    /// The return now.
    pub now: f64,
    /// Environment steps now.
    pub step: u64,
    /// The diagnostics that changed most from the best return to now, the largest change first.
    pub changes: Vec<Change>,
    /// What may help, the most likely first.
    pub advice: Vec<&'static str>,
}

impl CollapseDetector {
    /// Takes in one iteration, and returns what it shows.
    pub fn observe(&mut self, iteration: &Iteration) -> Observed {
        self.diagnostics.push(iteration.diagnostics);
        let had_fallen = self.fallen().is_some();
        let step = iteration.step;
        let drop_from_best = iteration
            .train_return
            .filter(|value| is_usable(*value))
            .map(|value| self.observe_training(step, value));
        let evaluation = iteration.evaluation.filter(|found| is_usable(found.return_mean));
        if let Some(Evaluation { return_mean, return_stderr }) = evaluation {
            let stderr = return_stderr.filter(|stderr| is_usable(*stderr));
            let reading = Reading { step, value: return_mean, stderr };
            self.evaluation.observe(reading, 1, &self.diagnostics);
        }
        let collapse = if had_fallen { None } else { self.collapse(step) };
        Observed { drop_from_best, collapse }
    }

    fn observe_training(&mut self, step: u64, value: f64) -> f64 {
        let reading = Reading { step, value, stderr: None };
        let drop = self.training.observe(reading, WINDOW, &self.diagnostics);
        self.last.push_back(value);
        if self.last.len() > LONG_WINDOW {
            self.last.pop_front();
        }
        if self.last.len() == LONG_WINDOW {
            let values = self.last.iter().copied();
            let deviation = std(values.clone()).max(self.training.deviation());
            let stderr = deviation / (LONG_WINDOW as f64).sqrt();
            let reading = Reading { step, value: mean(values), stderr: Some(stderr) };
            self.smoothed.begin_at(self.training.first());
            self.smoothed.observe(reading, 1, &self.diagnostics);
        }
        drop
    }

    /// Returns the comparison that shows a collapse, if one does.
    fn fallen(&self) -> Option<(Source, &Track)> {
        let all = [
            (Source::Training, &self.training),
            (Source::Training, &self.smoothed),
            (Source::Evaluation, &self.evaluation),
        ];
        all.into_iter().find(|(_, track)| track.has_fallen())
    }

    /// Returns the report on the collapse that a comparison shows, if one does.
    fn collapse(&self, step: u64) -> Option<Collapse> {
        let (source, track) = self.fallen()?;
        let best = track.best()?;
        let mut changes = self.diagnostics.changes_since(&best.diagnostics);
        let advice = advice::on(&changes, best.converged);
        changes.retain(Change::is_telling);
        changes.truncate(MAX_CHANGES);
        Some(Collapse {
            source,
            first: track.first()?,
            best: best.value,
            best_step: best.step,
            now: track.latest()?,
            step,
            changes,
            advice,
        })
    }
}

impl Observed {
    /// Returns [`DROP_METRIC`] if there was a training return, and no metric otherwise.
    pub fn metrics(&self) -> Metrics {
        self.drop_from_best.map(|drop| (DROP_METRIC.to_string(), drop)).into_iter().collect()
    }
}

impl Collapse {
    /// Returns the warning, in several lines; `best` is the best policy that the run has kept.
    pub fn describe(&self, best: Option<&Best>) -> String {
        let which = match self.source {
            Source::Training => "training",
            Source::Evaluation => "evaluation",
        };
        let meaning = if self.now > self.first {
            let percent = 100.0 * (self.best - self.now) / (self.best - self.first);
            format!("{percent:.0} % of what was gained since the start, at {}", amount(self.first))
        } else {
            format!("all that was gained since the start, at {}", amount(self.first))
        };
        let changes: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        let changed = match changes.is_empty() {
            true => "nothing stands out".into(),
            false => changes.join(", "),
        };
        let kept = match best {
            Some(best) => format!("{} ({})", best.policy.display(), best.score),
            None => "none is kept: there was no evaluation yet".into(),
        };
        format!(
            "the {which} return has collapsed: {} at step {} → {} at step {}\n  \
             loss: {meaning}\n  changed since: {changed}\n  best policy: {kept}\n  \
             what may help: {}",
            amount(self.best),
            grouped(self.best_step),
            amount(self.now),
            grouped(self.step),
            self.advice.join("; "),
        )
    }
}

/// Formats a return: to a tenth if its size is 10 or more, otherwise in two digits.
fn amount(value: f64) -> String {
    if value.abs() >= 10.0 { format!("{value:.1}") } else { short(value) }
}

#[cfg(test)]
mod tests;
