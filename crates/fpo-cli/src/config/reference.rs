//! What every field of a configuration is: docs/configuration-keys.md, which is made of the
//! sources' comments, read for those who ask the program instead.
//!
//! `configuration-keys.md` beside this crate's `Cargo.toml` is a link to that page, which `cargo
//! package` follows.

use std::sync::LazyLock;

/// The page.
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/configuration-keys.md"));

/// What is written down of a section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its name, such as `env`.
    pub name: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// Its fields, in the order of the page.
    pub fields: Vec<Field>,
}

/// What is written down of a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// Its name within its section.
    pub name: String,
    /// The values that it may have, with their unit.
    pub range: String,
    /// Its default, and where that is from.
    pub default: String,
    /// What it is.
    pub about: String,
    /// What each of its values means, where the page lists them, a sentence or more each.
    pub choices: Vec<String>,
}

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| read(PAGE));

/// Returns what is written down of all sections, in the order of the page.
pub fn sections() -> &'static [Section] {
    &SECTIONS
}

/// Reads the sections: headings such as "## `[env]`", each with a sentence and its fields.
fn read(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for part in page.split("\n## ").skip(1) {
        let Some((heading, body)) = part.split_once('\n') else { continue };
        let name = heading.strip_prefix("`[").and_then(|rest| rest.strip_suffix("]`"));
        let Some(name) = name else { continue };
        let mut parts = body.split("\n### ");
        let about = plain(&joined(parts.next().unwrap_or_default().trim()));
        let fields = parts.filter_map(|part| field(name, part)).collect();
        sections.push(Section { name: name.into(), about, fields });
    }
    sections
}

/// Reads a field: its name as a heading, a paragraph of its type, range and default, and what it
/// is.
fn field(section: &str, part: &str) -> Option<Field> {
    let (heading, body) = part.split_once('\n')?;
    let name = heading.trim_matches('`').strip_prefix(section)?.strip_prefix('.')?;
    let (facts, text) = body.trim().split_once("\n\n")?;
    let facts = separated(&joined(facts.trim_matches('*')));
    let (default, range) = facts.split_last()?;
    let (about, choices) = about(text);
    Some(Field {
        name: name.into(),
        range: plain(&range.join(", ")),
        default: plain(default.strip_prefix("default ")?),
        about,
        choices,
    })
}

/// Returns the facts in `text`, between which stands " · ". In code that is the sign of a product.
fn separated(text: &str) -> Vec<String> {
    let mut facts: Vec<String> = Vec::new();
    for part in text.split(" · ") {
        match facts.last_mut() {
            Some(open) if !open.matches('`').count().is_multiple_of(2) => {
                *open += &format!(" · {part}");
            }
            _ => facts.push(part.into()),
        }
    }
    facts
}

/// Reads what a field is, and the list of its values if there is one. What the page says of the
/// parts of a value, in lists within that list and in tables, is for the page.
fn about(text: &str) -> (String, Vec<String>) {
    let (mut about, mut choices) = (String::new(), Vec::<String>::new());
    let mut is_deep = false;
    for line in text.lines().take_while(|line| !line.starts_with('|')) {
        if let Some(choice) = line.strip_prefix("- ") {
            choices.push(choice.into());
            is_deep = false;
        } else if line.trim_start().starts_with("- ") {
            is_deep = true;
        } else if !is_deep {
            let text = choices.last_mut().unwrap_or(&mut about);
            *text += &format!("\n{line}");
        }
    }
    let one_line = |text: &String| plain(&joined(text));
    (one_line(&about), choices.iter().map(one_line).collect())
}

/// Returns the lines of `text` as one.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns `text` without the marks of Markdown: the quotes of code, and links, of which those to
/// a page keep its path.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let link = rest[at + 1..].split_once("](").and_then(|(words, after)| {
            let (_, behind) = after.split_once(')')?;
            (!words.contains(['[', ']'])).then_some((words, behind))
        });
        match link {
            Some((words, behind)) => {
                let folder = if words.ends_with(".md") { "docs/" } else { "" };
                plain += &format!("{}{folder}{words}", &rest[..at]);
                rest = behind;
            }
            None => {
                plain += &rest[..=at];
                rest = &rest[at + 1..];
            }
        }
    }
    (plain + rest).replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::field_names_of_sections;

    #[test]
    fn the_page_describes_exactly_the_fields_that_there_are() {
        let names = |section: &Section| -> Vec<String> {
            section.fields.iter().map(|field| field.name.clone()).collect()
        };
        let mut described: Vec<_> =
            sections().iter().map(|section| (section.name.clone(), names(section))).collect();
        let mut known: Vec<(String, Vec<String>)> = field_names_of_sections()
            .into_iter()
            .map(|(name, fields)| (name.into(), fields.iter().map(|f| (*f).into()).collect()))
            .collect();
        for (_, fields) in described.iter_mut().chain(&mut known) {
            fields.sort();
        }
        assert_eq!(described, known);
    }

    #[test]
    fn every_field_and_section_says_what_it_is() {
        for section in sections() {
            assert!(section.about.ends_with('.'), "{}: {}", section.name, section.about);
            for Field { name, range, default, about, .. } in &section.fields {
                assert!(!range.is_empty() && !default.is_empty(), "{name}");
                assert!(about.len() > 10, "{name}: {about}");
                assert!(![range, default, about].iter().any(|text| text.contains('`')));
            }
        }
    }

    #[test]
    fn a_field_is_read_without_the_marks_of_markdown() {
        let part = "`a.b`\n\n*a number · 1 to 2 · default `\"x\"`\n(ours)*\n\nSee [x.md](x.md#y),\n\
                    [there](#z) [a.\n\n| t |\n|---|\n";
        let expected = Field {
            name: "b".into(),
            range: "a number, 1 to 2".into(),
            default: "\"x\" (ours)".into(),
            about: "See docs/x.md, there [a.".into(),
            choices: Vec::new(),
        };
        assert_eq!(field("a", part), Some(expected));
    }

    #[test]
    fn the_sign_of_a_product_separates_no_facts() {
        let part = "`a.b`\n\n*a number · a divisor of `a.c ·\na.d` · default 2*\n\nWhat it is.\n";
        let read = field("a", part).unwrap();
        assert_eq!(read.range, "a number, a divisor of a.c · a.d");
        assert_eq!(read.default, "2");
    }

    #[test]
    fn values_are_listed_one_by_one_without_what_is_below_them() {
        let part = "`a.b`\n\n*a table · default x*\n\nHow.\n\n- `kind = \"x\"`: As\n  before.\n\n\
                    - `kind = \"y\"`: Down.\n  - `to`: Where to. *0 and up · no\n    default*\n";
        let read = field("a", part).unwrap();
        assert_eq!(read.about, "How.");
        assert_eq!(read.choices, ["kind = \"x\": As before.", "kind = \"y\": Down."]);
        let fields = || sections().iter().flat_map(|section| &section.fields);
        assert!(fields().any(|field| !field.choices.is_empty()));
        for Field { name, about, choices, .. } in fields() {
            for text in choices.iter().chain([about]) {
                let is_marked = [" - ", "*", "`"].iter().any(|mark| text.contains(mark));
                assert!(!is_marked && !text.is_empty(), "{name}: {text}");
            }
        }
    }
}
