//! The pages of the documentation, and what stands in their code blocks.

use std::fs;
use std::path::PathBuf;

use crate::common::root;

/// README.md and the pages in docs, by their path in the repository.
pub fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    paths.sort();
    paths.insert(0, root().join("README.md"));
    let name = |path: &PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file == "README.md" { file } else { format!("docs/{file}") }
    };
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Returns the lines of all code blocks of a kind, such as `console`, block by block, without the
/// indent of their first line.
pub fn blocks(page: &str, kind: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let block: Vec<String> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or("").to_owned())
            .collect();
        if rest.trim() == kind {
            found.push(block);
        }
    }
    found
}

/// A command of a console block, and the lines that it shows below it.
#[derive(Debug, PartialEq)]
pub struct Command {
    /// The line behind the `$`, with continuing lines joined and the comment left out.
    pub line: String,
    /// What is shown of the output.
    pub shown: Vec<String>,
}

/// Returns the commands of a page in order.
pub fn commands(page: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    for block in blocks(page, "console") {
        let mut goes_on = false;
        for text in block {
            if goes_on {
                let line = &mut found.last_mut().unwrap().line;
                line.push_str(&text);
            } else if let Some(line) = text.strip_prefix("$ ") {
                found.push(Command { line: line.into(), shown: Vec::new() });
            } else {
                let command = found.last_mut().expect("a console block begins with a command");
                command.shown.push(text);
                continue;
            }
            let line = &mut found.last_mut().unwrap().line;
            goes_on = line.ends_with('\\');
            *line = line.trim_end_matches('\\').to_owned();
        }
    }
    for command in &mut found {
        // A comment stands behind two spaces at least.
        let end = command.line.find("  #").unwrap_or(command.line.len());
        command.line = command.line[..end].split_whitespace().collect::<Vec<_>>().join(" ");
    }
    found
}

#[test]
fn commands_are_read_with_their_output_and_without_comments() {
    let page =
        "```console\n$ fpo a \\\n    --b 1   # what\nout\n$ fpo c\n```\n\n```text\n$ d\n```\n";
    let expected = [
        Command { line: "fpo a --b 1".into(), shown: vec!["out".into()] },
        Command { line: "fpo c".into(), shown: vec![] },
    ];
    assert_eq!(commands(page), expected);
}
