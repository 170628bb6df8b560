//! Intervals by the bootstrap: how much a statistic varies when the data are drawn anew from
//! themselves.
//!
//! A replicate draws each stratum (the runs of a task) with replacement, as many as there are, and
//! the interval spans the middle 95 % of the statistic over the replicates: the percentile interval
//! of the stratified bootstrap (Efron 1979; Agarwal et al. 2021, section 4.1). It is a statement
//! about other runs on the same tasks. With three runs or so it is too narrow, as any that knows the
//! data alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::statistics::sample::quantile;

/// The levels of the ends of a 95 % interval.
const ENDS: [f64; 2] = [0.025, 0.975];
/// Number of statistics whose replicates are held at a time, which bounds memory: 64 × 10,000 f64
/// are 5 MB.
const AT_ONCE: usize = 64;

/// A 95 % interval, as JSON `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 2]", from = "[f64; 2]")]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> [f64; 2] {
        [interval.low, interval.high]
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Interval {
        Interval { low, high }
    }
}

/// How replicates are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Number of replicates. The ends of an interval vary with the seed by about 2.7/√count of the
    /// replicates' standard deviation: 2.7 % of it for 10,000.
    pub count: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Resampling {
        Resampling { count: 10_000, seed: 0 }
    }
}

/// The random draws of one replicate, a pure function of seed and replicate.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    fn of(base: &ChaCha8Rng, replicate: usize) -> Draws {
        let mut stream = base.clone();
        stream.set_stream(replicate as u64);
        Draws(stream)
    }

    /// Draws one of the integers 0, 1, …, `count` − 1, each as likely as the others up to a bias
    /// below `count` / 2⁶⁴. Returns 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }
}

/// Data that can be drawn anew, each stratum from itself.
pub trait Strata: Clone + Send + Sync {
    /// Returns whether every stratum has two members or more. One that has a single member is the
    /// same in each replicate, and an interval would say that it never varies.
    fn can_vary(&self) -> bool;

    /// Overwrites `into`, a copy of `self` or an earlier draw of it, with a draw.
    fn redraw(&self, into: &mut Self, draws: &mut Draws);
}

/// One stratum.
impl<T: Copy + Send + Sync> Strata for Vec<T> {
    fn can_vary(&self) -> bool {
        self.len() > 1
    }

    fn redraw(&self, into: &mut Self, draws: &mut Draws) {
        into.clear();
        into.extend((0..self.len()).map(|_| self[draws.below(self.len())]));
    }
}

/// Two samples, drawn independently of each other.
impl<A: Strata, B: Strata> Strata for (A, B) {
    fn can_vary(&self) -> bool {
        self.0.can_vary() && self.1.can_vary()
    }

    fn redraw(&self, into: &mut Self, draws: &mut Draws) {
        self.0.redraw(&mut into.0, draws);
        self.1.redraw(&mut into.1, draws);
    }
}

/// Returns the 95 % interval of `statistic` over replicates of `data`; `None` where a stratum (a
/// task) has a single member (run), or `plan` asks for no replicate.
///
/// The same data and plan give the same bits for any number of threads.
pub fn interval<T: Strata>(
    data: &T,
    statistic: impl Fn(&T) -> f64 + Sync,
    plan: Resampling,
) -> Option<Interval> {
    intervals(data, 1, |drawn, _| statistic(drawn), plan)?.pop()
}

