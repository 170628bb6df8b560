//! Puts a configuration together from its layers: included files, the file itself, overrides.
//!
//! A later layer wins field by field; a choice of another `kind` replaces the whole choice below
//! it. The origin of every field is kept, so that an error found after merging still names the file
//! or the `--set` that wrote the value.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::files::{Chain, INCLUDE, parse};
use crate::config::merge::{merge, merge_below};
use crate::config::named::Named;
use crate::config::overrides::override_value;

/// The error for an `include` that is not written in a file.
pub(crate) const ONLY_FILES_INCLUDE: &str = "only a file can include others";
/// The most parts of the dotted name in an override, more than any field has.
const MOST_NAMES: usize = 16;

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
    /// If a file cannot be read or is not TOML, if files include each other in a ring or too
    /// deeply, or if an `include` is not a list of file names.
    pub fn from_files(paths: &[impl AsRef<Path>]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let names = paths.iter().map(|path| path.as_ref().display().to_string());
        layers.origins.document = names.collect::<Vec<_>>().join(", ");
        for path in paths {
            layers.add_file(path.as_ref(), &mut Chain::default())?;
        }
        Ok(layers)
    }

    /// Reads what the command line names: files with every file that they include, and what the
    /// program carries for tasks and methods. A later one wins.
    ///
    /// # Errors
    /// As [`Layers::from_files`].
    pub fn from_named(named: &[Named]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let names = named.iter().map(|named| named.label().display().to_string());
        layers.origins.document = names.collect::<Vec<_>>().join(", ");
        for named in named {
            let tables = match named {
                Named::File(path) => {
                    layers.add_file(path, &mut Chain::default())?;
                    continue;
                }
                Named::Task(task) => task.layers()?,
                Named::Method(method) => method.layers()?,
            };
            for (origin, table) in tables {
                layers.lay_over(table, &origin);
            }
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
        let is_wrong = |name: &&str| name.is_empty() || name.contains(char::is_whitespace);
        if names.len() > MOST_NAMES || names.iter().any(is_wrong) {
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

    /// Lays the file at `path` over the files that it includes. `chain` holds the files that are
    /// being read.
    fn add_file(&mut self, path: &Path, chain: &mut Chain) -> Result<(), ConfigError> {
        chain.begin(path)?;
        let origin = path.display().to_string();
        let (table, included) = chain.read(path, &origin)?;
        for other in included {
            self.add_file(&other, chain)?;
        }
        chain.end();
        self.lay_over(table, &origin);
        Ok(())
    }
}
