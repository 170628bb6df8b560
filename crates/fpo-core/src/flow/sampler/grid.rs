//! The times at which a sampler stops on its way from `t = 1` (noise) to `t = 0` (action).

use crate::error::{Error, Result};
use crate::flow::time;

/// The largest number of even steps.
pub const MAX_UNIFORM: usize = 100_000;

/// Falling times from 1 to 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Grid {
    /// This many even steps, 1 to 100 000.
    Uniform(usize),
    /// These times: the first 1, the last 0, each below the one before it.
    Custom(Vec<f64>),
}

impl Grid {
    /// Returns the times, one more than there are steps.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the first time that is out of place.
    pub fn times(&self) -> Result<Vec<f64>> {
        match self {
            Grid::Uniform(steps) if (1..=MAX_UNIFORM).contains(steps) => Ok(time::grid(*steps)),
            Grid::Uniform(steps) => invalid(format!("{steps} steps; allowed: 1 to {MAX_UNIFORM}")),
            Grid::Custom(times) => check(times).map(|()| times.clone()),
        }
    }
}

fn check(times: &[f64]) -> Result<()> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return invalid("no times".into());
    };
    if *first != 1.0 {
        return invalid(format!("the first time is {first}; it must be 1"));
    }
    for (k, pair) in times.windows(2).enumerate() {
        // Written so that NaN fails too.
        let falls = pair[1] < pair[0];
        if !falls {
            let (before, after, place, count) = (pair[0], pair[1], k + 2, times.len());
            return invalid(format!(
                "time {place} of {count} is {after}; it must be below the one before it, {before}"
            ));
        }
    }
    match *last == 0.0 {
        true => Ok(()),
        false => invalid(format!("the last time is {last}; it must be 0")),
    }
}

fn invalid<T>(what: String) -> Result<T> {
    Err(Error::Invalid(format!("sampler grid: {what}")))
}