/// Returns the 95 % intervals of `width` statistics over the same replicates of `data`, of which
/// `statistic(drawn, at)` is number `at`; `None` as [`interval`] does.
pub fn intervals<T: Strata>(
    data: &T,
    width: usize,
    statistic: impl Fn(&T, usize) -> f64 + Sync,
    plan: Resampling,
) -> Option<Vec<Interval>> {
    if plan.count == 0 || !data.can_vary() {
        return None;
    }
    let base = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut found = Vec::with_capacity(width);
    for first in (0..width).step_by(AT_ONCE) {
        let some = AT_ONCE.min(width - first);
        let mut replicates = vec![0.0; plan.count * some];
        replicates.par_chunks_mut(some).enumerate().for_each_init(
            || data.clone(),
            |drawn, (replicate, row)| {
                data.redraw(drawn, &mut Draws::of(&base, replicate));
                let values = row.iter_mut().enumerate();
                values.for_each(|(at, value)| *value = statistic(drawn, first + at));
            },
        );
        let columns = (0..some).into_par_iter().map(|at| {
            let mut column: Vec<f64> = replicates.iter().skip(at).step_by(some).copied().collect();
            column.sort_unstable_by(f64::total_cmp);
            Interval::from(ENDS.map(|level| quantile(&column, level)))
        });
        found.par_extend(columns);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::aggregate::Aggregate;
    use crate::statistics::sample::mean;
    use crate::statistics::scores::Scores;

    const PLAN: Resampling = Resampling { count: 2_000, seed: 3 };

    fn mean_of(sample: &Vec<f64>) -> f64 {
        mean(sample.iter().copied())
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let task = |task: u32| (0..5).map(|run| f64::from(task * run % 7).sin()).collect();
        let scores = Scores::new((1..11).map(task).collect()).unwrap();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let many = |drawn: &Scores, at: usize| drawn.tasks()[at % 10][at % 5];
            pool.install(|| {
                let iqm = interval(&scores, |drawn| Aggregate::Iqm.of(drawn), PLAN).unwrap();
                (iqm, intervals(&scores, 150, many, PLAN).unwrap())
            })
        };
        let one = with(1);
        assert!(one.0.low < one.0.high);
        assert_eq!(one, with(2));
        assert_eq!(one, with(7));
    }

    #[test]
    fn the_interval_of_a_mean_spans_two_standard_errors_to_each_side() {
        let sample: Vec<f64> = (0..400).map(|i| f64::from(i).mul_add(0.37, 0.1).fract()).collect();
        let plan = Resampling { count: 20_000, seed: 1 };
        let Interval { low, high } = interval(&sample, mean_of, plan).unwrap();
        let n = sample.len() as f64;
        let spread =
            (sample.iter().map(|x| (x - mean_of(&sample)).powi(2)).sum::<f64>() / n).sqrt();
        let expected = 1.96 * spread / n.sqrt();
        for (end, sign) in [(low, -1.0), (high, 1.0)] {
            let off = (sign * (end - mean_of(&sample)) / expected - 1.0).abs();
            assert!(off < 0.05, "{end} is off by {off} of {expected}");
        }
    }

    #[test]
    fn several_statistics_have_the_intervals_that_each_has_alone() {
        let sample = vec![1.0, 4.0, 9.0, 16.0, 25.0];
        let power = |drawn: &Vec<f64>, at: usize| mean_of(drawn) * at as f64;
        let all = intervals(&sample, 2 * AT_ONCE + 1, power, PLAN).unwrap();
        assert_eq!(all.len(), 2 * AT_ONCE + 1);
        for at in [0, 1, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE] {
            let alone = interval(&sample, |drawn| power(drawn, at), PLAN);
            assert_eq!(Some(all[at]), alone, "{at}");
        }
    }

    #[test]
    fn equal_numbers_have_an_interval_without_width_and_another_seed_another_interval() {
        let interval_of = |sample: Vec<f64>, seed| {
            interval(&sample, mean_of, Resampling { seed, ..PLAN }).unwrap()
        };
        assert_eq!(interval_of(vec![0.1; 7], 0), Interval::from([mean([0.1; 7]); 2]));
        let sample = || (0..9).map(|i| f64::from(i).sqrt()).collect();
        assert_ne!(interval_of(sample(), 0), interval_of(sample(), 1));
        assert_eq!(interval_of(sample(), 1), interval_of(sample(), 1));
    }

    #[test]
    fn a_stratum_with_one_member_and_no_replicates_have_no_interval() {
        assert_eq!(interval(&vec![1.0], mean_of, PLAN), None);
        assert_eq!(interval(&vec![1.0, 2.0], mean_of, Resampling { count: 0, seed: 0 }), None);
        let scores = Scores::new(vec![vec![1.0, 2.0], vec![3.0]]).unwrap();
        assert_eq!(interval(&scores, |drawn| Aggregate::Mean.of(drawn), PLAN), None);
    }

    #[test]
    fn replicates_keep_every_stratum_as_large_as_it_is_and_to_itself() {
        let scores = Scores::new(vec![vec![1.0, 2.0, 3.0], vec![10.0, 20.0]]).unwrap();
        let (base, mut drawn) = (ChaCha8Rng::seed_from_u64(0), scores.clone());
        let mut seen = [false; 40];
        for replicate in 0..100 {
            scores.redraw(&mut drawn, &mut Draws::of(&base, replicate));
            assert_eq!((drawn.tasks()[0].len(), drawn.tasks()[1].len()), (3, 2));
            assert!(drawn.tasks()[0].iter().all(|score| *score < 4.0));
            assert!(drawn.tasks()[1].iter().all(|score| *score > 9.0));
            drawn.pooled().for_each(|score| seen[score as usize] = true);
        }
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 5, "every run is drawn");
    }

    #[test]
    fn an_interval_is_two_numbers_in_json() {
        let interval = Interval { low: -0.5, high: 2.0 };
        let text = serde_json::to_string(&interval).unwrap();
        assert_eq!(text, "[-0.5,2.0]");
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
    }
}
