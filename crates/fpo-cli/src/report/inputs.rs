//! What a report is made of: rows of results, where they were read, and what was noticed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::report::notes::{Note, NoteKind};
use crate::results::file;
use crate::results::merged::Merged;
use crate::results::outcome::Status;
use crate::results::row::Row;
use crate::run::sealed_json::sha256;
use crate::terminal::failure::describe;
use crate::terminal::humanize::short_count;
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

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    merged: Merged,
    sources: Vec<Source>,
    notes: Vec<Note>,
    /// Runs of sweeps that have no row there, by their folders. What the sweep calls them is not
    /// known, so that their rows have the names of their environments and algorithms.
    without_row: Vec<(PathBuf, Row)>,
}

impl Gathered {
    /// Adds the rows of the file of results at `path`, and returns them.
    ///
    /// # Errors
    /// If the file cannot be read or a line of it is no row; then none of its rows is added.
    pub fn add_file(&mut self, path: &Path) -> Result<Vec<Row>> {
        let name = path.display().to_string();
        let rows = file::read(path)?;
        let bytes = fs::read(path).with_context(|| name.clone())?;
        let rows: Vec<Row> = rows.iter().map(plain).collect::<Result<_>>()?;
        if bytes.last().is_some_and(|&byte| byte != b'\n') {
            let text =
                format!("{name} ends in half a line, which does not count: its run is missing");
            self.notes.push(Note::new(NoteKind::Input, text));
        }
        rows.iter().for_each(|row| self.merged.add(row.clone(), &name));
        self.sources.push(Source { path: name, rows: rows.len(), sha256: Some(sha256(&bytes)) });
        Ok(rows)
    }

    /// Adds `row`, which was made of the run in the folder `path`.
    ///
    /// # Errors
    /// If the row has no form in JSON.
    pub fn add_run(&mut self, path: &Path, row: &Row) -> Result<()> {
        let name = path.display().to_string();
        self.merged.add(plain(row)?, &name);
        self.sources.push(Source { path: name, rows: 1, sha256: None });
        Ok(())
    }

    /// Adds `row`, which was made of the run in the folder `path`. It belongs to a sweep, which has
    /// no row of this configuration.
    pub fn add_without_row(&mut self, path: &Path, row: Row) {
        self.without_row.push((path.into(), row));
    }

    /// Notes that an input is left out because of `error`, which names it.
    pub fn leave_out(&mut self, error: &anyhow::Error) {
        let text = format!("{}: it is left out", describe(error));
        self.notes.push(Note::new(NoteKind::Input, text));
    }

    /// Returns all that was read of `paths`.
    ///
    /// # Errors
    /// If there is no run in any of them.
    pub fn finish(mut self, paths: &[PathBuf]) -> Result<Inputs> {
        let without_row = std::mem::take(&mut self.without_row);
        // Where sweeps are all there is and none of their runs is over, nothing else is called by
        // names that these runs would be confused with.
        let are_all = self.merged.rows.is_empty();
        for (path, row) in without_row {
            match are_all {
                true => self.add_run(&path, &row)?,
                false if self.merged.get(&row.digest, row.seed).is_some() => {}
                false => self.notes.push(about_run(&path, &row)),
            }
        }
        if self.merged.rows.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            let none = format!("there is no run in {}", paths.join(", "));
            match self.notes.as_slice() {
                [] => bail!("{none}"),
                [first] => bail!("{none} that can be read: {}", first.text),
                [first, rest @ ..] => {
                    bail!("{none} that can be read: {}; and {} more", first.text, rest.len())
                }
            }
        }
        let duplicates =
            self.merged.notes.into_iter().map(|text| Note::new(NoteKind::Duplicate, text));
        self.notes.extend(duplicates);
        Ok(Inputs { rows: self.merged.rows, sources: self.sources, notes: self.notes })
    }
}

/// Returns the note on the run in the folder `path` that has no row in the results of its sweep.
fn about_run(path: &Path, row: &Row) -> Note {
    let (kind, how) = match row.status {
        Status::Unfinished => (NoteKind::Unfinished, "not over"),
        Status::Failed => (NoteKind::Failed, "failed"),
        Status::Diverged => (NoteKind::Input, "diverged"),
        Status::Finished => (NoteKind::Input, "finished"),
    };
    let text = format!(
        "{}, {} on {}, seed {}: {how}, after {} steps; the results of its sweep have no row of it",
        path.display(),
        row.method,
        row.task,
        row.seed,
        short_count(row.env_steps)
    );
    Note::new(kind, text)
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
