//! What is compared: an entry is a method with what a sweep changed in its configuration.
//!
//! Rows of two sweeps may give one name to two configurations. Where a task would have rows of two
//! digests under one label, the label is split by the fields that differ, or by a digest where they
//! are many, and a note says so: two configurations are never averaged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::report::notes::{Note, NoteKind};
use crate::report::words::{list, setting};
use crate::results::row::Row;

/// Most fields that a label names to tell two configurations apart.
const FIELDS_IN_LABEL: usize = 2;
/// Characters of a digest in a label.
const DIGEST_IN_LABEL: usize = 6;

/// A method with settings, and its runs.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its name in the report, which no other entry has.
    pub label: String,
    /// Name of the method.
    pub method: String,
    /// What sets it apart from other entries of the method, by dotted names.
    pub settings: Map<String, Value>,
    /// Its rows, in their order.
    pub rows: Vec<&'a Row>,
}

/// Sorts `rows` into entries, in the order in which they are met.
pub fn entries(rows: &[Row]) -> (Vec<Entry<'_>>, Vec<Note>) {
    let mut notes = Vec::new();
    let name = |row: &Row| (row.method.clone(), text_of(&row.settings));
    let mut entries: Vec<Entry> = Vec::new();
    for group in grouped(rows.iter(), name) {
        entries.extend(told_apart(group, &mut notes));
    }
    let labels: Vec<String> = entries.iter().map(|entry| label(entry, &entries)).collect();
    for (at, entry) in entries.iter_mut().enumerate() {
        let is_unique = labels.iter().filter(|label| **label == labels[at]).count() == 1;
        entry.label = match is_unique {
            true => labels[at].clone(),
            false => format!("{} #{}", labels[at], short_digest(entry.rows[0])),
        };
    }
    (entries, notes)
}

/// Returns `rows` grouped by `key`, groups in the order in which they are met.
fn grouped<'a, K: Ord>(
    rows: impl IntoIterator<Item = &'a Row>,
    key: impl Fn(&Row) -> K,
) -> Vec<Vec<&'a Row>> {
    let (mut places, mut groups) = (BTreeMap::new(), Vec::<Vec<&Row>>::new());
    for row in rows {
        let place = *places.entry(key(row)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// Returns the settings as text that does not depend on their order.
fn text_of(settings: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = settings.iter().collect();
    serde_json::json!(sorted).to_string()
}

/// Makes entries of `rows`, which have one method and equal settings: one, unless a task has rows
/// of several digests.
fn told_apart<'a>(rows: Vec<&'a Row>, notes: &mut Vec<Note>) -> Vec<Entry<'a>> {
    let entry = |rows: Vec<&'a Row>| Entry {
        label: String::new(),
        method: rows[0].method.clone(),
        settings: rows[0].settings.clone(),
        rows,
    };
    let (mut fields, mut ambiguous) = (BTreeSet::new(), Vec::new());
    for rows in grouped(rows.iter().copied(), |row| row.task.clone()) {
        let digests: BTreeSet<&str> = rows.iter().map(|row| row.digest.as_str()).collect();
        if digests.len() > 1 {
            let digests: Vec<&str> = digests.into_iter().collect();
            ambiguous.push(format!("{} ({})", rows[0].task, list(&digests)));
            fields.extend(differing(&rows));
        }
    }
    if ambiguous.is_empty() {
        return vec![entry(rows)];
    }
    let fields: Vec<&String> = fields.iter().collect();
    let values = |row: &Row| {
        fields.iter().map(|field| row.config.get(*field).map(Value::to_string)).collect::<Vec<_>>()
    };
    let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    let by = if names.is_empty() { "their digests".into() } else { list(&names) };
    let text = format!(
        "{} means different configurations on {}: they are told apart by {by}",
        rows[0].method,
        list(&ambiguous)
    );
    notes.push(Note::new(NoteKind::Label, text));
    let mut found = Vec::new();
    for rows in grouped(rows.iter().copied(), values) {
        let tasks = grouped(rows.iter().copied(), |row| row.task.clone());
        let is_one = |rows: &Vec<&Row>| rows.iter().all(|row| row.digest == rows[0].digest);
        if !tasks.iter().all(is_one) {
            found.extend(
                grouped(rows.iter().copied(), |row| row.digest.clone()).into_iter().map(entry),
            );
            continue;
        }
        let mut entry = entry(rows);
        if fields.len() <= FIELDS_IN_LABEL {
            for field in &fields {
                let value = entry.rows[0].config.get(*field).cloned();
                entry.settings.insert((*field).clone(), value.unwrap_or("default".into()));
            }
        }
        found.push(entry);
    }
    found
}

