//! How large the dip of a sample with one mode may be by chance.
//!
//! Of all distributions with one mode the uniform one has, for many samples, the largest dip. The
//! p-value of a dip is therefore the share of uniform samples of the same size that have one as
//! large, `(1 + #{dip* ≥ dip}) / (1 + #dip*)`, from `REPLICATES` simulated ones.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use crate::diagnostics::modality::dip::Steps;
use crate::error::{Error, Result};

/// Simulated uniform samples behind a p-value, which is therefore never below 1 / 2001.
const REPLICATES: u64 = 2000;

/// The distribution of the dip of uniform samples of one size.
#[derive(Clone, Debug)]
pub struct DipNull {
    count: usize,
    ascending: Vec<f64>,
}

impl DipNull {
    /// Simulates the distribution for `count` samples, always with the same random numbers.
    ///
    /// The samples are sums of exponential numbers, which are spaced as ordered uniform numbers
    /// are, up to a scale; the dip does not depend on the scale.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `count` is below 4, because fewer numbers cannot show two modes.
    pub fn simulate(count: usize) -> Result<DipNull> {
        if count < 4 {
            return Err(Error::Invalid(format!("a dip test needs 4 samples or more, not {count}")));
        }
        let one = |replicate| {
            let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
            rng.set_stream(replicate);
            let mut sum = 0.0;
            let uniform: Vec<f64> = (0..count)
                .map(|_| {
                    sum -= (((rng.next_u64() >> 11) as f64 + 0.5) * 2f64.powi(-53)).ln();
                    sum
                })
                .collect();
            Steps::new(&uniform).dip()
        };
        let mut ascending: Vec<f64> = (0..REPLICATES).into_par_iter().map(one).collect();
        ascending.sort_by(f64::total_cmp);
        Ok(DipNull { count, ascending })
    }

    /// Returns the number of samples that the distribution is for.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the probability of a dip of at least `dip`, in [1/2001, 1].
    pub fn p_value(&self, dip: f64) -> f64 {
        let below = self.ascending.partition_point(|&null| null < dip);
        (1 + self.ascending.len() - below) as f64 / (1 + self.ascending.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_published_ones() {
        // The 50 %, 90 %, 95 % and 99 % quantiles of the table `qDiptab` of R's `diptest`, which
        // were simulated with a million samples. Ours vary by 1.1, 0.7, 0.5 and 0.2 percent.
        for (count, quantiles) in [
            (50, [0.048_851_2, 0.064_913_6, 0.070_273_8, 0.081_199_8]),
            (200, [0.025_584_4, 0.033_996_8, 0.036_841_8, 0.042_686_5]),
            (500, [0.016_451_9, 0.021_878_1, 0.023_729_5, 0.027_451_8]),
        ] {
            let null = DipNull::simulate(count).unwrap();
            assert_eq!(null.count(), count);
            for (quantile, (p, error)) in
                quantiles.into_iter().zip([(0.5, 0.04), (0.1, 0.025), (0.05, 0.018), (0.01, 0.008)])
            {
                let found = null.p_value(quantile);
                assert!((found - p).abs() < error, "{count} samples: {found} instead of {p}");
            }
        }
    }

    #[test]
    fn p_values_are_never_zero_and_the_same_each_time() {
        let (a, b) = (DipNull::simulate(20).unwrap(), DipNull::simulate(20).unwrap());
        assert_eq!(a.ascending, b.ascending);
        assert_eq!(a.p_value(0.25), 1.0 / 2001.0);
        assert_eq!(a.p_value(0.0), 1.0);
        assert!(DipNull::simulate(3).is_err());
    }
}
