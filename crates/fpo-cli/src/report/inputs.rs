//! Reads what a report is made of: files of results, folders of them, and folders of runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fpo_core::Registry;
use serde::Serialize;
use serde_json::Value;

use crate::report::notes::{Note, NoteKind};
use crate::results::merged::Merged;
use crate::results::row::Row;
use crate::results::{file, from_run};
use crate::run::dir::RunDir;
use crate::run::scan::scan;
use crate::run::sealed_json::sha256;
use crate::text::shown::line;

/// A file of results or a run that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// Its path, as it was reached.
    pub path: String,
    /// Number of rows in it.
    pub rows: usize,
    /// SHA-256 of a file of results; a folder of a run has none.
    pub sha256: Option<String>,
}

/// Everything that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// The runs, each once, in the order in which they were met.
    pub rows: Vec<Row>,
    /// Where they came from.
    pub sources: Vec<Source>,
    /// What was noticed on the way.
    pub notes: Vec<Note>,
}

/// Reads all `paths`.
///
/// # Errors
/// If a path is neither a file of results, nor a folder of such files or of runs; if a file is
/// damaged or of another format (names file and line); if there is no run in any of them.
pub fn read(paths: &[PathBuf]) -> Result<Inputs> {
    let (mut merged, mut inputs) = (Merged::default(), Inputs::default());
    for path in paths {
        if !path.is_dir() {
            results(path, &mut merged, &mut inputs)?;
            continue;
        }
        let files = file::files_in(path)?;
        for file in &files {
            results(file, &mut merged, &mut inputs)?;
        }
        if files.is_empty() {
            runs(path, &mut merged, &mut inputs)?;
        }
    }
    if merged.rows.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no run in {}", paths.join(", "));
    }
    let duplicates = merged.notes.into_iter().map(|text| Note::new(NoteKind::Duplicate, text));
    inputs.notes.extend(duplicates);
    inputs.rows = merged.rows;
    Ok(inputs)
}

/// Adds the rows of the file at `path`.
fn results(path: &Path, merged: &mut Merged, inputs: &mut Inputs) -> Result<()> {
    let name = path.display().to_string();
    let rows = file::read(path)?;
    let bytes = fs::read(path).with_context(|| name.clone())?;
    if bytes.last().is_some_and(|&byte| byte != b'\n') {
        let text = format!("{name} ends in half a line, which does not count: its run is missing");
        inputs.notes.push(Note::new(NoteKind::Input, text));
    }
    inputs.sources.push(Source {
        path: name.clone(),
        rows: rows.len(),
        sha256: Some(sha256(&bytes)),
    });
    for row in rows {
        merged.add(plain(&row)?, &name);
    }
    Ok(())
}

/// Returns `row` with its text as it may be shown: its names come from a file, and a report of any
/// format may end on a terminal.
fn plain(row: &Row) -> Result<Row> {
    Ok(serde_json::from_value(plain_json(serde_json::to_value(row)?))?)
}

fn plain_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(line(&text)),
        Value::Array(list) => list.into_iter().map(plain_json).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (line(&key), plain_json(value))).collect()
        }
        other => other,
    }
}

/// Adds the run in the folder `path`, or all runs below it. Those of a sweep are what its results
/// say of them, since a run's own files do not know what the sweep calls it.
fn runs(path: &Path, merged: &mut Merged, inputs: &mut Inputs) -> Result<()> {
    let mut found = scan(path).with_context(|| path.display().to_string())?;
    if found.is_empty() {
        bail!(
            "{} is neither a run (it has no config.toml) nor a folder of results (it has no \
             results*.jsonl), and there is no run below it",
            path.display()
        );
    }
    found.sort();
    let mut sweeps = BTreeSet::new();
    for folder in &found {
        if let Some((sweep, files)) = sweep_of(folder, path)? {
            if sweeps.insert(sweep) {
                for file in &files {
                    results(file, merged, inputs)?;
                }
            }
            continue;
        }
        let run = match RunDir::open(folder) {
            Err(error) if folder != path => {
                let text = format!("{error}: it is left out");
                inputs.notes.push(Note::new(NoteKind::Input, text));
                continue;
            }
            opened => opened?,
        };
        let name = folder.display().to_string();
        let row = from_run::of_folder(&run, &Registry::default())?;
        inputs.sources.push(Source { path: name.clone(), rows: 1, sha256: None });
        merged.add(plain(&row)?, &name);
    }
    Ok(())
}

/// Returns the folder between `run` and `top` that has files of results, with these files.
fn sweep_of(run: &Path, top: &Path) -> Result<Option<(PathBuf, Vec<PathBuf>)>> {
    let below = |folder: &&Path| folder.starts_with(top) && *folder != top;
    let between = run.ancestors().skip(1).take_while(below);
    for folder in between {
        let files = file::files_in(folder)?;
        if !files.is_empty() {
            return Ok(Some((folder.into(), files)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    #[test]
    fn all_files_of_a_folder_are_merged_and_half_a_line_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let line = |seed| example("A", "fpo", seed).to_line().unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        write("results.jsonl", format!("{}\n{}\n", line(1), line(2)));
        write("results-1.jsonl", format!("{}\n{}\n{{\"form", line(2), line(3)));
        write("other.jsonl", "nonsense\n".into());
        let inputs = read(&[folder.path().into()]).unwrap();
        let seeds: Vec<u64> = inputs.rows.iter().map(|row| row.seed).collect();
        assert_eq!(seeds, [2, 3, 1], "results-1.jsonl comes first");
        let kinds: Vec<NoteKind> = inputs.notes.iter().map(|note| note.kind).collect();
        assert_eq!(kinds, [NoteKind::Input, NoteKind::Duplicate], "{:?}", inputs.notes);
        assert_eq!(inputs.sources.iter().map(|source| source.rows).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn what_is_no_input_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: PathBuf| format!("{:#}", read(&[path]).unwrap_err());
        assert!(error(folder.path().into()).contains("is neither a run"));
        assert!(error(folder.path().join("no.jsonl")).contains("no.jsonl"));
        let empty = folder.path().join("results.jsonl");
        fs::write(&empty, "").unwrap();
        assert!(error(empty).contains("there is no run in"));
    }
}
