//! Reads what the sources say of a configuration: the fields of a struct and the variants of an
//! enum, with their types and doc comments. Plain text rules suffice for how rustfmt writes them.

use std::fs;
use std::path::{Path, PathBuf};

/// A field of a struct or of a variant, or a variant itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The name as a configuration spells it.
    pub name: String,
    /// The Rust type of a field, such as `Option<f64>`; empty for a variant.
    pub rust_type: String,
    /// The doc comment in one line.
    pub doc: String,
    /// The fields of a variant.
    pub fields: Vec<Item>,
}

/// A struct or an enum.
#[derive(Debug)]
pub struct Definition {
    /// The doc comment in one line.
    pub doc: String,
    /// Its fields or variants, in order.
    pub items: Vec<Item>,
}

/// All sources of the three crates.
pub struct Sources(Vec<String>);

impl Sources {
    /// Reads the sources of this repository.
    pub fn read() -> Sources {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found: Vec<PathBuf> = Vec::new();
        let mut folders: Vec<PathBuf> =
            ["fpo-cli", "fpo-core", "fpo-envs"].map(|name| crates.join(name).join("src")).into();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                match path.extension() {
                    _ if path.is_dir() => folders.push(path),
                    Some(ending) if ending == "rs" => found.push(path),
                    _ => {}
                }
            }
        }
        found.sort();
        Sources(found.iter().map(|path| fs::read_to_string(path).unwrap()).collect())
    }

    /// Returns the public struct or enum of that name, whose name no other one has.
    pub fn definition(&self, name: &str) -> Definition {
        let found: Vec<Definition> =
            self.0.iter().filter_map(|text| definition(text, name)).collect();
        let [one] = <[Definition; 1]>::try_from(found)
            .unwrap_or_else(|found| panic!("{} definitions of {name}", found.len()));
        one
    }
}

/// Returns the struct or enum `name` if `text` defines it.
fn definition(text: &str, name: &str) -> Option<Definition> {
    let lines: Vec<&str> = text.lines().collect();
    let heads = [format!("pub struct {name} {{"), format!("pub enum {name} {{")];
    let head = lines.iter().position(|line| heads.iter().any(|head| line == head))?;
    let above = lines[..head].iter().rev();
    let above: Vec<&&str> =
        above.take_while(|line| line.starts_with("///") || line.starts_with("#[")).collect();
    let doc: Vec<&str> =
        above.iter().rev().filter_map(|line| line.strip_prefix("///")).map(str::trim).collect();
    let end = head + lines[head..].iter().position(|line| *line == "}")?;
    Some(Definition { doc: doc.join(" "), items: items(&lines[head + 1..end]) })
}

/// Returns the fields and variants in the lines between the braces of a definition.
fn items(lines: &[&str]) -> Vec<Item> {
    let mut found: Vec<Item> = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in lines.iter().map(|line| line.trim()) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
            continue;
        }
        if line.is_empty() || line.starts_with("#[") {
            continue;
        }
        if line == "}," {
            inside = false;
            continue;
        }
        let doc = std::mem::take(&mut doc).join(" ");
        let plain = line.trim_start_matches("pub ").trim_end_matches(',');
        let item = match plain.split_once(": ") {
            Some((name, rust_type)) => (name.into(), rust_type.into()),
            None => (snake_case(plain.trim_end_matches(" {")), String::new()),
        };
        let item = Item { name: item.0, rust_type: item.1, doc, fields: Vec::new() };
        match found.last_mut() {
            Some(variant) if inside => variant.fields.push(item),
            _ => found.push(item),
        }
        inside = inside || line.ends_with('{');
    }
    found
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// Returns the sentences of a doc comment: those that begin with `Default` and `Range` apart, each
/// without that word and its full stop, and what is left.
pub fn parts(doc: &str) -> (Option<String>, Option<String>, String) {
    let (mut default, mut range, mut rest) = (None, None, Vec::new());
    for sentence in sentences(doc) {
        let said = |word: &str| {
            let text = sentence.strip_prefix(word)?;
            text.starts_with([' ', ':'])
                .then(|| text.trim_start_matches(':').trim().trim_end_matches('.').to_owned())
        };
        match (said("Default"), said("Range")) {
            (Some(text), _) if default.is_none() => default = Some(text),
            (_, Some(text)) if range.is_none() => range = Some(text),
            _ => rest.push(sentence),
        }
    }
    (default, range, rest.join(" "))
}

/// Splits a text behind every full stop that a space and a capital, a quotation or an equation
/// follow.
fn sentences(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for word in text.split_whitespace() {
        let current = found.last_mut().unwrap();
        let begins = word.starts_with(|letter: char| letter.is_uppercase() || letter == '`');
        if current.ends_with('.') && begins {
            found.push(word.into());
        } else {
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
    }
    found
}

#[test]
fn definitions_are_read_as_rustfmt_writes_them() {
    let text = "/// About\n/// it.\n#[derive(Debug)]\npub struct Some {\n\
                    /// First. Range 1 to 2.\n    /// Default 3 (ours).\n    \
                #[serde(default)]\n    \
                pub one: Option<f64>,\n}\n\
                pub enum Other {\n    /// A.\n    #[default]\n    PerPair,\n    /// B.\n    \
                Deep {\n\
                        /// C.\n        to: f64,\n    },\n}\n";
    let one = definition(text, "Some").unwrap();
    assert_eq!((one.doc.as_str(), one.items.len()), ("About it.", 1));
    assert_eq!((one.items[0].name.as_str(), &*one.items[0].rust_type), ("one", "Option<f64>"));
    let expected = (Some("3 (ours)".into()), Some("1 to 2".into()), "First.".into());
    assert_eq!(parts(&one.items[0].doc), expected);
    let other = definition(text, "Other").unwrap();
    let names: Vec<&str> = other.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["per_pair", "deep"]);
    assert_eq!((other.items[1].fields[0].name.as_str(), other.items[0].fields.len()), ("to", 0));
}
