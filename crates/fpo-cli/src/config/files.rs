//! Reads the files of a configuration, each with the names of the files that it includes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::error::ConfigError;

/// The top-level key by which a file includes others.
pub(crate) const INCLUDE: &str = "include";
/// The most files that are open inside each other.
const MOST_NESTED: usize = 64;
/// The most files that are read, each counted as often as it is included: files that include
/// others twice double their number at each step.
const MOST_READ: usize = 1000;
/// The most bytes of a file. A device that never ends is so refused as well.
const LONGEST: u64 = 1 << 20;

/// The files that are being read, each included by the one before it.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The path that identifies a file, and the path by which it was named.
    open: Vec<(PathBuf, PathBuf)>,
    /// How many files were added so far.
    count: usize,
}

impl Chain {
    /// Adds the file at `path` to the chain.
    ///
    /// # Errors
    /// If it is in the chain already, the chain is too long, or too many files were in it.
    pub fn begin(&mut self, path: &Path) -> Result<(), ConfigError> {
        // A pipe has no path but the one it is named by. What cannot be read is told by `read`.
        let identity = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if let Some(start) = self.open.iter().position(|(other, _)| *other == identity) {
            let named = self.open[start..].iter().map(|(_, named)| named.clone());
            let again = std::iter::once(self.open[start].1.clone());
            return Err(ConfigError::IncludeCycle { chain: named.chain(again).collect() });
        }
        if self.open.len() == MOST_NESTED {
            let first = self.open[0].1.clone();
            return Err(ConfigError::IncludeDepth { first, last: path.into(), most: MOST_NESTED });
        }
        self.count += 1;
        if self.count > MOST_READ {
            let source = io::Error::other(format!("more than {MOST_READ} files are included"));
            return Err(ConfigError::Read { path: path.into(), by: None, source });
        }
        self.open.push((identity, path.into()));
        Ok(())
    }

    /// Returns the values in the file at `path`, and the paths of the files that it includes.
    /// `origin` names it in errors.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or its `include` is not a list of file names.
    pub fn read(&self, path: &Path, origin: &str) -> Result<(Table, Vec<PathBuf>), ConfigError> {
        let by = self.open.iter().rev().nth(1).map(|(_, named)| named.clone());
        let text = read_text(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            by,
            source,
        })?;
        let mut table = parse(&text, origin)?;
        let included = included_paths(table.remove(INCLUDE), path)?;
        Ok((table, included))
    }

    /// Takes the last file off the chain.
    pub fn end(&mut self) {
        self.open.pop();
    }
}

/// Reads a file or a pipe to its end.
///
/// # Errors
/// Those of the file system. Also if it is longer than any configuration, or not text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it is longer than {LONGEST} bytes")));
    }
    String::from_utf8(text).map_err(|_| io::Error::other("it is not text in UTF-8"))
}

/// Returns the folder to which names in the file at `path` are relative: its own, or the working
/// directory where it is a pipe or another stream, which has none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let is_device = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
    let is_stream = || fs::metadata(path).is_ok_and(|found| !found.is_file());
    match path.parent() {
        Some(folder) if !is_device && !is_stream() => folder,
        _ => Path::new(""),
    }
}

/// Returns the files that `include` names, relative to the folder of the `file` in which it stands.
fn included_paths(include: Option<Value>, file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let Some(include) = include else { return Ok(Vec::new()) };
    let folder = folder_of(file);
    let names: Vec<String> = include.try_into().map_err(|_| ConfigError::WrongType {
        field: INCLUDE.into(),
        origin: file.display().to_string(),
        message: "expected a list of file names, such as [\"../base.toml\"]".into(),
    })?;
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Parses one document. An error names `origin`, the line and the column.
pub(crate) fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConfigError::Syntax {
            origin: origin.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: match error.message() {
                text if is_too_large(text) => {
                    format!("expected a whole number from {} to {}", i64::MIN, i64::MAX)
                }
                text => text.replace('\n', ", "),
            },
        }
    })
}

/// Returns whether this is what the parser says of a whole number that TOML cannot hold.
fn is_too_large(message: &str) -> bool {
    message.starts_with("invalid type: integer") || message.ends_with("value was too large")
}
