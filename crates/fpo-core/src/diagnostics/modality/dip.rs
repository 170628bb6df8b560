//! Hartigan's dip: how far a sample's distribution is from any with one mode.
//!
//! ```text
//! dip = min over unimodal F of sup_x |F_n(x) − F(x)|,   F_n the empirical distribution function
//! ```
//!
//! A unimodal distribution function is convex up to the mode and concave after it. Left of the
//! mode the best convex function lies half the largest gap above the greatest convex minorant of
//! F_n, right of it the best concave one as far below the least concave majorant. The mode is
//! found by shrinking an interval to where the two hulls are furthest apart, until they are no
//! further apart than the gaps outside already are (J. A. Hartigan and P. M. Hartigan, *The dip
//! test of unimodality*, Annals of Statistics 13, 1985).
//!
//! The dip does not depend on place and scale of the sample.

use crate::error::{Error, Result};

/// Returns the dip of `samples`, in [1/2n, 1/4] for `n ≥ 2` numbers that are not all equal, and 0
/// where all are equal.
///
/// # Errors
/// [`Error::Invalid`] if there is no sample, or one that is not finite.
pub fn dip(samples: &[f64]) -> Result<f64> {
    if samples.is_empty() || samples.iter().any(|x| !x.is_finite()) {
        return Err(Error::Invalid("the dip needs at least one number, all finite".into()));
    }
    let mut ascending = samples.to_vec();
    ascending.sort_by(f64::total_cmp);
    Ok(Steps::new(&ascending).dip())
}

/// The empirical distribution function: its steps, one per distinct number.
pub(crate) struct Steps {
    x: Vec<f64>,
    /// Samples below each step.
    below: Vec<f64>,
    /// Samples up to each step.
    up_to: Vec<f64>,
}

impl Steps {
    /// Returns the steps of numbers in ascending order, at least one.
    pub(crate) fn new(ascending: &[f64]) -> Steps {
        let mut steps = Steps { x: Vec::new(), below: Vec::new(), up_to: Vec::new() };
        for (index, &x) in ascending.iter().enumerate() {
            if steps.x.last() != Some(&x) {
                steps.x.push(x);
                steps.below.push(index as f64);
                steps.up_to.push(index as f64);
            }
            if let Some(up_to) = steps.up_to.last_mut() {
                *up_to += 1.0;
            }
        }
        steps
    }

    pub(crate) fn dip(&self) -> f64 {
        let (mut low, mut high) = (0, self.x.len() - 1);
        let samples = self.up_to[high];
        let mut gap: f64 = if low < high { 1.0 } else { 0.0 };
        while low < high {
            let minorant = self.hull(low, high, &self.below, 1.0);
            let majorant = self.hull(low, high, &self.up_to, -1.0);
            let (distance, from, to) = self.furthest(&minorant, &majorant);
            if distance <= gap {
                break;
            }
            // The steps at `from` and `to` themselves may belong to the mode, which may be a jump.
            for step in low..from {
                gap = gap.max(self.up_to[step] - self.height(&minorant, &self.below, step));
            }
            for step in to + 1..=high {
                gap = gap.max(self.height(&majorant, &self.up_to, step) - self.below[step]);
            }
            (low, high) = (from, to);
        }
        gap / (2.0 * samples)
    }

    /// Returns the steps `low..=high` on which the greatest convex minorant of `heights` rests
    /// (`sign` 1), or the least concave majorant (`sign` −1).
    fn hull(&self, low: usize, high: usize, heights: &[f64], sign: f64) -> Vec<usize> {
        let mut hull: Vec<usize> = Vec::new();
        for step in low..=high {
            while let [.., a, b] = hull[..] {
                let before = (heights[b] - heights[a]) * (self.x[step] - self.x[b]);
                let after = (heights[step] - heights[b]) * (self.x[b] - self.x[a]);
                if sign * (after - before) > 0.0 {
                    break;
                }
                hull.pop();
            }
            hull.push(step);
        }
        hull
    }

