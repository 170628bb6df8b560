//! Repeated timed runs and what they say: the median, and how far the runs lie apart.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::statistics::sample::quantile;

/// How often a measure is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// The fewest runs.
    pub least: usize,
    /// The most runs.
    pub most: usize,
    /// Beyond the fewest, no further run begins once the runs have taken this long.
    pub enough: Duration,
}

impl Repeats {
    /// Returns the setting for exactly `count` runs.
    pub fn exactly(count: usize) -> Repeats {
        Repeats { least: count, most: count, enough: Duration::ZERO }
    }

    /// Calls `run` that often and returns the durations that it returns.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn take(&self, mut run: impl FnMut() -> Result<Duration>) -> Result<Vec<Duration>> {
        let clock = Instant::now();
        let mut taken = Vec::new();
        while taken.len() < self.least || (taken.len() < self.most && clock.elapsed() < self.enough)
        {
            taken.push(run()?);
        }
        Ok(taken)
    }
}

/// Milliseconds of repeated runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The median.
    pub ms_median: f64,
    /// The fastest run.
    pub ms_min: f64,
    /// The slowest run.
    pub ms_max: f64,
    /// Distance between the first and the third quartile; 0 if there was one run.
    pub ms_iqr: f64,
    /// Number of runs.
    pub runs: usize,
}

impl Timing {
    /// Returns the statistics of `durations`, each divided by `parts`.
    ///
    /// # Errors
    /// If there is no duration, or one is zero: no clock is that coarse, so nothing was done.
    pub fn of(durations: &[Duration], parts: f64) -> Result<Timing> {
        let mut ms: Vec<f64> = durations.iter().map(|d| d.as_secs_f64() * 1e3 / parts).collect();
        ms.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (ms.first(), ms.last()) else {
            bail!("nothing was measured");
        };
        if min <= 0.0 || !max.is_finite() {
            bail!("a run took {min} ms, another {max} ms: that cannot be");
        }
        Ok(Timing {
            ms_median: quantile(&ms, 0.5),
            ms_min: min,
            ms_max: max,
            ms_iqr: quantile(&ms, 0.75) - quantile(&ms, 0.25),
            runs: ms.len(),
        })
    }

    /// Returns half the distance between the quartiles, as a share of the median.
    pub fn spread(&self) -> f64 {
        0.5 * self.ms_iqr / self.ms_median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|&x| Duration::from_millis(x)).collect()
    }

    #[test]
    fn the_statistics_of_known_runs_are_right() {
        let timing = Timing::of(&ms(&[50, 10, 30, 20, 40]), 10.0).unwrap();
        let expected = Timing { ms_median: 3.0, ms_min: 1.0, ms_max: 5.0, ms_iqr: 2.0, runs: 5 };
        assert_eq!(timing, expected);
        assert!((timing.spread() - 1.0 / 3.0).abs() < 1e-12);
        let one = Timing::of(&ms(&[7]), 1.0).unwrap();
        assert_eq!((one.ms_median, one.ms_iqr), (7.0, 0.0));
    }

    #[test]
    fn a_run_that_took_no_time_is_an_error() {
        assert!(Timing::of(&ms(&[3, 0]), 1.0).is_err());
        assert!(Timing::of(&[], 1.0).is_err());
    }

    #[test]
    fn runs_stop_when_there_are_enough_or_time_is_up() {
        let mut count = 0;
        let mut run = || {
            count += 1;
            Ok(Duration::from_millis(1))
        };
        assert_eq!(Repeats::exactly(4).take(&mut run).unwrap().len(), 4);
        let hurried = Repeats { least: 2, most: 9, enough: Duration::ZERO };
        assert_eq!(hurried.take(&mut run).unwrap().len(), 2);
        let patient = Repeats { least: 2, most: 9, enough: Duration::from_secs(60) };
        assert_eq!(patient.take(&mut run).unwrap().len(), 9);
        assert_eq!(count, 15);
    }
}
