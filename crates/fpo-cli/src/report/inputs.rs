//! Reads what a report is made of: files of results, folders of them, and folders of runs.

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
use crate::run::sealed_json::sha256;
use crate::text::shell;
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
/// If a path is neither a file of results, nor a folder of such files, nor a run; if a file is
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
            run(path, &mut merged, &mut inputs)?;
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

/// Adds the run in the folder `path`.
fn run(path: &Path, merged: &mut Merged, inputs: &mut Inputs) -> Result<()> {
    let name = path.display().to_string();
    let Ok(run) = RunDir::open(path) else {
        let hint = match holds_runs(path) {
            true => format!("; to report on the runs in it, give them: {}/*", shell::path(path)),
            false => String::new(),
        };
        bail!(
            "{name} is neither a run (it has no config.toml) nor a folder of results (it has no \
             results*.jsonl){hint}"
        );
    };
    let row = from_run::of_folder(&run, &Registry::default())?;
    inputs.sources.push(Source { path: name.clone(), rows: 1, sha256: None });
    merged.add(plain(&row)?, &name);
    Ok(())
}

fn holds_runs(folder: &Path) -> bool {
    let entries = fs::read_dir(folder);
    entries.is_ok_and(|found| found.flatten().any(|entry| RunDir::open(&entry.path()).is_ok()))
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
        let run = folder.path().join("runs/a");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("config.toml"), "").unwrap();
        assert!(error(folder.path().join("runs")).contains("runs/*"));
        let empty = folder.path().join("results.jsonl");
        fs::write(&empty, "").unwrap();
        assert!(error(empty).contains("there is no run in"));
    }
}