/// Returns the names of the fields in which the configurations of `rows` differ.
fn differing(rows: &[&Row]) -> Vec<String> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.config.keys()).collect();
    let differs =
        |name: &&String| rows.iter().any(|row| row.config.get(*name) != rows[0].config.get(*name));
    names.into_iter().filter(differs).cloned().collect()
}

/// Returns the method, and those settings that not all entries of the method share.
fn label(entry: &Entry, all: &[Entry]) -> String {
    let family = || all.iter().filter(|other| other.method == entry.method);
    let names: BTreeSet<&String> = family().flat_map(|other| other.settings.keys()).collect();
    let varies = |name: &&&String| {
        family().any(|other| other.settings.get(**name) != entry.settings.get(**name))
    };
    let varying: Vec<&String> = names.iter().filter(varies).copied().collect();
    let mut label = entry.method.clone();
    for name in &varying {
        let Some(value) = entry.settings.get(*name) else { continue };
        label.push_str(&format!(" {}={}", short_name(name, &varying), setting(value)));
    }
    label
}

/// Returns the last part of a dotted name, or the whole where another of `names` ends alike.
pub fn short_name<'a>(name: &'a str, names: &[&String]) -> &'a str {
    let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
    let alike = names.iter().filter(|other| other.rsplit('.').next() == Some(last(name))).count();
    if alike > 1 { name } else { last(name) }
}

fn short_digest(row: &Row) -> &str {
    row.digest.get(..DIGEST_IN_LABEL).unwrap_or(&row.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    fn set(mut row: Row, settings: Value, digest: &str) -> Row {
        row.settings = settings.as_object().unwrap().clone();
        row.config.extend(row.settings.clone());
        row.digest = digest.into();
        row
    }

    fn labels(rows: &[Row]) -> (Vec<String>, Vec<Note>) {
        let (entries, notes) = entries(rows);
        (entries.into_iter().map(|entry| entry.label).collect(), notes)
    }

    #[test]
    fn a_method_alone_is_called_by_its_name_and_settings_appear_where_they_differ() {
        let row = |method, lr: f64, seed| {
            let settings =
                serde_json::json!({"optimizer.learning_rate": lr, "train.num_epochs": 4});
            set(example("A", method, seed), settings, &format!("{method}{lr}"))
        };
        let rows = [row("fpo", 0.001, 1), row("fpo", 0.01, 1), row("ppo", 0.001, 1)];
        let expected = ["fpo learning_rate=0.001", "fpo learning_rate=0.01", "ppo"];
        assert_eq!(labels(&rows), (expected.map(String::from).to_vec(), vec![]));
    }

    #[test]
    fn names_that_end_alike_are_written_in_full_and_order_of_settings_does_not_matter() {
        let a = set(example("A", "m", 1), serde_json::json!({"a.x": 1, "b.x": 1}), "1");
        let b = set(example("A", "m", 2), serde_json::json!({"b.x": 1, "a.x": 1}), "1");
        let c = set(example("A", "m", 1), serde_json::json!({"a.x": 2, "b.x": 2}), "2");
        assert_eq!(labels(&[a, b, c]).0, ["m a.x=1 b.x=1", "m a.x=2 b.x=2"]);
    }

    #[test]
    fn two_configurations_under_one_name_are_told_apart_on_all_tasks() {
        let plain = |task, digest| set(example(task, "fpo", 1), serde_json::json!({}), digest);
        let other = |task, digest| {
            let mut row = plain(task, digest);
            row.config.insert("algorithm.clip_epsilon".into(), serde_json::json!(0.2));
            row
        };
        let rows = [plain("A", "a1"), other("A", "a2"), plain("B", "b1"), other("B", "b2")];
        let (labels, notes) = labels(&rows);
        assert_eq!(labels, ["fpo clip_epsilon=default", "fpo clip_epsilon=0.2"]);
        assert_eq!(notes.len(), 1);
        for word in ["fpo", "A (a1 and a2)", "B (b1 and b2)", "algorithm.clip_epsilon"] {
            assert!(notes[0].text.contains(word), "{notes:?}");
        }
    }

    #[test]
    fn configurations_that_differ_in_much_or_in_nothing_visible_carry_their_digest() {
        let plain = |digest| set(example("A", "fpo", 1), serde_json::json!({}), digest);
        let mut far = plain("abcdef0123456789");
        far.config.extend((0..9).map(|i| (format!("x.{i}"), Value::from(i))));
        let (found, notes) = labels(&[plain("0123456789abcdef"), far]);
        assert_eq!((found, notes.len()), (vec!["fpo #012345".into(), "fpo #abcdef".into()], 1));
        let (found, _) = labels(&[plain("0123456789abcdef"), plain("abcdef0123456789")]);
        assert_eq!(found, ["fpo #012345", "fpo #abcdef"]);
    }
}
