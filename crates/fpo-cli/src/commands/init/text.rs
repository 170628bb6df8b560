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
            let is_wanted = is_shown(parts.written, &key);
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

/// Returns whether the field `key` stands in a file in which the fields of `written` are set.
fn is_shown(written: &HashSet<String>, key: &str) -> bool {
    written.contains(key) || ALWAYS.contains(&key)
}

/// Returns the settings, such as `optimizer.max_grad_norm = 1.0`, that the kind of algorithm brings
/// along and that a file in which the fields of `set` are set leaves out.
///
/// # Errors
/// If the configuration has no form in TOML.
pub(super) fn left_to_the_kind(config: &Config, set: &HashSet<String>) -> Result<Vec<String>> {
    let whole: Table = toml::from_str(&config.to_toml()?)?;
    let preset: Table = toml::from_str(config.algorithm.kind.preset)?;
    let mut left = Vec::new();
    for (section, fields) in &preset {
        for (field, value) in fields.as_table().into_iter().flatten() {
            let key = format!("{section}.{field}");
            // What has another value all the same does not come from the kind.
            let is_kept = whole.get(section).and_then(|own| own.get(field)) == Some(value);
            if is_kept && !is_shown(set, &key) {
                left.push(format!("{key} = {}", written(value)));
            }
        }
    }
    Ok(left)
}

/// Adds one field with what it is above it, and why it has this value behind it.
fn write_field(text: &mut String, parts: &Parts, key: &str, field: &Field, value: &Value) {
    comment(text, &described(field));
    field.choices.iter().for_each(|choice| wrapped(text, ["# -", "#  "], choice));
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

/// Returns `text` with a capital in front and a full stop behind. A Greek letter in front is a
/// symbol, and its capital would be another one.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| match first {
        'α'..='ω' => first.to_string(),
        first => first.to_uppercase().to_string(),
    });
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
    wrapped(text, ["#", "#"], paragraph);
}

/// Adds `paragraph` as lines, of which the first begins with `first` and each other with `next`.
fn wrapped(text: &mut String, [first, next]: [&str; 2], paragraph: &str) {
    let (mut line, mut is_empty) = (String::from(first), true);
    for word in paragraph.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && !is_empty {
            *text += &format!("{line}\n");
            line = String::from(next);
        }
        line.push(' ');
        line += word;
        is_empty = false;
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
        assert_eq!(sentence("ε of the surrogate"), "ε of the surrogate.");
    }

    #[test]
    fn comments_are_wrapped_between_words() {
        let mut text = String::new();
        comment(&mut text, &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].len()), (2, 96));
        assert!(lines.iter().all(|line| line.starts_with("# word")));
        let mut text = String::new();
        wrapped(&mut text, ["# -", "#  "], &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("# - word") && lines[1].starts_with("#   word"), "{text}");
    }

    #[test]
    fn a_field_has_all_that_is_known_of_it() {
        let field = Field {
            name: "x".into(),
            range: "1 to 2".into(),
            default: "1 (paper)".into(),
            about: "what it is".into(),
            choices: Vec::new(),
        };
        assert_eq!(described(&field), "What it is. Value: 1 to 2. Default: 1 (paper).");
        let task = reference::sections().iter().flat_map(|section| &section.fields);
        let required: Vec<&Field> = task.filter(|field| field.default == REQUIRED).collect();
        assert_eq!(required.len(), 1);
        assert!(!described(required[0]).contains("Default"));
    }
}
