//! One measured case.

use std::fmt;

use anyhow::{Result, bail};
use fpo_envs::AutoReset;
use serde::{Deserialize, Serialize};

use crate::commands::bench::shape::Shape;
use crate::commands::bench::stats::Timing;
use crate::terminal::humanize::grouped;

/// What was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One operation on a tensor so small that it costs no more than its start.
    Operation,
    /// One gradient step on one minibatch: gather, loss, backward, optimiser.
    GradientStep,
    /// One action of every environment, of a flow by Euler steps.
    Sample,
    /// One control step of every environment.
    EnvStep,
    /// One iteration of training: rollout and update.
    Iteration,
    /// A sum of numbers over ranks: slices of them from each to each, and the slices' sums to all.
    Exchange,
}

/// What tells cases of one kind apart; what does not apply is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Where tensors are computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Name of the network sizes, or the configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<String>,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Transitions in the minibatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitions: Option<usize>,
    /// Environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envs: Option<usize>,
    /// Euler steps of the sampler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_steps: Option<usize>,
    /// Where episodes start again, if not at fresh starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_reset: Option<AutoReset>,
    /// Threads of the pool that did the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Numbers that every rank has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<usize>,
    /// Ranks, each with as many threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<usize>,
}

/// A part of an iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Its metric's name between `time/` and `_s`.
    pub name: String,
    /// Median of its milliseconds.
    pub ms_median: f64,
    /// Its share of the iteration's wall-clock.
    pub share: f64,
}

/// A timed case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was timed.
    pub name: Kind,
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// Milliseconds of one call.
    #[serde(flatten)]
    pub time: Timing,
    /// 10⁹ floating-point operations per second at the median, of those the formula needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops: Option<f64>,
    /// That rate as a share of the peak that was measured with as many threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_share: Option<f64>,
    /// Control steps per second at the median, over all environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_per_s: Option<f64>,
    /// What a batch must keep of each environment: state row, observation and counters, as `save`
    /// returns them. Buffers of the simulator, one per thread, and starts that are prepared ahead
    /// do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_env: Option<f64>,
    /// Parts of the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseTime>,
    /// What ranks can share of it, and what they exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// Above this share of the measured peak a result is an error of the measurement: clock rates
/// change and other programs come and go, but not by that much.
const ABSURD_SHARE: f64 = 2.0;

impl Measurement {
    /// Returns the measurement of a case that took `time`.
    pub fn new(name: Kind, case: Case, time: Timing) -> Measurement {
        Measurement {
            name,
            case,
            time,
            gflops: None,
            peak_share: None,
            steps_per_s: None,
            bytes_per_env: None,
            phases: Vec::new(),
            shape: None,
        }
    }

    /// Notes that one call does `flop` operations, on a machine that can do `peak` GFLOP/s.
    ///
    /// # Errors
    /// If that is more than the machine can do.
    pub fn with_flop(mut self, flop: f64, peak: Option<f64>) -> Result<Measurement> {
        let gflops = flop / (self.time.ms_median * 1e6);
        self.gflops = Some(gflops);
        self.peak_share = peak.map(|peak| gflops / peak);
        match self.peak_share {
            Some(share) if share > ABSURD_SHARE => bail!(
                "{self}: {gflops:.0} GFLOP/s would be {share:.1} times the measured peak, so one \
                 of the two is wrong; close what else keeps the machine busy and measure again"
            ),
            _ => Ok(self),
        }
    }

    /// Notes that one call makes `steps` control steps.
    pub fn with_steps(mut self, steps: usize) -> Measurement {
        self.steps_per_s = Some(steps as f64 * 1e3 / self.time.ms_median);
        self
    }

    /// Returns whether `other` is a measurement of the same case.
    pub fn same_case(&self, other: &Measurement) -> bool {
        self.name == other.name && self.case == other.case
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Operation => "tiny operation",
            Kind::GradientStep => "gradient step",
            Kind::Sample => "sample",
            Kind::EnvStep => "env step",
            Kind::Iteration => "iteration",
            Kind::Exchange => "exchange",
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: Option<usize>, one: &str, many: &str| {
            count.map(|n| format!("{} {}", grouped(n as u64), if n == 1 { one } else { many }))
        };
        let parts = [
            self.operation.clone(),
            self.sizes.clone(),
            self.task.clone(),
            counted(self.transitions, "transition", "transitions"),
            counted(self.envs, "env", "envs"),
            counted(self.flow_steps, "Euler step", "Euler steps"),
            self.device.clone(),
            self.auto_reset.map(|_| "restarts at the first state".into()),
            counted(self.threads, "thread", "threads"),
            counted(self.numbers, "number", "numbers"),
            counted(self.ranks, "rank", "ranks"),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(ms_median: f64) -> Measurement {
        let time = Timing { ms_median, ms_min: ms_median, ms_max: ms_median, ms_iqr: 0.0, runs: 1 };
        let case = Case { device: Some("cpu".into()), threads: Some(1), ..Case::default() };
        Measurement::new(Kind::Sample, case, time)
    }

    #[test]
    fn rates_follow_from_the_median() {
        let measured = measurement(20.0).with_flop(4e9, Some(250.0)).unwrap().with_steps(500);
        assert_eq!(measured.gflops, Some(200.0));
        assert_eq!(measured.peak_share, Some(0.8));
        assert_eq!(measured.steps_per_s, Some(25_000.0));
    }

    #[test]
    fn more_than_the_machine_can_do_is_an_error() {
        let error = measurement(20.0).with_flop(4e9, Some(50.0)).unwrap_err().to_string();
        assert!(
            error.contains("sample (cpu, 1 thread)") && error.contains("200 GFLOP/s"),
            "{error}"
        );
    }

    #[test]
    fn json_is_flat_and_survives() {
        let measured = measurement(20.0).with_steps(500);
        let value = serde_json::to_value(&measured).unwrap();
        assert_eq!(value["name"], "sample");
        assert_eq!(value["device"], "cpu");
        assert_eq!(value["ms_median"], 20.0);
        assert!(value.get("gflops").is_none() && value.get("phases").is_none());
        assert_eq!(serde_json::from_value::<Measurement>(value).unwrap(), measured);
    }
}
