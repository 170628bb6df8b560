//! The page docs/configuration-keys.md, which is made of the doc comments of the configuration and
//! of its defaults, and tests that these comments say what the program does.
//!
//! `FPO_KEYS=record` writes the page anew.

mod claims;
mod page;
mod source;

use fpo_core::Registry;
use source::{Item, Sources};
use toml::{Table, Value};

use crate::config::resolved::Config;

/// The sections in the order of the page, with the structs whose fields they hold. The fields of
/// `Objective` stand in `[algorithm]` beside its own.
const SECTIONS: [(&str, &str); 9] = [
    ("env", "EnvConfig"),
    ("train", "TrainConfig"),
    ("algorithm", "AlgorithmConfig"),
    ("policy", "PolicyConfig"),
    ("value", "ValueConfig"),
    ("optimizer", "OptimizerConfig"),
    ("normalizer", "NormalizerConfig"),
    ("eval", "EvalConfig"),
    ("checkpoint", "CheckpointConfig"),
];

/// A field of the configuration.
struct Key {
    /// Dotted name.
    name: String,
    /// What the source says of it.
    item: Item,
    /// The values of a choice with what is said of them; empty for any other field.
    choices: Vec<Item>,
}

/// A section of the configuration.
struct Section {
    name: &'static str,
    /// The doc comment of its struct.
    doc: String,
    keys: Vec<Key>,
}

/// Returns all sections as the sources describe them.
fn sections(sources: &Sources) -> Vec<Section> {
    let read = |(name, rust_type): (&'static str, &str)| {
        let definition = sources.definition(rust_type);
        let mut keys = Vec::new();
        for item in definition.items {
            if item.rust_type == "Objective" {
                let objective = sources.definition("Objective").items;
                keys.extend(objective.into_iter().map(|item| key(sources, name, item)));
            } else {
                keys.push(key(sources, name, item));
            }
        }
        Section { name, doc: definition.doc, keys }
    };
    SECTIONS.map(read).into()
}

fn key(sources: &Sources, section: &str, item: Item) -> Key {
    Key { name: format!("{section}.{}", item.name), choices: choices(sources, &item), item }
}

/// Returns the values of a field that is a choice by name.
fn choices(sources: &Sources, item: &Item) -> Vec<Item> {
    match plain_type(&item.rust_type) {
        "usize" | "u64" | "f64" | "bool" | "String" | "Vec<usize>" | "Vec<String>" => Vec::new(),
        "Algorithm" => {
            let named = |name: &str| Item {
                name: name.into(),
                rust_type: String::new(),
                doc: String::new(),
                fields: Vec::new(),
            };
            Registry::default().names().map(named).collect()
        }
        // Spelled by hand, for a card has a number.
        "DeviceChoice" | "RateSchedule" => Vec::new(),
        name => sources.definition(name).items,
    }
}

/// Returns what an optional field holds where it is set, and any other type as it is.
fn plain_type(rust_type: &str) -> &str {
    rust_type.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>')).unwrap_or(rust_type)
}

/// Returns the value of the field `key` by default under an algorithm; none if it is not set.
fn default_of(kind: &str, key: &str) -> Option<Value> {
    let text = format!("env.task = 'A'\nalgorithm.kind = '{kind}'");
    let text = Config::from_toml_str(&text, "text").unwrap().to_toml().unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    let (section, field) = key.split_once('.').unwrap();
    table[section].get(field).cloned()
}

/// Returns the kinds other than FPO.
fn other_kinds() -> Vec<String> {
    Registry::default().names().filter(|name| *name != "fpo").map(String::from).collect()
}
