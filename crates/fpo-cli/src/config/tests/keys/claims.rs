//! Tests that the doc comments of a configuration name the defaults and the ranges that hold.

use toml::Value;

use super::super::load;
use super::source::{Sources, parts};
use super::{Key, default_of, other_kinds, plain_type, sections};
use crate::config::error::ConfigError;

fn keys() -> Vec<Key> {
    sections(&Sources::read()).into_iter().flat_map(|section| section.keys).collect()
}

/// Returns the numbers and the quoted names in a text.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split([' ', ';', '(', ')']).map(|word| word.trim_matches(['`', ':', ',']));
    words.filter(|word| !word.is_empty()).map(|word| word.replace(',', "")).collect()
}

/// Returns whether a text names a value of a configuration.
fn names(text: &str, value: &Value) -> bool {
    let tokens = tokens(text);
    let number = |x: f64| tokens.iter().any(|word| word.parse() == Ok(x));
    match value {
        Value::Integer(x) => number(*x as f64),
        Value::Float(x) => number(*x),
        Value::Boolean(x) => tokens.contains(&x.to_string()),
        Value::String(x) => tokens.contains(&format!("\"{x}\"")),
        Value::Array(list) => {
            let count = ["one", "two", "three", "four", "five"][list.len() - 1];
            text.contains(&format!("{count} of {}", list[0]))
        }
        Value::Table(table) => {
            names(&format!("\"{text}\""), &table["kind"]) || {
                let kind = table["kind"].as_str().unwrap();
                tokens.first().is_some_and(|word| word == kind)
            }
        }
        Value::Datetime(_) => false,
    }
}

#[test]
fn comments_name_the_defaults_of_every_kind() {
    for key in keys() {
        let said = parts(&key.item.doc).0;
        let said = said.unwrap_or_else(|| panic!("{} says no default", key.name));
        let first = said.split(';').next().unwrap();
        match default_of("fpo", &key.name) {
            Some(_) if key.name == "env.task" => assert!(first.starts_with("none"), "{said}"),
            Some(value) => assert!(names(first, &value), "{} is {value}: {said}", key.name),
            None => assert!(first.starts_with("not set"), "{} is not set: {said}", key.name),
        }
        if key.item.name == "kind" {
            continue;
        }
        for kind in other_kinds() {
            let other = default_of(&kind, &key.name);
            if other == default_of("fpo", &key.name) {
                continue;
            }
            let (value, rest) = (other.unwrap(), said.strip_prefix(first).unwrap());
            let quoted = format!("\"{kind}\"");
            let (name, quoted) = (&key.name, rest.contains(&quoted));
            assert!(quoted && names(rest, &value), "{name} of {kind} is {value}: {said}");
        }
    }
}

#[test]
fn comments_name_the_ranges_that_are_checked() {
    let mut checked = 0;
    for key in keys() {
        let range = parts(&key.item.doc).1;
        let values: &[&str] = match plain_type(&key.item.rust_type) {
            "usize" | "u64" => &["0", "9223372036854775807"],
            "f64" => &["-1e30", "0.0", "1.0", "1e30", "inf"],
            "Vec<usize>" => &["[0]"],
            _ => {
                assert_eq!(range, None, "{} is no number and has a range", key.name);
                continue;
            }
        };
        let range = range.unwrap_or_else(|| panic!("{} says no range", key.name)).replace(',', "");
        for value in values {
            let refused = load("", &[&format!("{}={value}", key.name)]);
            let Err(ConfigError::OutOfRange { field, allowed, .. }) = refused else { continue };
            assert_eq!(field, key.name);
            let allowed = allowed.replace(',', "");
            assert!(range.starts_with(&allowed), "{}: {range}, but {allowed}", key.name);
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn the_choices_that_comments_explain_are_those_that_exist() {
    let mut checked = 0;
    for key in keys() {
        for choice in &key.choices {
            let set = format!("{}=\"{}\"", key.name, choice.name);
            let refused = load("", &[&set]).err();
            let unknown = matches!(refused, Some(ConfigError::WrongType { .. }));
            assert!(!unknown, "{set}: {refused:?}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}
