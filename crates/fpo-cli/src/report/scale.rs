//! What counts as 0 and as 1 on a task, so that scores of different tasks can be averaged.
//!
//! `normalised = (score − low) / (high − low)`. By default `low` and `high` are the least and the
//! most that an episode can earn: the bounds of a step's reward times the steps of an episode, 0
//! and 1000 for the tasks of the Control Suite. Where a task has no finite bounds, or ends at a
//! goal, so that no episode can earn the bound of a step at each step, they are the lowest and the
//! highest score in the report. Such numbers depend on what else is in the report, and a note says
//! so.

use fpo_envs::EnvSpec;
use serde::Serialize;

use crate::report::references::References;
use crate::results::row::{Row, Scored};

/// Where a scale comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file of references.
    File,
    /// The bounds of the task.
    Task,
    /// The lowest and the highest score in this report.
    Seen,
}

/// The scores that count as 0 and 1 on a task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// What counts as 0.
    pub low: f64,
    /// What counts as 1.
    pub high: f64,
    /// Where the two come from.
    pub origin: Origin,
}

impl Scale {
    /// Returns the scale of `task`, of which `rows` are all rows; `None` where all scores are equal
    /// and nothing else gives a scale.
    pub fn of(task: &str, rows: &[&Row], scored: Scored, references: &References) -> Option<Scale> {
        if let Some((low, high)) = references.range(task) {
            return Some(Scale { low, high, origin: Origin::File });
        }
        if let Some((low, high)) = bounds(rows) {
            return Some(Scale { low, high, origin: Origin::Task });
        }
        let scores = || rows.iter().filter_map(|row| row.score(scored));
        let low = scores().fold(f64::INFINITY, f64::min);
        let high = scores().fold(f64::NEG_INFINITY, f64::max);
        (low < high).then_some(Scale { low, high, origin: Origin::Seen })
    }

    /// Returns `score` on this scale.
    pub fn normalised(&self, score: f64) -> f64 {
        (score - self.low) / self.range()
    }

    /// Returns the distance from what counts as 0 to what counts as 1.
    pub fn range(&self) -> f64 {
        self.high - self.low
    }
}

/// Returns the least and the most that an episode of the rows' task can earn, if the task is known,
/// has such bounds, and the rows agree on how long an episode is.
fn bounds(rows: &[&Row]) -> Option<(f64, f64)> {
    let mut found = None;
    for row in rows {
        let task = row.config.get("env.task").and_then(|task| task.as_str()).unwrap_or(&row.task);
        let spec = fpo_envs::spec(task).ok().filter(has_useful_bounds)?;
        let steps = row.config.get("env.episode_length").and_then(|steps| steps.as_u64());
        let steps = steps.map_or(spec.episode_length as f64, |steps| steps as f64);
        let (low, high) = spec.reward_range;
        let bounds = (f64::from(low) * steps, f64::from(high) * steps);
        if found.is_some_and(|found| found != bounds) {
            return None;
        }
        found = Some(bounds);
    }
    found
}

fn has_useful_bounds(spec: &EnvSpec) -> bool {
    let (low, high) = spec.reward_range;
    low.is_finite() && high.is_finite() && low < high && !spec.has_success
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    #[test]
    fn the_scale_is_the_files_the_tasks_or_the_scores_own() {
        let none = References::default();
        let scale = |task: &str, references: &References| {
            let rows = [example(task, "fpo", 0), example(task, "fpo", 5)];
            let rows: Vec<&Row> = rows.iter().collect();
            Scale::of(task, &rows, Scored::Last, references)
        };
        let expected = |low, high, origin| Some(Scale { low, high, origin });
        assert_eq!(scale("Classic/Pendulum", &none), expected(0.0, 200.0, Origin::Task));
        // Its episodes end at a goal.
        assert_eq!(scale("GridWorld/two_walls", &none), expected(10.0, 15.0, Origin::Seen));
        assert_eq!(scale("unknown", &none), expected(10.0, 15.0, Origin::Seen));
    }

    #[test]
    fn an_episode_length_of_ones_own_counts_and_equal_scores_have_no_scale() {
        let mut row = example("Classic/Pendulum", "fpo", 0);
        row.config.insert("env.episode_length".into(), 50.into());
        let other = example("Classic/Pendulum", "fpo", 1);
        let of = |rows: &[&Row]| Scale::of("x", rows, Scored::Last, &References::default());
        assert_eq!(of(&[&row]).map(|scale| scale.high), Some(50.0));
        assert_eq!(of(&[&row, &other]).map(|scale| scale.origin), Some(Origin::Seen));
        assert_eq!(of(&[&example("unknown", "fpo", 0)]), None);
        let scale = Scale { low: -1.0, high: 3.0, origin: Origin::File };
        assert_eq!((scale.normalised(-1.0), scale.normalised(4.0)), (0.0, 1.25));
    }
}
