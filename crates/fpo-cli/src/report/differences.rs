//! In what the configurations of the entries differ, beyond their names.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::report::entries::Entry;
use crate::report::words::setting;

/// The field that differs between tasks by its nature.
const TASK: &str = "env.task";

/// A field of the configuration with different values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Its dotted name.
    pub field: String,
    /// Its value in each entry, in the order of the entries: several, with ` / ` between, where
    /// they depend on the task; `default` where it is the one of the entry's algorithm.
    pub values: Vec<String>,
}

/// Returns the fields that do not have one value in all `entries`.
pub fn differences(entries: &[Entry]) -> Vec<Difference> {
    let rows = || entries.iter().flat_map(|entry| &entry.rows);
    let fields: BTreeSet<&String> = rows().flat_map(|row| row.config.keys()).collect();
    let values = |field: &String| -> Vec<String> {
        let of_entry = |entry: &Entry| {
            let mut found: Vec<String> = Vec::new();
            for row in &entry.rows {
                let value = row.config.get(field).map_or("default".into(), setting);
                if !found.contains(&value) {
                    found.push(value);
                }
            }
            found.join(" / ")
        };
        entries.iter().map(of_entry).collect()
    };
    let difference = |field: &String| {
        let values = values(field);
        let differs = values.iter().any(|value| *value != values[0]);
        differs.then(|| Difference { field: field.clone(), values })
    };
    fields.into_iter().filter(|field| *field != TASK).filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::entries::entries;
    use crate::results::row::Row;
    use crate::results::row::tests::example;

    #[test]
    fn fields_that_differ_between_entries_are_listed_and_others_are_not() {
        let with = |mut row: Row, field: &str, value: f64| {
            row.config.insert(field.into(), value.into());
            row
        };
        let rows = [
            with(example("A", "fpo", 1), "algorithm.gamma", 0.9),
            with(with(example("B", "fpo", 1), "algorithm.gamma", 0.95), "train.x", 1.0),
            with(example("A", "ppo", 1), "algorithm.gamma", 0.9),
            with(example("B", "ppo", 1), "train.x", 1.0),
        ];
        let found = differences(&entries(&rows).0);
        let found: Vec<(&str, &[String])> =
            found.iter().map(|one| (one.field.as_str(), one.values.as_slice())).collect();
        let gamma: [String; 2] = ["0.9 / 0.95".into(), "0.9 / default".into()];
        let kind: [String; 2] = ["fpo".into(), "ppo".into()];
        assert_eq!(found, [("algorithm.gamma", &gamma[..]), ("algorithm.kind", &kind[..])]);
    }
}
