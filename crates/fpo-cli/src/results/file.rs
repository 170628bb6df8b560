//! A file of results: one row on each line, appended whole or not at all.
//!
//! A kill in the middle of an append leaves a beginning of a line without a line break. Readers
//! pass it over, because its run does not count as finished; whoever appends next cuts it off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::results::row::Row;
use crate::run::durable;

/// Why a file of results cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A line is no row.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A row cannot be written, because JSON has no numbers that are not finite.
    #[error("{}: cannot write a row: {source}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// What serde said.
        source: serde_json::Error,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads all rows of the file at `path`, in their order.
///
/// # Errors
/// [`ResultsError::Line`] for the first whole line that is no row of this program's format, and
/// those of the file system.
pub fn read(path: &Path) -> Result<Vec<Row>, ResultsError> {
    let text = fs::read_to_string(path).map_err(io_error(path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let row = |(index, line): (usize, &str)| {
        let line_error = |reason| ResultsError::Line { path: path.into(), line: index + 1, reason };
        Row::from_line(line).map_err(line_error)
    };
    let lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(row).collect()
}

/// Returns the files of results in `folder`, `results*.jsonl`, in the order of their names.
///
/// # Errors
/// Those of the file system.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("results") && name.ends_with(".jsonl") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A file of results that is open for more rows.
#[derive(Debug)]
pub struct ResultsFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
}

impl ResultsFile {
    /// Opens the file at `path`, which may not exist yet, and cuts off a half-written line at its
    /// end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<ResultsFile, ResultsError> {
        let is_new = !path.exists();
        if !is_new && !path.is_file() {
            return Err(io_error(path)(io::Error::other("not a regular file")));
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(io_error(path))?;
        let bytes = fs::read(path).map_err(io_error(path))?;
        let length = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if length < bytes.len() {
            file.set_len(length as u64).map_err(io_error(path))?;
        }
        if is_new
            && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        {
            durable::sync_folder(folder).map_err(io_error(folder))?;
        }
        Ok(ResultsFile { path: path.into(), file, length: length as u64 })
    }

    /// Appends `row` and makes it durable.
    ///
    /// # Errors
    /// [`ResultsError::Row`], and those of the file system; the file then has the rows it had.
    pub fn append(&mut self, row: &Row) -> Result<(), ResultsError> {
        let line = row.to_line();
        let line = line.map_err(|source| ResultsError::Row { path: self.path.clone(), source })?;
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A full disk takes a part of a line; the rest of the file must stay readable.
            let _ = self.file.set_len(self.length);
            return Err(io_error(&self.path)(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> ResultsError {
    move |source| ResultsError::Io { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::tests::example;

    #[test]
    fn rows_are_read_as_they_were_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let rows = [example("A", "fpo", 1), example("A", "ppo", 2)];
        ResultsFile::open(&path).unwrap().append(&rows[0]).unwrap();
        ResultsFile::open(&path).unwrap().append(&rows[1]).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
    }

    #[test]
    fn a_half_written_line_is_passed_over_and_then_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let (first, second) = (example("A", "fpo", 1), example("A", "fpo", 2));
        let (one, two) = (first.to_line().unwrap(), second.to_line().unwrap());
        for cut in [0, 1, two.len() / 2, two.len()] {
            fs::write(&path, format!("{one}\n{}", &two[..cut])).unwrap();
            assert_eq!(read(&path).unwrap(), std::slice::from_ref(&first), "{cut}");
            ResultsFile::open(&path).unwrap().append(&second).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{one}\n{two}\n"), "{cut}");
        }
    }

    #[test]
    fn a_line_that_is_no_row_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let good = example("A", "fpo", 1).to_line().unwrap();
        for (bad, reason) in [
            ("{\"step\":1}", "no row of results: it has no field `format`"),
            ("{", "EOF while parsing an object at column 1"),
            ("nonsense", "expected ident at column 2"),
            ("{\"format\":2}", "format 2; this program reads format 1"),
            ("{\"format\":\"1\"}", "format \"1\"; this program reads format 1"),
            ("{\"format\":1,\"task\":\"A\"}", "missing field `method`"),
        ] {
            fs::write(&path, format!("{good}\n{bad}\n{good}\n")).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.ends_with(&format!("results.jsonl:2: {reason}")), "{error}");
        }
    }
}
