//! What may differ between a checkpoint and the configuration under which a run goes on from it.
//!
//! Most fields decide what the steps done so far mean: under another discount they would belong to
//! another run. How long the run is, when and how it is evaluated, where it computes, how it is
//! saved and what follows a divergence may change: what is done stays right. A run that was
//! prolonged is not the run that was meant to be so long from the beginning, where something
//! follows its progress: the learning rate, the correlation of the noise, the weight of the entropy
//! bonus, the width of a flow's noise.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Dotted names, or beginnings of names, of what may change besides the fields that decide no
/// result.
const MAY_CHANGE: [&str; 5] = [
    "train.total_steps",
    "eval.",
    "train.on_divergence",
    "train.rollback_factor",
    "train.max_rollbacks",
];

/// A field that has another value than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its dotted name.
    pub field: String,
    /// Its value before; `null` where that was the default.
    pub from: Value,
    /// Its value now; `null` where that is the default.
    pub to: Value,
}

impl Change {
    /// Returns what is different between two configurations' fields, in the order of their names.
    pub fn between(before: &Map<String, Value>, now: &Map<String, Value>) -> Vec<Change> {
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let value = |fields: &Map<String, Value>, name: &String| {
            fields.get(name).cloned().unwrap_or(Value::Null)
        };
        names
            .into_iter()
            .map(|name| Change {
                field: name.clone(),
                from: value(before, name),
                to: value(now, name),
            })
            .filter(|change| change.from != change.to)
            .collect()
    }

    /// Returns whether a run may go on with it.
    pub fn is_allowed(&self) -> bool {
        MAY_CHANGE.iter().any(|name| self.field.starts_with(name))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Value| match value {
            Value::Null => "the default".to_string(),
            value => value.to_string(),
        };
        write!(f, "`{}` was {} and is {}", self.field, word(&self.from), word(&self.to))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn changes_are_named_in_order_with_both_values() {
        let before = map(json!({"train.total_steps": 100, "env.task": "A", "eval.count": 3}));
        let now = map(json!({"train.total_steps": 200, "env.task": "A", "algorithm.gamma": 0.9}));
        let changes = Change::between(&before, &now);
        let texts: Vec<String> = changes.iter().map(Change::to_string).collect();
        let expected = [
            "`algorithm.gamma` was the default and is 0.9",
            "`eval.count` was 3 and is the default",
            "`train.total_steps` was 100 and is 200",
        ];
        assert_eq!(texts, expected);
        assert_eq!(changes.iter().map(Change::is_allowed).collect::<Vec<_>>(), [false, true, true]);
        assert!(Change::between(&now, &now).is_empty());
    }
}
