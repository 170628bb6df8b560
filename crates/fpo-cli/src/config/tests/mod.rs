//! Tests of loading a configuration, and the helpers that they share.

mod keys;
mod loading;
mod mistakes;
mod spellings;
mod streams;

use std::fs;

use super::*;

/// Writes `files` into a new folder and returns it.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Loads a small valid document with `lines` appended to it, and lays `overrides` over it.
fn load(lines: &str, overrides: &[&str]) -> Result<Config, ConfigError> {
    let folder = folder(&[("run.toml", &format!("env.task = 'CheetahRun'\n{lines}"))]);
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    Config::load(&[folder.path().join("run.toml")], &overrides)
}
