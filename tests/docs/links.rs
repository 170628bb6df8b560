//! Follows the links between the pages of the documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::root;
use crate::pages::pages;

/// Returns the anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut code = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if !code && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.insert(kept.collect::<String>().to_lowercase().replace(' ', "-"));
        }
    }
    found
}

/// Returns the targets of a page's links that lead to files.
fn targets(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in page.split("](").skip(1) {
        let target = after.split(')').next().unwrap();
        if !target.contains("://") && !target.contains(char::is_whitespace) {
            found.push(target.to_owned());
        }
    }
    found
}

#[test]
fn links_lead_to_files_and_headings_that_are_there() {
    let mut count = 0;
    let mut dead = Vec::new();
    for (name, page) in pages() {
        let path = root().join(&name);
        for target in targets(&page) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let is_there = match fs::read_to_string(&file) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => file.exists() && anchor.is_empty(),
            };
            if !is_there {
                dead.push(format!("{name}: {target}"));
            }
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = targets(&summary).into_iter().collect();
    for (name, _) in pages() {
        let Some(file) = name.strip_prefix("docs/").filter(|file| *file != "SUMMARY.md") else {
            continue;
        };
        assert!(listed.contains(file), "docs/SUMMARY.md does not list {file}");
    }
    assert!(Path::new(&root().join("book.toml")).is_file());
}