    /// Returns the height of a hull at `step`, which must lie between its ends.
    fn height(&self, hull: &[usize], heights: &[f64], step: usize) -> f64 {
        let after = hull.partition_point(|&corner| corner < step);
        let b = hull[after];
        if b == step {
            return heights[b];
        }
        let a = hull[after - 1];
        let share = (self.x[step] - self.x[a]) / (self.x[b] - self.x[a]);
        heights[a] + share * (heights[b] - heights[a])
    }

    /// Returns the largest distance between the hulls, and the corners of the minorant (before) and
    /// of the majorant (after) around it.
    fn furthest(&self, minorant: &[usize], majorant: &[usize]) -> (f64, usize, usize) {
        let mut best = (0.0, minorant[0], majorant[majorant.len() - 1]);
        for &corner in minorant {
            let distance = self.height(majorant, &self.up_to, corner) - self.below[corner];
            if distance > best.0 {
                let after = majorant.partition_point(|&other| other < corner);
                best = (distance, corner, majorant[after]);
            }
        }
        for &corner in majorant {
            let distance = self.up_to[corner] - self.height(minorant, &self.below, corner);
            if distance > best.0 {
                let after = minorant.partition_point(|&other| other <= corner);
                best = (distance, minorant[after - 1], corner);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    /// The first `n` fractional parts of multiples of the golden ratio, spread evenly over 0 to 1.
    fn golden(n: usize) -> Vec<f64> {
        (1..=n).map(|i| (i as f64 * 0.618_033_988_749_894_9).fract()).collect()
    }

    #[test]
    fn small_samples_have_the_dips_that_follow_from_the_definition() {
        close(dip(&[3.0]).unwrap(), 0.0);
        close(dip(&[2.0, 2.0, 2.0]).unwrap(), 0.0);
        // Even spacing is as good as one mode gets: half a step.
        close(dip(&(0..10).map(f64::from).collect::<Vec<_>>()).unwrap(), 1.0 / 20.0);
        // Two points of equal weight: one is the mode, and half the other's jump is missed.
        close(dip(&[0.0, 0.0, 1.0, 1.0]).unwrap(), 0.25);
        // A point of weight w beside a mode far away: half its jump, however far.
        close(dip(&[5.0, 0.0, 0.0, 0.0]).unwrap(), 0.125);
        close(dip(&[5e9, 0.0, 0.0, 0.0]).unwrap(), 0.125);
    }

    #[test]
    fn dips_are_those_of_another_program() {
        // Expected numbers: `diptest` 0.12.0 of the Python package index.
        let mixed = golden(400).into_iter().chain(golden(40).into_iter().map(|x| x + 3.0));
        let thirds = |(i, x): (usize, f64)| if i % 3 == 0 { 2.0 + x * x } else { x };
        let rounded = |x: &f64| (x * 7.0).floor();
        let half = |(i, x): (usize, &f64)| if i % 2 == 0 { rounded(x) } else { 20.0 };
        for (samples, expected) in [
            (golden(100), 0.011_985_205_037_362_12),
            (golden(200).into_iter().enumerate().map(thirds).collect(), 0.085_344_006_808_544_4),
            (golden(150).iter().map(|x| x * x).collect(), 0.006_290_098_792_771_956),
            (vec![1.0, 2.0, 3.0, 10.0, 11.0, 12.0], 0.194_444_444_444_444_45),
            (golden(120).iter().map(rounded).collect(), 0.075),
            (golden(120).iter().enumerate().map(half).collect(), 0.175),
            (mixed.collect(), 0.030_726_196_659_754_807),
        ] {
            close(dip(&samples).unwrap(), expected);
            let moved: Vec<f64> = samples.iter().map(|x| 512.0 - 4.0 * x).collect();
            close(dip(&moved).unwrap(), expected);
        }
    }

    #[test]
    fn a_sample_without_numbers_or_with_none_that_counts_is_refused() {
        assert!(dip(&[]).is_err());
        assert!(dip(&[1.0, f64::NAN]).is_err());
        assert!(dip(&[1.0, f64::INFINITY]).is_err());
    }
}
