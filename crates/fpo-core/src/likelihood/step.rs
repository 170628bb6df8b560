//! One step of the sampler at one observation, and its inverse.
//!
//! The inverse is found by Newton's method. A derivative costs as much as a value for each action
//! dimension, so that a quick search computes it anew only where the one at hand, mostly that of
//! the step before, no longer brings the image much nearer to its target. Where the field bends
//! much this may lead away from a root that a derivative at every place finds, as a careful search
//! computes it.

use crate::likelihood::factors::Factors;
use crate::likelihood::network::Network;

/// Corrections after which the inverse of a step is given up.
const MOST_CORRECTIONS: usize = 50;
/// How near the image of a step's inverse must come to its target, relative to it, before the last
/// correction.
const TOLERANCE: f64 = 1e-10;
/// The share of the error that a correction may leave before the derivative is computed anew.
const LEFT: f64 = 0.2;

/// How an inverse is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// With the derivative at hand, while it serves.
    Quick,
    /// With a derivative at every place.
    Careful,
}

/// One step of the sampler at one observation.
pub(super) struct Step<'a> {
    pub(super) network: &'a Network,
    /// What observation and time give the first layer.
    pub(super) first: Vec<f64>,
    pub(super) keep: f64,
    pub(super) gain: f64,
}

/// Where a step came from.
pub(super) struct Inverse {
    /// The state from which the step leads to its target.
    pub(super) origin: Vec<f64>,
    /// The step's derivative where the last correction began.
    pub(super) slope: Factors,
}

impl Step<'_> {
    /// Returns where the step leads from `x`.
    pub(super) fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut image = self.network.value(&self.first, x);
        image.iter_mut().zip(x).for_each(|(y, x)| *y = self.keep * x + self.gain * *y);
        image
    }

    /// Returns the step's derivative at `x`, unless it has no inverse.
    fn slope(&self, x: &[f64]) -> Option<Factors> {
        let mut slope = self.network.slope(&self.first, x);
        let dim = x.len();
        slope.iter_mut().for_each(|d| *d *= self.gain);
        (0..dim).for_each(|i| slope[i * dim + i] += self.keep);
        Factors::of(slope, dim)
    }

    /// Returns the state from which the step leads to `target`, looked for from `guess` on with a
    /// derivative that is `known` from nearby, if one is.
    pub(super) fn invert(
        &self,
        target: &[f64],
        guess: Vec<f64>,
        mut known: Option<Factors>,
        search: Search,
    ) -> Option<Inverse> {
        let size = target.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        let (mut x, mut before) = (guess, f64::INFINITY);
        let is_quick = search == Search::Quick;
        for _ in 0..MOST_CORRECTIONS {
            let mut off: Vec<f64> =
                target.iter().zip(self.forward(&x)).map(|(t, y)| t - y).collect();
            let error = off.iter().fold(0.0f64, |m, d| m.max(d.abs()));
            let close = error <= TOLERANCE * size;
            let slope = match known.take() {
                Some(slope) if is_quick && !close && error <= LEFT * before => slope,
                _ => self.slope(&x)?,
            };
            slope.solve(&mut off);
            x.iter_mut().zip(&off).for_each(|(x, d)| *x += d);
            if !x.iter().all(|x| x.is_finite()) {
                return None;
            }
            if close {
                return Some(Inverse { origin: x, slope });
            }
            (known, before) = (Some(slope), error);
        }
        None
    }
}
