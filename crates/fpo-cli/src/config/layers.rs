//! Puts a configuration together from its layers: included files, the file itself, overrides.
//!
//! A later layer wins field by field; a choice of another `kind` replaces the whole choice below
//! it. The origin of every field is kept, so that an error found after merging still names the file
//! or the `--set` that wrote the value.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::merge::{merge, merge_below};

/// The top-level key by which a file includes others.
pub(crate) const INCLUDE: &str = "include";
/// The error for an `include` that is not written in a file.
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
    /// The document that was asked for. Errors name it where no layer wrote the field.
    document: String,
}

impl Origins {
    /// Returns in words which file or override wrote `key`.
    pub fn of(&self, key: &str) -> String {
        self.written.get(key).cloned().unwrap_or_else(|| "the defaults".into())
    }

    /// Returns the name of the document that was asked for.
    pub fn document(&self) -> &str {
        &self.document
    }
}

impl Layers {
    /// Reads `paths` and every file that they include. A later file wins.
    ///
    /// # Errors
    /// If a file cannot be read or is not TOML, if files include each other in a ring, or if an
    /// `include` is not a list of file names.
    pub fn from_files(paths: &[impl AsRef<Path>]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let names = paths.iter().map(|path| path.as_ref().display().to_string());
        layers.origins.document = names.collect::<Vec<_>>().join(", ");
        for path in paths {
            layers.add_file(path.as_ref(), &mut Vec::new())?;
        }
        Ok(layers)
    }

    /// Reads one document that includes no other; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] if the text is not TOML.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        layers.origins.document = origin.into();
        let table = parse(text, origin)?;
        layers.lay_over(table, origin);
        Ok(layers)
    }

    /// Adds an override `section.field=value`. A value that is not TOML is taken as a string.
    ///
    /// # Errors
    /// [`ConfigError::BadOverride`] for another form, [`ConfigError::WrongType`] for an `include`.
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

    /// Lays `table` over all layers, so that its values win. `origin` names it in errors.
    pub fn lay_over(&mut self, table: Table, origin: &str) {
        let written = &mut self.origins.written;
        merge(&mut self.values, table, "", &mut |name| {
            written.insert(name, origin.into());
        });
    }

    /// Lays `table` below all layers, so that a value of it counts only where no layer wrote one.
    pub fn add_below(&mut self, table: Table, origin: &str) {
        let written = &mut self.origins.written;
        merge_below(&mut self.values, table, "", &mut |name| {
            written.insert(name, origin.into());
        });
    }

    /// Lays the file at `path` over the files that it includes. `open` holds the files that are
    /// being read, outermost first, each with the path that identifies it and the path by which it
    /// was named.
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

/// Returns the files that `include` names, relative to the folder of the `file` in which it stands.
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

/// Returns the value of an override: the parsed value if `text` is TOML, else the text itself.
fn override_value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}"));
    match parsed {
        Ok(mut table) if table.len() == 1 => {
            table.remove("value").unwrap_or_else(|| Value::String(text.into()))
        }
        _ => Value::String(text.into()),
    }
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
            message: error.message().replace('\n', ", "),
        }
    })
}
