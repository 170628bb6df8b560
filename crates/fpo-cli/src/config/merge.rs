//! Lays one table of a configuration over another, or below it.

use toml::{Table, Value};

/// Tables whose `kind` decides which other keys they have. The `kind` of a section is not among
/// them: it is a field like any other.
const CHOICES: [&str; 1] = ["optimizer.schedule"];

/// Returns whether the tables `below` and `over` of the dotted name `key` are different choices, so
/// that the keys of one mean nothing to the other.
fn differ_in_kind(key: &str, below: &Table, over: &Table) -> bool {
    let kinds = (below.get("kind"), over.get("kind"));
    CHOICES.contains(&key) && matches!(kinds, (Some(below), Some(over)) if below != over)
}

/// Lays `over` upon `base`. Tables are merged field by field; a choice of another kind, and every
/// value that is not a table, replaces the old one. Calls `note` with each dotted name that is
/// written.
pub(crate) fn merge(base: &mut Table, over: Table, prefix: &str, note: &mut dyn FnMut(String)) {
    for (name, value) in over {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        note(key.clone());
        match (base.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(table)) => {
                if differ_in_kind(&key, below, &table) {
                    below.clear();
                }
                merge(below, table, &key, note);
            }
            (_, Value::Table(table)) => {
                let mut below = Table::new();
                merge(&mut below, table, &key, note);
                base.insert(name, Value::Table(below));
            }
            (_, value) => {
                base.insert(name, value);
            }
        }
    }
}

/// Adds to `values` the fields of `below` that they lack. Calls `note` with each dotted name that
/// is added.
pub(crate) fn merge_below(
    values: &mut Table,
    below: Table,
    prefix: &str,
    note: &mut dyn FnMut(String),
) {
    for (key, value) in below {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (values.get_mut(&key), value) {
            (Some(Value::Table(own)), Value::Table(below))
                if !differ_in_kind(&name, &below, own) =>
            {
                merge_below(own, below, &name, note);
            }
            (Some(_), _) => {}
            (None, Value::Table(below)) => {
                let mut own = Table::new();
                merge_below(&mut own, below, &name, note);
                values.insert(key, Value::Table(own));
            }
            (None, value) => {
                values.insert(key, value);
                note(name);
            }
        }
    }
}
