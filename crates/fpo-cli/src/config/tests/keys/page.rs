//! Writes the page.

use std::fmt::Write;
use std::path::Path;

use super::source::{Item, Sources, parts};
use super::{Key, Section, default_of, other_kinds, plain_type, sections};

/// Columns of the page.
const WIDTH: usize = 100;
const HEAD: &str = r##"# Configuration keys

This page says of every key of a configuration what it does, what it may be, and what it is where
nothing sets it. It is made of the comments in the program's sources, and a test compares the two;
how files, overrides and presets go together is in [configuration.md](configuration.md).

"Paper" is [arXiv 2507.21053](https://arxiv.org/abs/2507.21053), "official" the Playground program
of `akanazawa/fpo` at 418c255, "FPO++" [arXiv 2602.02481](https://arxiv.org/abs/2602.02481), and
"ours" a choice made here. A key that may be unset is unset by `"none"`.

## What another kind changes

The defaults below are those of `algorithm.kind = "fpo"`. Another kind has defaults of its own for
some keys, over which whatever a file or `--set` writes wins:

"##;

#[test]
fn the_page_of_keys_says_what_the_sources_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration-keys.md");
    let page = page(&Sources::read());
    let asked = std::env::var_os("FPO_KEYS");
    assert!(asked.as_ref().is_none_or(|v| v == "record"), "FPO_KEYS={asked:?}: record");
    if asked.is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let differs = written.lines().zip(page.lines()).find(|(written, new)| written != new);
    assert!(
        written == page,
        "docs/configuration-keys.md is not what the sources say; `FPO_KEYS=record cargo test -p \
         fpo-cli --lib keys` writes it anew. First difference: {differs:?}"
    );
}

fn page(sources: &Sources) -> String {
    let sections = sections(sources);
    let mut text = HEAD.to_owned();
    presets(&mut text, &sections);
    for section in &sections {
        let (_, about) = section.doc.split_once(": ").unwrap_or(("", &section.doc));
        // The struct of the optimiser lies in the core, and says which section it is at its end.
        let about = about.split(", as the section").next().unwrap_or(about);
        write!(text, "\n## `[{}]`\n\n{}\n", section.name, wrapped(&sentence(about), "")).unwrap();
        for key in &section.keys {
            entry(&mut text, key);
            if key.item.rust_type == "RateSchedule" {
                schedules(&mut text, sources);
            }
        }
    }
    text
}

/// Writes a table of the fields whose default another kind of algorithm changes.
fn presets(text: &mut String, sections: &[Section]) {
    let kinds = other_kinds();
    let titles: Vec<String> = kinds.iter().map(|kind| format!(" `{kind}` |")).collect();
    writeln!(text, "| key | `fpo` |{}", titles.concat()).unwrap();
    writeln!(text, "|---|---|{}", "---|".repeat(kinds.len())).unwrap();
    for key in sections.iter().flat_map(|section| &section.keys) {
        let own = default_of("fpo", &key.name);
        let others: Vec<_> = kinds.iter().map(|kind| default_of(kind, &key.name)).collect();
        if key.item.name == "kind" || others.iter().all(|other| *other == own) {
            continue;
        }
        let shown = |value: &Option<toml::Value>| match value {
            Some(value) => format!("`{value}`"),
            None => "not set".into(),
        };
        let cells = others.iter().map(|other| match *other == own {
            true => " |".into(),
            false => format!(" {} |", shown(other)),
        });
        let cells: String = cells.collect();
        writeln!(text, "| [`{0}`](#{1}) | {2} |{cells}", key.name, anchor(&key.name), shown(&own))
            .unwrap();
    }
}

/// Returns the anchor of a heading that is a dotted name.
fn anchor(name: &str) -> String {
    name.replace('.', "")
}

/// Writes what is known of one key.
fn entry(text: &mut String, key: &Key) {
    let (default, range, about) = parts(&key.item.doc);
    let mut facts = vec![words(&key.item.rust_type, &key.choices)];
    facts.extend(range);
    facts.push(format!("default {}", default.unwrap_or_default()));
    let facts = wrapped(&format!("*{}*", facts.join(" · ")), "");
    write!(text, "\n### `{}`\n\n{facts}\n\n{}\n", key.name, wrapped(&about, "")).unwrap();
    let explained = |choice: &Item| about.contains(&format!("`\"{}\"`", choice.name));
    if !key.choices.iter().all(explained) {
        text.push('\n');
        for choice in &key.choices {
            let line = format!("- `\"{}\"`: {}", choice.name, without_links(&choice.doc));
            writeln!(text, "{}", wrapped(&line, "  ")).unwrap();
        }
    }
}

/// Writes the kinds of a schedule with their fields.
fn schedules(text: &mut String, sources: &Sources) {
    for kind in sources.definition("RateSchedule").items {
        let line = format!("- `kind = \"{}\"`: {}", kind.name, without_links(&kind.doc));
        write!(text, "\n{}\n", wrapped(&line, "  ")).unwrap();
        for field in kind.fields {
            let (default, range, about) = parts(&field.doc);
            let mut facts: Vec<String> = range.into_iter().collect();
            facts.push(match default {
                Some(default) => format!("default {default}"),
                None => "no default".into(),
            });
            let line = format!("  - `{}`: {about} *{}*", field.name, facts.join(" · "));
            writeln!(text, "{}", wrapped(&line, "    ")).unwrap();
        }
    }
}

/// Returns a Rust type in words.
fn words(rust_type: &str, choices: &[Item]) -> String {
    let plain = match plain_type(rust_type) {
        "usize" | "u64" => "a whole number".into(),
        "f64" => "a number".into(),
        "bool" => "`true` or `false`".into(),
        "String" | "DeviceChoice" => "a name".into(),
        "Vec<usize>" => "a list of whole numbers".into(),
        "Vec<String>" => "a list of names".into(),
        "RateSchedule" => "a table".into(),
        _ => {
            let names: Vec<String> =
                choices.iter().map(|choice| format!("`\"{}\"`", choice.name)).collect();
            let (last, first) = names.split_last().unwrap();
            format!("{} or {last}", first.join(", "))
        }
    };
    match rust_type.starts_with("Option<") {
        true => format!("{plain}, or not set"),
        false => plain,
    }
}

/// Returns a text whose links within the documentation of the sources are plain names.
fn without_links(doc: &str) -> String {
    doc.replace("[`", "`").replace("`]", "`")
}

/// Returns a text with a capital at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let rest = letters.as_str();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{rest}{end}")
}

/// Breaks a text into lines; those after the first begin with `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let lead: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let (mut lines, mut line) = (Vec::new(), lead);
    for word in pieces(text.trim()) {
        let length = line.chars().count() + 1 + word.chars().count();
        if length > WIDTH && !line.trim().is_empty() {
            lines.push(std::mem::replace(&mut line, format!("{indent}{word}")));
        } else {
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    lines.push(line);
    lines.join("\n")
}

/// Returns the words of a text; a quotation of code is one word.
fn pieces(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match found.last_mut() {
            Some(open) if open.matches('`').count() % 2 == 1 => {
                open.push(' ');
                open.push_str(word);
            }
            _ => found.push(word.into()),
        }
    }
    found
}
