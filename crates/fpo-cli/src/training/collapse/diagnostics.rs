//! Keeps the diagnostics of the last iterations, and finds those that changed most since the best
//! return.
//!
//! A change is measured against how much the diagnostic varied before, plus a tenth of its size, so
//! that numbers of all scales can be compared:
//!
//! ```text
//! weight = |now − then| / (std then + |then|/10)
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::training::collapse::window::{PATIENCE, WINDOW, is_usable};

/// Number of iterations that are remembered.
const HISTORY: usize = 16;

/// Least weight of a change that tells something.
const TELLING: f64 = 2.0;

/// Diagnostics that only mirror other numbers: the values follow the returns, the total loss
/// follows its parts, the stored losses follow the losses of the iteration before, and the
/// divergences in nats follow the one in the units of the losses.
const MIRRORS: [&str; 6] =
    ["value_mean", "value_target_mean", "total_loss", "cfm_loss_old", "divergence_nats", "kl"];

/// A diagnostic at the best return and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its name, without section.
    pub name: String,
    /// Its mean over the iterations up to the best return.
    pub then: f64,
    /// Its mean over the last iterations.
    pub now: f64,
    weight: f64,
}

impl Change {
    /// Returns whether the diagnostic changed more than it does by itself.
    pub(crate) fn is_telling(&self) -> bool {
        self.weight >= TELLING
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.name.as_str() {
            "ratio_max" => "largest ratio".into(),
            "ratio_min" => "smallest ratio".into(),
            "ratio_mean" => "mean ratio".into(),
            "grad_norm" => "gradient norm".into(),
            "cfm_loss_new" => "CFM loss".into(),
            other => other.replace('_', " "),
        };
        write!(f, "{words} {} → {}", short(self.then), short(self.now))
    }
}

/// The diagnostics of the last iterations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recent {
    values: BTreeMap<String, VecDeque<f64>>,
}

/// The diagnostics around one iteration.
pub(crate) type Snapshot = BTreeMap<String, Level>;

/// The level of a diagnostic: its mean and how much it varied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Level {
    mean: f64,
    std: f64,
}

impl Recent {
    /// Takes in the diagnostics of one iteration.
    pub fn push(&mut self, diagnostics: &[(String, f64)]) {
        for (key, value) in diagnostics {
            let name = key.strip_prefix("train/").unwrap_or(key);
            if name.contains('/') || MIRRORS.contains(&name) || !is_usable(*value) {
                continue;
            }
            let values = self.values.entry(name.into()).or_default();
            values.push_back(*value);
            if values.len() > HISTORY {
                values.pop_front();
            }
        }
    }

    /// Returns the present levels of the diagnostics.
    pub fn snapshot(&self) -> Snapshot {
        let level = |values: &VecDeque<f64>| Level {
            mean: mean(last(values, WINDOW)),
            std: std(values.iter().copied()),
        };
        self.values.iter().map(|(name, values)| (name.clone(), level(values))).collect()
    }

    /// Returns all changes since `then`, the weightiest first.
    pub fn changes_since(&self, then: &Snapshot) -> Vec<Change> {
        let change = |(name, level): (&String, &Level)| {
            let now = mean(last(self.values.get(name)?, PATIENCE as usize));
            let usual = level.std + 0.1 * level.mean.abs() + f64::MIN_POSITIVE;
            let weight = (now - level.mean).abs() / usual;
            Some(Change { name: name.clone(), then: level.mean, now, weight })
        };
        let mut changes: Vec<Change> = then.iter().filter_map(change).collect();
        changes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        changes
    }
}

/// Returns the last `count` values, or all if there are fewer.
fn last(values: &VecDeque<f64>, count: usize) -> impl Iterator<Item = f64> + Clone {
    values.iter().skip(values.len().saturating_sub(count)).copied()
}

/// Returns the mean of at least one number.
pub(crate) fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

/// Returns the standard deviation of the numbers, which is 0 for fewer than two.
pub(crate) fn std(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (mean, count) = (mean(values.clone()), values.clone().count());
    let squares: f64 = values.map(|x| (x - mean) * (x - mean)).sum();
    if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 }
}

/// Formats a number in two significant digits, or in all digits before the point if there are more.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.1e}");
    }
    let decimals = (1.0 - magnitude.max(1e-3).log10().floor()).clamp(0.0, 4.0);
    let text = format!("{value:.*}", decimals as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.08, "0.08"),
            (0.6149, "0.61"),
            (1.3, "1.3"),
            (1.0, "1"),
            (0.0, "0"),
            (17.2, "17"),
            (100.0, "100"),
            (-3.24, "-3.2"),
            (812.6, "813"),
            (0.00123, "0.0012"),
            (0.000_123, "1.2e-4"),
            (2.5e7, "2.5e7"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn means_and_deviations_are_those_of_the_definition() {
        let values = [2.0, 4.0, 9.0];
        assert_eq!(mean(values.into_iter()), 5.0);
        assert_eq!(std(values.into_iter()), 13f64.sqrt());
        assert_eq!(std([2.0].into_iter()), 0.0);
    }

    #[test]
    fn changes_are_ranked_by_weight_and_other_sections_are_passed_over() {
        let mut recent = Recent::default();
        let push = |recent: &mut Recent, clip: f64, loss: f64| {
            let metrics = [
                ("train/clip_fraction", clip),
                ("policy_loss", loss),
                ("train/value_mean", clip),
                ("time/env_s", clip),
                ("train/grad_norm", f64::NAN),
            ];
            recent.push(&metrics.map(|(name, value)| (name.to_string(), value)));
        };
        for i in 0..20 {
            push(&mut recent, 0.1, if i % 2 == 0 { 0.002 } else { -0.002 });
        }
        let then = recent.snapshot();
        push(&mut recent, 0.1, 0.002);
        push(&mut recent, 0.5, 0.002);
        push(&mut recent, 0.6, 0.002);
        push(&mut recent, 0.7, 0.002);
        let changes = recent.changes_since(&then);
        let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        assert_eq!(names, ["clip_fraction", "policy_loss"]);
        assert!(changes[0].is_telling() && !changes[1].is_telling());
        // The diagnostic was 0.1 without spread, and the mean of the last three is 0.6, so that the
        // weight is 0.5/(0.1/10).
        assert!((changes[0].weight - 50.0).abs() < 1e-6, "{}", changes[0].weight);
        assert_eq!(changes[0].to_string(), "clip fraction 0.1 → 0.6");
    }
}
