//! What is said of the latencies of policies: as a table, and as JSON.

use std::fmt::{self, Display};
use std::path::Path;
use std::time::Duration;

use fpo_core::PolicyFile;
use serde::Serialize;

use crate::commands::bench::machine::Machine;
use crate::statistics::sample::{mean, quantile};
use crate::text::shown::line;

/// Parts of the calls, in their order, whose percentiles tell how far one can trust that of all.
const PARTS: usize = 5;

/// The latencies of some policies.
#[derive(Serialize)]
pub struct Report {
    /// The machine and the build.
    pub machine: Machine,
    /// The instruction set of the kernels.
    pub kernels: &'static str,
    /// Threads that act.
    pub threads: usize,
    /// The policies, in the order in which they were given.
    pub policies: Vec<Measured>,
}

/// The latencies of one policy, its own sampler first.
#[derive(Serialize)]
pub struct Measured {
    /// Its file.
    pub policy: String,
    /// The task that it was trained on.
    pub task: String,
    /// What was measured.
    pub latencies: Vec<Latency>,
}

/// How long an action takes, in microseconds.
#[derive(Serialize)]
pub struct Latency {
    /// The sampler, or `"gaussian"`.
    pub sampler: &'static str,
    /// Its steps, where they are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Whether these are the policy's own.
    pub own: bool,
    /// What computes: `"single_actor"`, `"actor"` or `"operations"`.
    pub by: &'static str,
    /// The mean.
    pub us_mean: f64,
    /// The median.
    pub us_p50: f64,
    /// The 99th percentile.
    pub us_p99: f64,
    /// The least and the largest of [`PARTS`] consecutive parts of the calls.
    pub us_p99_of_parts: [f64; 2],
    /// The longest call.
    pub us_max: f64,
    /// Number of timed calls.
    pub calls: usize,
}

impl Latency {
    /// Returns what `times`, calls in their order, say of a sampler.
    pub fn of(
        sampler: &'static str,
        steps: Option<usize>,
        own: bool,
        by: &'static str,
        times: &[Duration],
    ) -> Latency {
        let us: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        let ascending = |part: &[f64]| {
            let mut part = part.to_vec();
            part.sort_by(f64::total_cmp);
            part
        };
        let all = ascending(&us);
        let parts = us.chunks(us.len().div_ceil(PARTS).max(1));
        let mut p99: Vec<f64> = parts.map(|part| quantile(&ascending(part), 0.99)).collect();
        p99.sort_by(f64::total_cmp);
        Latency {
            sampler,
            steps,
            own,
            by,
            us_mean: mean(us.iter().copied()),
            us_p50: quantile(&all, 0.5),
            us_p99: quantile(&all, 0.99),
            us_p99_of_parts: [quantile(&p99, 0.0), quantile(&p99, 1.0)],
            us_max: quantile(&all, 1.0),
            calls: us.len(),
        }
    }
}

impl Measured {
    /// Returns the latencies of the policy that was read from `path`.
    pub fn new(path: &Path, file: &PolicyFile, latencies: Vec<Latency>) -> Measured {
        let (policy, task) = (path.display().to_string(), file.info.task.clone());
        Measured { policy, task, latencies }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, os, fpo, debug_build, others_running, .. } = &self.machine;
        write!(f, "{cpu}, {os} · {} kernels, 1 thread · fpo {fpo}", self.kernels)?;
        if *debug_build {
            write!(f, ", a debug build")?;
        }
        if let Some(others) = others_running {
            write!(f, " · {others:.1} other threads wanted to run")?;
        }
        writeln!(f)?;
        for policy in &self.policies {
            writeln!(f, "{} ({}): microseconds of one action", line(&policy.policy), policy.task)?;
            writeln!(
                f,
                "{:10} {:>5}  {:12} {:>9} {:>9} {:>9}  {:>19} {:>9} {:>7}",
                "sampler", "steps", "by", "mean", "p50", "p99", "p99 of fifths", "max", "calls"
            )?;
            for latency in &policy.latencies {
                let Latency { sampler, by, us_mean, us_p50, us_p99, us_max, calls, .. } = latency;
                let steps = latency.steps.map_or("–".into(), |steps| steps.to_string());
                let [low, high] = latency.us_p99_of_parts.map(|us| format!("{us:.1}"));
                let (mark, fifths) =
                    (if latency.own { "*" } else { "" }, format!("{low} to {high}"));
                let sampler = format!("{sampler}{mark}");
                let numbers = format!("{us_mean:>9.1} {us_p50:>9.1} {us_p99:>9.1}");
                let row = format!("{sampler:10} {steps:>5}  {by:12} {numbers}  {fifths:>19}");
                writeln!(f, "{row} {us_max:>9.1} {calls:>7}")?;
            }
        }
        writeln!(f, "* the policy's own")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_calls_and_their_range_of_consecutive_parts() {
        // The second fifth is ten times as slow.
        let time = |k: u64| if k / 1000 == 1 { 10 * (k % 1000) } else { k % 1000 };
        let times: Vec<Duration> = (0..5000).map(|k| Duration::from_micros(time(k))).collect();
        let latency = Latency::of("euler", Some(10), true, "actor", &times);
        assert_eq!(latency.calls, 5000);
        assert!((latency.us_mean - 499.5 * 14.0 / 5.0).abs() < 1e-6);
        assert!((latency.us_p99 - 9500.0).abs() < 20.0, "{}", latency.us_p99);
        let [low, high] = latency.us_p99_of_parts;
        assert!((low - 989.0).abs() < 0.1 && (high - 9890.1).abs() < 0.1, "{low} {high}");
        assert!((latency.us_max - 9990.0).abs() < 1e-6);
    }
}
