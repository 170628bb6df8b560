//! Every fuzz target still fits its reader, and finds no fault in its seeds.
//!
//! The targets are modules of the crate in `crates/fpo-cli/fuzz`, which nothing else of the tests
//! builds; libFuzzer feeds them by `scripts/fuzz.sh`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::common::root;

#[allow(dead_code, reason = "what only the targets of libFuzzer use")]
#[path = "../../crates/fpo-cli/fuzz/src/lib.rs"]
mod fuzz;

/// The folder of the crate of fuzz targets.
fn folder() -> PathBuf {
    root().join("crates/fpo-cli/fuzz")
}

/// Feeds each seed of `target` by `feed`.
fn feed(target: &str, feed: fn(&[u8])) {
    let entries = std::fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no seeds for {target}");
    for path in paths {
        feed(&std::fs::read(&path).unwrap());
    }
}

/// As libFuzzer gives a target that takes text what is valid UTF-8, and skips the rest.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn no_target_finds_a_fault_in_its_seeds() {
    feed("config", |bytes| fuzz::config::feed(text(bytes)));
    feed("set_flag", |bytes| fuzz::set_flag::feed(text(bytes)));
    feed("sweep_file", |bytes| fuzz::sweep_file::feed(text(bytes)));
    feed("policy", fuzz::policy::feed);
    feed("checkpoint", fuzz::checkpoint::feed);
    feed("metrics", fuzz::metrics::feed);
}

/// Returns what `folder` holds, by names without their ends.
fn stems(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(self::folder().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into())
        .collect()
}

#[test]
fn every_target_has_seeds_and_a_module() {
    let (targets, mut modules) = (stems("targets"), stems("src"));
    assert!(modules.remove("lib"));
    assert_eq!(targets.len(), 6);
    assert_eq!(targets, modules);
    assert_eq!(targets, stems("corpus"));
}
