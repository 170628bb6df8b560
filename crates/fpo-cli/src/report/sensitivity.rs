//! How scores depend on each setting that a sweep varied.
//!
//! A configuration is one dot: its mean over runs, and over tasks where there are several. Other
//! settings may vary along with the one that is shown, so a trend here is no proof of a cause.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::report::cells::Task;
use crate::report::entries::Entry;
use crate::report::overall::Overall;
use crate::report::words::setting;
use crate::statistics::sample::mean;

/// A configuration in the picture of a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dot {
    /// Label of the entry.
    pub entry: String,
    /// Value of the setting.
    pub value: Value,
    /// Mean score.
    pub score: f64,
}

/// The mean over the configurations with one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueMean {
    /// The value of the setting.
    pub value: Value,
    /// Number of configurations with it.
    pub configurations: usize,
    /// The mean of their scores.
    pub mean: f64,
}

/// How the scores of a method depend on a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sensitivity {
    /// Dotted name of the setting.
    pub setting: String,
    /// Name of the method.
    pub method: String,
    /// Whether scores are normalised means over tasks; otherwise they are returns on the only task.
    pub normalised: bool,
    /// The configurations, in the order of the values.
    pub dots: Vec<Dot>,
    /// The means by value, in the order of the values.
    pub means: Vec<ValueMean>,
}

/// Returns the pictures of all settings that take several values within a method.
pub fn sensitivity(
    entries: &[Entry],
    tasks: &[Task],
    overall: Option<&Overall>,
) -> Vec<Sensitivity> {
    let score = |at: usize| match tasks {
        [only] => only.cells[at].mean,
        _ => {
            let label = &entries[at].label;
            let entry = overall?.entries.iter().find(|entry| entry.entry == *label)?;
            Some(entry.mean.value)
        }
    };
    let mut dots: BTreeMap<(String, String), Vec<Dot>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some(score) = score(at) else { continue };
        for (name, value) in &entry.settings {
            let key = (entry.method.clone(), name.clone());
            let dot = Dot { entry: entry.label.clone(), value: value.clone(), score };
            dots.entry(key).or_default().push(dot);
        }
    }
    let picture = |((method, setting), mut dots): ((String, String), Vec<Dot>)| {
        dots.sort_by(|a, b| order(&a.value, &b.value));
        let groups: Vec<&[Dot]> = dots.chunk_by(|a, b| a.value == b.value).collect();
        let means = groups.iter().map(|dots| ValueMean {
            value: dots[0].value.clone(),
            configurations: dots.len(),
            mean: mean(dots.iter().map(|dot| dot.score)),
        });
        let means: Vec<ValueMean> = means.collect();
        let normalised = tasks.len() > 1;
        (means.len() > 1).then_some(Sensitivity { setting, method, normalised, dots, means })
    };
    dots.into_iter().filter_map(picture).collect()
}

/// Orders numbers by size, everything else by its text, after the numbers.
fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a_number, b_number) => {
            (a_number.is_none(), setting(a)).cmp(&(b_number.is_none(), setting(b)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::cells::Making;
    use crate::report::entries::entries;
    use crate::report::references::References;
    use crate::results::row::tests::example;
    use crate::results::row::{Row, Scored};
    use crate::statistics::bootstrap::Resampling;

    #[test]
    fn a_setting_has_a_dot_for_each_configuration_and_a_mean_for_each_value() {
        // Seeds are scores: the example's last return is 10 + seed.
        let row = |rate: f64, clip: f64, seed: u64| {
            let mut row = example("A", "fpo", seed);
            row.settings = serde_json::json!({"rate": rate, "clip": clip, "same": 1})
                .as_object()
                .unwrap()
                .clone();
            row.digest = format!("{rate} {clip}");
            row
        };
        let rows: Vec<Row> = vec![row(0.1, 1.0, 6), row(0.01, 1.0, 2), row(0.01, 2.0, 4)];
        let (entries, _) = entries(&rows);
        let making = Making {
            scored: Scored::Last,
            references: &References::default(),
            plan: Resampling::default(),
        };
        let tasks = [making.task("A", &entries)];
        let found = sensitivity(&entries, &tasks, None);
        let names: Vec<&str> = found.iter().map(|one| one.setting.as_str()).collect();
        assert_eq!(names, ["clip", "rate"], "a setting with one value has no picture");
        let rate = &found[1];
        assert_eq!(rate.dots.iter().map(|dot| dot.score).collect::<Vec<_>>(), [12.0, 14.0, 16.0]);
        let means: Vec<(f64, usize, f64)> = rate
            .means
            .iter()
            .map(|mean| (mean.value.as_f64().unwrap(), mean.configurations, mean.mean))
            .collect();
        assert_eq!(means, [(0.01, 2, 13.0), (0.1, 1, 16.0)]);
        assert!(!rate.normalised);
    }

    #[test]
    fn numbers_come_in_the_order_of_their_size_and_before_words() {
        let mut values: Vec<Value> =
            vec!["b".into(), 10.into(), serde_json::json!(2.5), "a".into(), 9.into()];
        values.sort_by(order);
        let expected: Vec<Value> =
            vec![serde_json::json!(2.5), 9.into(), 10.into(), "a".into(), "b".into()];
        assert_eq!(values, expected);
    }
}
