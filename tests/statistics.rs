//! The statistics over runs against numbers of rliable, scipy and numpy, which
//! `scripts/make_statistics_golden.py` made.
//!
//! The end of an interval is not a number but an estimate from random replicates, ours and
//! rliable's. It must lie between two quantiles of rliable's replicates, at the levels `q ± d`
//! about its own level `q`, where `d` is five standard errors of the difference between two
//! empirical distribution functions at `q` for the numbers of replicates used: 0.005 to 0.007 for
//! `q = 0.025`, which is 8 to 12 % of a standard deviation to each side where the replicates are
//! normal. The bound needs no shape of the distribution, and holds for one with ties.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::collections::BTreeMap;

use common::root;
use fpo_cli::statistics::aggregate::Aggregate;
use fpo_cli::statistics::bootstrap::{Interval, Resampling, interval};
use fpo_cli::statistics::improvement::improvement;
use fpo_cli::statistics::profile::profile;
use fpo_cli::statistics::sample::{iqm, mean, median, quantile, standard_error};
use fpo_cli::statistics::scores::Scores;
use serde::Deserialize;

/// How far numbers that are no estimates may be apart: summed in another order, they differ in
/// their last bits.
const ROUNDING: f64 = 1e-12;

#[derive(Deserialize)]
struct Golden {
    replicates: usize,
    problems: Vec<Problem>,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Problem {
    name: String,
    methods: BTreeMap<String, Method>,
    improvements: Vec<Pair>,
}

#[derive(Deserialize)]
struct Method {
    scores: Vec<Vec<f64>>,
    aggregates: Aggregates,
    thresholds: Vec<f64>,
    profile: Vec<Estimate>,
}

#[derive(Deserialize)]
struct Aggregates {
    mean: Estimate,
    median: Estimate,
    iqm: Estimate,
    optimality_gap: Estimate,
}

#[derive(Deserialize)]
struct Pair {
    of: String,
    over: String,
    #[serde(flatten)]
    estimate: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    value: f64,
    interval: [f64; 2],
    low_within: [f64; 2],
    high_within: [f64; 2],
}

#[derive(Deserialize)]
struct Sample {
    values: Vec<f64>,
    mean: f64,
    standard_error: Option<f64>,
    median: f64,
    iqm: f64,
    percentiles: [f64; 5],
}

fn golden() -> Golden {
    let path = root().join("tests/golden/statistics/rliable.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_near(found: f64, expected: f64, what: &str) {
    let bound = ROUNDING * expected.abs().max(1.0);
    assert!((found - expected).abs() <= bound, "{what}: {found}, and not {expected}");
}

impl Estimate {
    /// Fails unless `value` is this one and `found` lies within what is said at the head.
    fn check(&self, value: f64, found: Option<Interval>, what: &str) {
        assert_near(value, self.value, what);
        let found = found.unwrap();
        for (end, [from, to], theirs) in [
            (found.low, self.low_within, self.interval[0]),
            (found.high, self.high_within, self.interval[1]),
        ] {
            assert!(from <= theirs && theirs <= to, "{what}: rliable's own end lies outside");
            let within = from - ROUNDING <= end && end <= to + ROUNDING;
            assert!(within, "{what}: {end} is not between {from} and {to}, about {theirs}");
        }
    }
}

/// Calls `check` with every method of every problem, and its name.
fn for_each_method(check: impl Fn(&Method, &Scores, Resampling, &str)) {
    let golden = golden();
    let mut methods = 0;
    for problem in &golden.problems {
        for (name, method) in &problem.methods {
            let scores = Scores::new(method.scores.clone()).unwrap();
            let plan = Resampling { count: golden.replicates, seed: methods };
            check(method, &scores, plan, &format!("{}/{name}", problem.name));
            methods += 1;
        }
    }
    assert!(methods >= 8, "only {methods} methods");
}

#[test]
fn golden_aggregates_and_their_intervals_are_those_of_rliable() {
    for_each_method(|method, scores, plan, name| {
        let expected = &method.aggregates;
        for (aggregate, expected) in [
            (Aggregate::Mean, &expected.mean),
            (Aggregate::Median, &expected.median),
            (Aggregate::Iqm, &expected.iqm),
            (Aggregate::OptimalityGap, &expected.optimality_gap),
        ] {
            let found = interval(scores, |drawn| aggregate.of(drawn), plan);
            expected.check(aggregate.of(scores), found, &format!("{name} {aggregate:?}"));
        }
    });
}

#[test]
fn golden_profiles_and_their_intervals_are_those_of_rliable() {
    for_each_method(|method, scores, plan, name| {
        let points = profile(scores, &method.thresholds, plan);
        assert_eq!(points.len(), method.profile.len(), "{name}");
        for (point, expected) in points.iter().zip(&method.profile) {
            let what = format!("{name} above {}", point.threshold);
            expected.check(point.share, point.interval, &what);
        }
    });
}

#[test]
fn golden_probabilities_of_improvement_and_their_intervals_are_those_of_rliable() {
    let golden = golden();
    let mut pairs = 0;
    for problem in &golden.problems {
        for pair in &problem.improvements {
            let [of, over] = [&pair.of, &pair.over]
                .map(|name| Scores::new(problem.methods[name].scores.clone()).unwrap());
            let plan = Resampling { count: golden.replicates, seed: 100 + pairs };
            let found = improvement(&of, &over, plan).unwrap();
            let what = format!("{} {} over {}", problem.name, pair.of, pair.over);
            pair.estimate.check(found.probability, found.interval, &what);
            pairs += 1;
        }
    }
    assert!(pairs >= 4, "only {pairs} pairs");
}

#[test]
fn golden_statistics_of_samples_are_those_of_scipy_and_numpy() {
    let samples = golden().samples;
    assert!(samples.len() >= 8, "only {} samples", samples.len());
    for sample in samples {
        let values = || sample.values.iter().copied();
        let what = format!("{} values", sample.values.len());
        assert_near(mean(values()), sample.mean, &what);
        assert_near(median(values()), sample.median, &what);
        assert_near(iqm(values()), sample.iqm, &what);
        let error = standard_error(&sample.values);
        assert_eq!(error.is_some(), sample.standard_error.is_some(), "{what}");
        assert_near(error.unwrap_or(0.0), sample.standard_error.unwrap_or(0.0), &what);
        let mut ascending = sample.values.clone();
        ascending.sort_by(f64::total_cmp);
        for (level, expected) in [0.025, 0.25, 0.5, 0.6, 0.975].iter().zip(sample.percentiles) {
            assert_near(quantile(&ascending, *level), expected, &what);
        }
    }
}
