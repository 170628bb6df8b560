//! Follows one kind of return over a run: its best, and how far below the best it is now.
//!
//! What may be chance does not count as a drop. `noise` is six times the standard deviation of the
//! comparison, because there are many comparisons and the best of many returns is a lucky one. The
//! deviation follows from the standard errors of both sides where these are known. For single
//! training returns it is the larger of two estimates,
//!
//! ```text
//! σ = q75(|x_i − x_{i−1}|)/1.627           for normal noise, whatever the trend
//! σ = std of the returns behind the best   for rare successes, most of whose differences are 0
//! ```
//!
//! of which the first is taken both at the best and now. Returns during a fall tell nothing about
//! noise and are left out. A run that has gained no more than noise has nothing to lose but what it
//! began with, so that the size of its first return stands for the gain.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::training::collapse::diagnostics::{Recent, Snapshot, mean, std};
use crate::training::collapse::window::PATIENCE;

/// A drop above this is a fall.
const FALL: f64 = 0.3;

/// A drop below this is a recovery.
const RECOVERY: f64 = 0.15;

/// How many standard deviations are put down to chance.
const NOISE_MULTIPLE: f64 = 6.0;

/// Number of returns from which noise is estimated.
const HISTORY: usize = 64;

/// The quartile of |x − y| for independent standard normal x and y: √2·1.1503.
const UPPER_QUARTILE: f64 = 1.627;

/// The return has converged if it was already within this share of the gain this many returns ago.
const CONVERGED: (f64, usize) = (0.1, 16);

/// One return.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Environment steps.
    pub step: u64,
    /// The mean return.
    pub value: f64,
    /// Its standard error, if it is known.
    pub stderr: Option<f64>,
}

/// The returns of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Track {
    first: Option<f64>,
    latest: Option<f64>,
    /// The last [`HISTORY`] returns that were not below the fall.
    recent: VecDeque<f64>,
    best: Option<Peak>,
    has_fallen: bool,
    /// Number of returns in a row that speak for a change of `has_fallen`.
    streak: u32,
}

/// The best return so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peak {
    /// Environment steps at the best return.
    pub step: u64,
    /// The return.
    pub value: f64,
    /// Its standard error where that is known, else the standard deviation of single returns.
    deviation: f64,
    /// Whether it is hardly higher than the returns long before it.
    pub converged: bool,
    /// The diagnostics around it.
    pub diagnostics: Snapshot,
}

impl Track {
    /// Sets the first return, where it is not the first that this track takes in. Once a first
    /// return is known, this changes nothing.
    pub fn begin_at(&mut self, first: Option<f64>) {
        self.first = self.first.or(first);
    }

    /// Takes in a return, and returns its drop from the best, which is a mean of `window` returns.
    pub fn observe(&mut self, reading: Reading, window: usize, diagnostics: &Recent) -> f64 {
        let first = *self.first.get_or_insert(reading.value);
        self.latest = Some(reading.value);
        let drop = self.drop(first, reading);
        if drop <= FALL {
            self.recent.push_back(reading.value);
            if self.recent.len() > HISTORY {
                self.recent.pop_front();
            }
            self.raise_best(first, reading, window, diagnostics);
        }
        let speaks_for_change = if self.has_fallen { drop < RECOVERY } else { drop > FALL };
        self.streak = if speaks_for_change { self.streak + 1 } else { 0 };
        if self.streak >= if reading.stderr.is_some() { 1 } else { PATIENCE } {
            (self.has_fallen, self.streak) = (!self.has_fallen, 0);
        }
        drop
    }

    /// Returns whether the return has fallen and not recovered since.
    pub fn has_fallen(&self) -> bool {
        self.has_fallen
    }

    /// Returns the first return.
    pub fn first(&self) -> Option<f64> {
        self.first
    }

    /// Returns the last return.
    pub fn latest(&self) -> Option<f64> {
        self.latest
    }

    /// Returns the best return so far.
    pub fn best(&self) -> Option<&Peak> {
        self.best.as_ref()
    }

    /// Returns how much of the gain since `first` is lost at `reading`: 0 is nothing, 1 is all.
    fn drop(&self, first: f64, reading: Reading) -> f64 {
        let Some(best) = &self.best else { return 0.0 };
        let deviation = match reading.stderr {
            Some(stderr) => best.deviation.hypot(stderr),
            None => best.deviation.max(self.deviation()),
        };
        let noise = NOISE_MULTIPLE * deviation;
        let gain = best.value - first;
        let at_stake = if gain > noise { gain } else { first.abs() };
        let scale = at_stake.max(noise / FALL);
        if scale > 0.0 { ((best.value - reading.value) / scale).max(0.0) } else { 0.0 }
    }

    /// Makes the mean of the last `window` returns the best, if it is.
    fn raise_best(&mut self, first: f64, reading: Reading, window: usize, diagnostics: &Recent) {
        let len = self.recent.len();
        if len < window {
            return;
        }
        let last = self.recent.range(len - window..).copied();
        let value = mean(last.clone());
        if self.best.as_ref().is_some_and(|best| value <= best.value) {
            return;
        }
        let (share, back) = CONVERGED;
        let before = len.checked_sub(back).map(|i| mean(self.recent.range(i..i + 4).copied()));
        self.best = Some(Peak {
            step: reading.step,
            value,
            deviation: reading.stderr.unwrap_or_else(|| self.deviation().max(std(last))),
            converged: before.is_some_and(|before| value - before < share * (value - first)),
            diagnostics: diagnostics.snapshot(),
        });
    }

    /// Returns the standard deviation of single returns, estimated from their differences.
    pub fn deviation(&self) -> f64 {
        let pairs = self.recent.iter().zip(self.recent.iter().skip(1));
        let mut differences: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        differences.sort_by(f64::total_cmp);
        let upper_quartile = differences.get(differences.len() * 3 / 4);
        upper_quartile.map_or(0.0, |quartile| quartile / UPPER_QUARTILE)
    }
}
