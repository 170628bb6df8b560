//! The text of a starting configuration: the fields that are set or are changed first, each with
//! what it is.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use toml::{Table, Value};

use crate::commands::init::sizes::Notes;
use crate::commands::init::why::Why;
use crate::config::reference::{self, Field};
use crate::config::resolved::Config;

/// Fields that stand in the file whether or not they are set: those that people change first.
const ALWAYS: [&str; 13] = [
    "env.num_envs",
    "train.total_steps",
    "train.unroll_length",
    "train.batch_size",
    "train.num_minibatches",
    "train.num_epochs",
    "train.seed",
    "train.device",
    "algorithm.kind",
    "algorithm.clip_epsilon",
    "optimizer.learning_rate",
    "eval.count",
    "eval.episodes",
];
/// The most columns of a line.
const WIDTH: usize = 100;
/// What the page has for the default of a field that every configuration must set.
const REQUIRED: &str = "none, it must be set";
/// From here on whole numbers are written in groups of three digits.
const LARGE: i64 = 10_000;

/// What the text is made of.
pub(super) struct Parts<'a> {
    /// The sentences at the head of the file.
    pub head: &'a [String],
    /// The configuration.
    pub config: &'a Config,
    /// Dotted names of the fields that are set.
    pub written: &'a HashSet<String>,
    /// Why values are what they are, by dotted names.
    pub whys: &'a HashMap<String, Why>,
    /// What sizes come to; it takes the place of what stood behind the value.
    pub notes: &'a Notes,
}

/// Returns the file.
///
/// # Errors
/// If the configuration has no form in TOML.
pub(super) fn text(parts: &Parts) -> Result<String> {
    let table: Table = toml::from_str(&parts.config.to_toml()?)?;
    let mut text = String::new();
    for paragraph in parts.head {
        comment(&mut text, paragraph);
    }
    for section in reference::sections() {
        let Some(Value::Table(values)) = table.get(&section.name) else { continue };
        let mut body = String::new();
        for field in &section.fields {
            let key = format!("{}.{}", section.name, field.name);
            let is_wanted = parts.written.contains(&key) || ALWAYS.contains(&key.as_str());
            if let Some(value) = values.get(&field.name).filter(|_| is_wanted) {
                body.push('\n');
                write_field(&mut body, parts, &key, field, value);
            }
        }
        if !body.is_empty() {
            text.push('\n');
            comment(&mut text, &section.about);
            text += &format!("[{}]\n{body}", section.name);
        }
    }
    Ok(text)
}

/// Adds one field with what it is above it, and why it has this value behind it.
fn write_field(text: &mut String, parts: &Parts, key: &str, field: &Field, value: &Value) {
    comment(text, &described(field));
    let why = parts.whys.get(key);
    if let Some(above) = why.and_then(|why| why.above.as_deref()) {
        comment(text, above);
    }
    let note = parts.notes.iter().find(|(name, _)| *name == key).map(|(_, note)| note);
    let behind = note.or_else(|| why.and_then(|why| why.behind.as_ref()));
    let line = line(&field.name, value);
    match behind {
        Some(behind) if line.chars().count() + behind.chars().count() + 3 <= WIDTH => {
            *text += &format!("{line} # {behind}\n");
        }
        Some(behind) => {
            comment(text, &sentence(behind));
            *text += &format!("{line}\n");
        }
        None => *text += &format!("{line}\n"),
    }
}

/// Returns `name = value`; a table that is too long for one line has a line for each of its fields.
fn line(name: &str, value: &Value) -> String {
    let line = format!("{name} = {}", written(value));
    match value {
        Value::Table(fields) if line.chars().count() > WIDTH => {
            let each = |(field, value)| format!("{name}.{field} = {}", written(value));
            fields.iter().map(each).collect::<Vec<_>>().join("\n")
        }
        _ => line,
    }
}

/// Returns what a field is, which values it may have and which it has by itself.
fn described(field: &Field) -> String {
    let Field { range, default, about, .. } = field;
    if default == REQUIRED {
        return sentence(about);
    }
    format!("{} Value: {range}. Default: {default}.", sentence(about))
}

/// Returns `text` with a capital in front and a full stop behind.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), letters.as_str())
}

/// Returns a value as a person writes it.
fn written(value: &Value) -> String {
    match value {
        Value::Integer(number) if *number >= LARGE => {
            let digits = number.to_string();
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .filter_map(|group| std::str::from_utf8(group).ok())
                .collect();
            groups.join("_")
        }
        value => value.to_string(),
    }
}

/// Adds `paragraph` as lines of a comment.
fn comment(text: &mut String, paragraph: &str) {
    let mut line = String::from("#");
    for word in paragraph.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            *text += &format!("{line}\n");
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    *text += &format!("{line}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sentences_are_written_as_people_write_them() {
        for (number, expected) in [(9_999, "9999"), (10_000, "10_000"), (3_000_000, "3_000_000")] {
            assert_eq!(written(&Value::Integer(number)), expected);
        }
        assert_eq!(written(&Value::Float(5e-4)), "0.0005");
        assert_eq!(sentence("épochs of it"), "Épochs of it.");
    }

    #[test]
    fn comments_are_wrapped_between_words() {
        let mut text = String::new();
        comment(&mut text, &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].len()), (2, 96));
        assert!(lines.iter().all(|line| line.starts_with("# word")));
    }

    #[test]
    fn a_field_has_all_that_is_known_of_it() {
        let field = Field {
            name: "x".into(),
            range: "1 to 2".into(),
            default: "1 (paper)".into(),
            about: "what it is".into(),
        };
        assert_eq!(described(&field), "What it is. Value: 1 to 2. Default: 1 (paper).");
        let task = reference::sections().iter().flat_map(|section| &section.fields);
        let required: Vec<&Field> = task.filter(|field| field.default == REQUIRED).collect();
        assert_eq!(required.len(), 1);
        assert!(!described(required[0]).contains("Default"));
    }
}
