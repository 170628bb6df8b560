//! Reads what a report is made of: files of results, folders of them, and folders of runs.
//!
//! What is named must be readable. Of what lies below a named folder, whatever cannot be read is
//! left out with a note, so that one damaged run does not hide all others.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fpo_core::Registry;

use crate::report::inputs::{Gathered, Inputs};
use crate::results::row::Row;
use crate::results::{file, from_run};
use crate::run::dir::RunDir;
use crate::run::scan::scan;

/// The folder of a sweep in which its runs lie.
const RUNS: &str = "runs";

/// Reads all `paths`.
///
/// # Errors
/// If a path is neither a file of results, nor a folder of such files or of runs; if a path is, or
/// has files of results that are, damaged or of another format (names file and line); if there is
/// no run in any of them.
pub fn read(paths: &[PathBuf]) -> Result<Inputs> {
    let mut gathered = Gathered::default();
    for path in paths {
        if !path.is_dir() {
            gathered.add_file(path)?;
            continue;
        }
        let mut rows = Vec::new();
        let files = file::files_in(path)?;
        for file in &files {
            rows.extend(gathered.add_file(file)?);
        }
        match files.is_empty() {
            true => runs(path, &mut gathered)?,
            false => without_row(path, &rows, &mut gathered)?,
        }
    }
    gathered.finish(paths)
}

/// Adds the run in the folder `path`, or all runs below it. Those of a sweep are what its results
/// say of them, since a run's own files do not know what the sweep calls it.
fn runs(path: &Path, gathered: &mut Gathered) -> Result<()> {
    let found = sorted_runs(path)?;
    if found.is_empty() {
        bail!(
            "{} is neither a run (it has no config.toml) nor a folder of results (it has no \
             results*.jsonl), and there is no run below it",
            path.display()
        );
    }
    let mut sweeps = BTreeSet::new();
    for folder in &found {
        if let Some((sweep, files)) = sweep_of(folder, path)? {
            if sweeps.insert(sweep.clone()) {
                add_sweep(&sweep, &files, gathered)?;
            }
            continue;
        }
        match row_of(folder) {
            Ok(row) => gathered.add_run(folder, &row)?,
            Err(error) if folder != path => gathered.leave_out(&error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns the folders of the runs in `folder`, in the order of their names.
fn sorted_runs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = scan(folder).with_context(|| folder.display().to_string())?;
    found.sort();
    Ok(found)
}

/// Returns the row of the run in `folder`, called after its environment and its algorithm.
fn row_of(folder: &Path) -> Result<Row> {
    from_run::of_folder(&RunDir::open(folder)?, &Registry::default())
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

/// Adds the rows in the `files` of `sweep`, which lies below a named folder, and its runs that have
/// none.
fn add_sweep(sweep: &Path, files: &[PathBuf], gathered: &mut Gathered) -> Result<()> {
    let (mut rows, mut is_whole) = (Vec::new(), true);
    for file in files {
        match gathered.add_file(file) {
            Ok(added) => rows.extend(added),
            Err(error) => {
                gathered.leave_out(&error);
                is_whole = false;
            }
        }
    }
    // Which runs have a row in a damaged file is not known.
    if is_whole { without_row(sweep, &rows, gathered) } else { Ok(()) }
}

/// Adds those runs of `sweep` that have none of its `rows`: they are not over, or the sweep was
/// killed before it wrote their rows. They are called as the sweep calls other seeds of their
/// configuration.
fn without_row(sweep: &Path, rows: &[Row], gathered: &mut Gathered) -> Result<()> {
    let folder = sweep.join(RUNS);
    if !folder.is_dir() {
        return Ok(());
    }
    let endings: BTreeSet<String> =
        rows.iter().map(|row| format!("{}-seed{}", row.digest, row.seed)).collect();
    for run in sorted_runs(&folder)? {
        // The folder of a run is called TASK-METHOD-DIGEST-seedSEED, so that the metrics of all the
        // runs that have their row need not be read.
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        let place = name.rmatch_indices('-').nth(1).map_or(0, |(at, _)| at + 1);
        if run.parent() != Some(folder.as_path()) || endings.contains(&name[place..]) {
            continue;
        }
        let row = match row_of(&run) {
            Ok(row) => row,
            Err(error) => {
                gathered.leave_out(&error);
                continue;
            }
        };
        if rows.iter().any(|other| other.key() == row.key()) {
            continue;
        }
        match rows.iter().find(|other| other.digest == row.digest) {
            Some(other) => {
                let (task, method) = (other.task.clone(), other.method.clone());
                let row = Row { task, method, settings: other.settings.clone(), ..row };
                gathered.add_run(&run, &row)?;
            }
            None => gathered.add_without_row(&run, row),
        }
    }
    Ok(())
}
