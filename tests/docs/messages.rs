//! Compares docs/troubleshooting.md with the messages in the sources.

use std::fs;
use std::path::PathBuf;

use crate::common::root;
use crate::pages::blocks;

/// What stands for a placeholder in the sources, and what does on the page.
const ANY: char = '…';

/// Returns the sources of the program and the scripts, joined, as one line reads them: a string
/// that a backslash breaks is whole, and each placeholder is [`ANY`].
fn sources(folders: &[&str]) -> String {
    let mut folders: Vec<PathBuf> = folders.iter().map(|name| root().join(name)).collect();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if matches!(ending, Some("rs" | "sh")) {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut joined = String::new();
    for line in text.lines() {
        match line.strip_suffix('\\') {
            Some(start) if joined.ends_with('\n') => joined.push_str(start),
            Some(start) => joined.push_str(start.trim_start()),
            None if joined.ends_with('\n') || joined.is_empty() => {
                joined.push_str(line);
                joined.push('\n');
            }
            None => {
                joined.push_str(line.trim_start());
                joined.push('\n');
            }
        }
    }
    joined.replace("\\\"", "\"").replace("\" \"", "")
}

/// Returns the messages that the page quotes.
fn quoted() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    blocks(&page, "text").concat()
}

#[test]
fn the_messages_that_the_page_explains_are_in_the_program() {
    let sources = sources(&["crates/fpo-cli/src", "crates/fpo-core/src", "crates/fpo-envs/src"])
        + &fs::read_to_string(root().join("scripts/setup.sh")).unwrap()
        + &fs::read_to_string(root().join("scripts/cost_model.py")).unwrap();
    let messages = quoted();
    assert!(messages.len() > 80, "{}", messages.len());
    let mut missing = Vec::new();
    for message in &messages {
        // A name or number in a placeholder leaves too little to look for.
        let pieces = message.split(ANY).map(|piece| piece.trim_matches([' ', '`', '"', ':']));
        let pieces: Vec<&str> = pieces.filter(|piece| piece.len() > 3).collect();
        assert!(!pieces.is_empty(), "nothing of `{message}` can be looked for");
        missing.extend(pieces.into_iter().filter(|piece| !sources.contains(piece)));
    }
    assert!(missing.is_empty(), "no source has {missing:#?}");
}

#[test]
fn the_page_explains_every_error_of_configurations_and_runs() {
    let sources = sources(&["crates/fpo-cli/src/run"])
        + &fs::read_to_string(root().join("crates/fpo-cli/src/config/error.rs")).unwrap();
    let messages = quoted();
    let mut unexplained = Vec::new();
    for after in sources.split("#[error(").skip(1) {
        let Some(text) = after.split('"').nth(1) else { continue };
        // The longest part without a placeholder; errors that are all placeholder are the system's.
        let parts =
            text.split(['{', '}']).step_by(2).map(|part| part.trim_matches([' ', '`', ':']));
        let longest = parts.max_by_key(|part| part.len()).unwrap();
        let explained = messages.iter().any(|message| message.contains(longest));
        if longest.len() > 9 && !explained {
            unexplained.push(longest.to_owned());
        }
    }
    // What no user can bring about.
    let internal = [
        "cannot be the name of a file in a checkpoint",
        "cannot write the configuration as TOML",
        "is given twice",
    ];
    unexplained.retain(|text| !internal.iter().any(|known| text.contains(known)));
    assert!(unexplained.is_empty(), "docs/troubleshooting.md does not explain {unexplained:#?}");
}
