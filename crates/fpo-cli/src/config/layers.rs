//! Puts a configuration together from its layers: included files, the file itself, overrides.
//!
//! A later layer wins field by field; a choice of another `kind` wins whole. The origin of every
//! field is kept, so that an error found after merging still names the file or the `--set` that
//! wrote the value.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::merge::{merge, merge_below};

/// The top-level key by which a file includes others.
pub(crate) const INCLUDE: &str = "include";
/// What is told who writes it elsewhere.
pub(crate) const ONLY_FILES_INCLUDE: &str = "only a file can include others";

/// Merged values and where each came from.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// The merged document.
    pub values: Table,
    /// Where the values came from.
    pub origins: Origins,
}

/// For each dotted name, the file or override that wrote it last.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    written: BTreeMap<String, String>,
    /// The document that was asked for, for what no layer wrote.
    document: String,
}

impl Origins {
    /// Who wrote `key`, in words.
    pub fn of(&self, key: &str) -> String {
        self.written.get(key).cloned().unwrap_or_else(|| "the defaults".into())
    }

    /// The document that was asked for.
    pub fn document(&self) -> &str {
        &self.document
    }
}

impl Layers {
    /// Reads `paths` and all they include; a later file wins.
    pub fn from_files(paths: &[impl AsRef<Path>]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let names = paths.iter().map(|path| path.as_ref().display().to_string());
        layers.origins.document = names.collect::<Vec<_>>().join(", ");
        for path in paths {
            layers.add_file(path.as_ref(), &mut Vec::new())?;
        }
        Ok(layers)
    }

    /// Takes one document that includes nothing; `origin` names it in errors.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        layers.origins.document = origin.into();
        let table = parse(text, origin)?;
        layers.lay_over(table, origin);
        Ok(layers)
    }

    /// Adds an override `section.field=value`; what is not a TOML value is taken as a string.
    pub fn add_override(&mut self, text: &str) -> Result<(), ConfigError> {
        let bad = || ConfigError::BadOverride { text: text.into() };
        let (key, value) = text.split_once('=').ok_or_else(bad)?;
        let names: Vec<&str> = key.trim().split('.').collect();
        if names.iter().any(|name| name.is_empty() || name.contains(char::is_whitespace)) {
            return Err(bad());
        }
        if names[0] == INCLUDE {
            return Err(ConfigError::WrongType {
                field: INCLUDE.into(),
                origin: format!("`--set {text}`"),
                message: format!(
                    "{ONLY_FILES_INCLUDE}; to lay one configuration over another, name both files"
                ),
            });
        }
        let value = names.iter().rev().fold(override_value(value.trim()), |inner, name| {
            Value::Table(Table::from_iter([((*name).to_string(), inner)]))
        });
        if let Value::Table(table) = value {
            self.lay_over(table, &format!("`--set {text}`"));
        }
        Ok(())
    }

    /// Adds `table` above all layers.
    fn lay_over(&mut self, table: Table, origin: &str) {
        let written = &mut self.origins.written;
        merge(&mut self.values, table, "", &mut |name| {
            written.insert(name, origin.into());
        });
    }

    /// Adds `table` below all layers: it counts where none has written a value.
    pub fn add_below(&mut self, table: Table, origin: &str) {
        let written = &mut self.origins.written;
        merge_below(&mut self.values, table, "", &mut |name| {
            written.insert(name, origin.into());
        });
    }

    /// Adds `path` after what it includes. `open` holds the files now being read, outermost
    /// first: each with the path that identifies it and the path it was named by.
    fn add_file(
        &mut self,
        path: &Path,
        open: &mut Vec<(PathBuf, PathBuf)>,
    ) -> Result<(), ConfigError> {
        let read_error = |source| ConfigError::Read { path: path.into(), source };
        let identity = fs::canonicalize(path).map_err(read_error)?;
        if let Some(start) = open.iter().position(|(other, _)| *other == identity) {
            let named = open[start..].iter().map(|(_, named)| named.clone());
            let again = std::iter::once(open[start].1.clone());
            return Err(ConfigError::IncludeCycle { chain: named.chain(again).collect() });
        }
        let text = fs::read_to_string(path).map_err(read_error)?;
        let origin = path.display().to_string();
        let mut table = parse(&text, &origin)?;
        let included = included_paths(table.remove(INCLUDE), path)?;
        open.push((identity, path.into()));
        for other in included {
            self.add_file(&other, open)?;
        }
        open.pop();
        self.lay_over(table, &origin);
        Ok(())
    }
}

/// The files that `include` names, relative to the folder of the `file` it stands in.
fn included_paths(include: Option<Value>, file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let Some(include) = include else { return Ok(Vec::new()) };
    let folder = file.parent().unwrap_or(Path::new(""));
    let names: Vec<String> = include.try_into().map_err(|_| ConfigError::WrongType {
        field: INCLUDE.into(),
        origin: file.display().to_string(),
        message: "expected a list of file names, such as [\"../base.toml\"]".into(),
    })?;
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// The value of an override: as TOML where it is TOML, else the text itself.
fn override_value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}"));
    match parsed {
        Ok(mut table) if table.len() == 1 => {
            table.remove("value").unwrap_or_else(|| Value::String(text.into()))
        }
        _ => Value::String(text.into()),
    }
}

pub(crate) fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConfigError::Syntax {
            origin: origin.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: error.message().replace('\n', ", "),
        }
    })
}
