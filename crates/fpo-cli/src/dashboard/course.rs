//! What is known of a run: who it is, how far it is, and its metrics so far.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::config::resolved::Config;
use crate::dashboard::series::Series;
use crate::results::standing::Standing;
use crate::terminal::reporter::Phase;

/// Who a run is.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The task's name.
    pub task: String,
    /// The name of the algorithm.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// Where it computes, in words.
    pub device: String,
    /// The folder.
    pub folder: PathBuf,
    /// Environment steps in all.
    pub steps_total: u64,
}

impl Run {
    /// Returns who the run of this configuration is.
    pub fn of(config: &Config, folder: PathBuf, device: &str) -> Run {
        Run {
            task: config.env.task.clone(),
            method: config.algorithm.kind.name.to_string(),
            seed: config.train.seed,
            device: device.into(),
            folder,
            steps_total: config.num_iterations() * config.steps_per_iteration(),
        }
    }
}

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Who it is.
    pub run: Run,
    /// How it stands.
    pub standing: Standing,
    /// Environment steps done.
    pub steps_done: u64,
    /// Environment steps per second since this process began training, or of the last iteration;
    /// 0 while it is not known.
    pub steps_per_s: f64,
    /// Seconds that the run has taken.
    pub elapsed_s: f64,
    /// What the iteration under way is doing.
    pub phase: Option<Phase>,
    /// Bytes of memory that its process has, where that is known.
    pub memory: Option<u64>,
    /// What the run said.
    pub story: Vec<String>,
    series: BTreeMap<String, Series>,
    best: Option<(u64, f64)>,
}

/// The return of an evaluation.
pub const RETURN: &str = "eval/episode_return_mean";
/// The return of episodes that ended while data was collected.
pub const TRAIN_RETURN: &str = "rollout/episode_return_mean";

impl Course {
    /// Returns the beginning of the course of `run`.
    pub fn of(run: Run) -> Course {
        Course { run, ..Course::default() }
    }

    /// Adds the metrics that the iteration up to `step` has left.
    pub fn add<'a>(&mut self, step: u64, metrics: impl IntoIterator<Item = (&'a str, f64)>) {
        self.steps_done = step;
        for (key, value) in metrics {
            match key {
                "time/elapsed_s" => self.elapsed_s = value,
                RETURN if self.best.is_none_or(|(_, best)| value > best) => {
                    self.best = Some((step, value));
                }
                _ => {}
            }
            if let Some(series) = self.series.get_mut(key) {
                series.push(step, value);
            } else {
                let mut series = Series::default();
                series.push(step, value);
                self.series.insert(key.into(), series);
            }
        }
    }

    /// Adds a line of `metrics.jsonl`. Returns whether it is one.
    pub fn add_line(&mut self, line: &str) -> bool {
        let Ok(Value::Object(row)) = serde_json::from_str(line) else { return false };
        let Some(step) = row.get("step").and_then(Value::as_u64) else { return false };
        let number = |value: &Value| match value {
            // Numbers that are not finite are strings there, which Rust reads back.
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        let metrics = row.iter().filter(|(key, _)| key.contains('/'));
        self.add(step, metrics.filter_map(|(key, value)| Some((key.as_str(), number(value)?))));
        true
    }

    /// Returns the values of a metric, if the run has any.
    pub fn series(&self, key: &str) -> Option<&Series> {
        self.series.get(key)
    }

    /// Returns the keys of all metrics.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// Returns the last value of a metric.
    pub fn last(&self, key: &str) -> Option<f64> {
        self.series(key)?.last()
    }

    /// Returns step and return of the best evaluation.
    pub fn best(&self) -> Option<(u64, f64)> {
        self.best
    }

    /// Returns the share of the run that is done, 0 to 1.
    pub fn share(&self) -> f64 {
        match self.run.steps_total {
            0 => 0.0,
            total => (self.steps_done as f64 / total as f64).min(1.0),
        }
    }

    /// Returns the seconds that are left at the present speed.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.run.steps_total.saturating_sub(self.steps_done) as f64;
        (self.steps_per_s > 0.0).then(|| left / self.steps_per_s)
    }

    /// Returns how many warnings the run has given.
    pub fn warnings(&self) -> usize {
        self.story.iter().filter(|text| text.starts_with("warning:")).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_metrics_is_read_as_it_was_written() {
        let mut course = Course::of(Run { steps_total: 100, ..Run::default() });
        assert!(course.add_line(
            r#"{"step":10,"eval/episode_return_mean":7.5,"train/kl":"NaN","params":"00ff"}"#
        ));
        assert!(course.add_line(r#"{"step":20,"eval/episode_return_mean":3.5}"#));
        for bad in ["", "{\"step\":30", "[1]", "{\"step\":\"x\"}"] {
            assert!(!course.add_line(bad), "{bad}");
        }
        assert_eq!((course.steps_done, course.share()), (20, 0.2));
        assert_eq!(course.best(), Some((10, 7.5)));
        assert_eq!(course.last(RETURN), Some(3.5));
        assert!(course.last("train/kl").is_some_and(f64::is_nan));
        assert!(course.series("params").is_none());
    }
}
