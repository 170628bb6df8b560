//! A table of a sweep's file that knows where it stands, so that every error names the file and the
//! field.

use anyhow::{Error, Result};
use toml::{Table, Value};

use crate::config::nearest::nearest;
use crate::terminal::failure::UsageError;

/// A table and its place.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    file: &'a str,
    /// Dotted name; empty for the whole file.
    name: String,
    table: &'a Table,
}

impl<'a> Section<'a> {
    /// Returns the whole document of `file`.
    pub fn whole(file: &'a str, table: &'a Table) -> Section<'a> {
        Section { file, name: String::new(), table }
    }

    /// Returns the table of the dotted name `name` in the file of `above`.
    pub fn new(above: &Section<'a>, name: String, table: &'a Table) -> Section<'a> {
        Section { file: above.file, name, table }
    }

    /// Returns the dotted name of `key` in this section.
    pub fn dotted(&self, key: &str) -> String {
        match self.name.is_empty() {
            true => key.into(),
            false => format!("{}.{key}", self.name),
        }
    }

    /// Returns the dotted name of the entry `name` in the table `key` of this section.
    pub fn inside(&self, key: &str, name: &str) -> String {
        format!("{}.{name}", self.dotted(key))
    }

    /// Returns `what` with the file in which it stands, for the origins of a configuration.
    pub fn named(&self, what: &str) -> String {
        format!("{what} of {}", self.file)
    }

    /// Returns the error that `what` is the matter with the field `name`.
    pub fn wrong(&self, name: &str, what: &str) -> Error {
        UsageError(format!("{}: `{name}`: {what}", self.file)).into()
    }

    /// Fails with the first key that is not among `known`.
    ///
    /// # Errors
    /// Names the key and the known one most like it.
    pub fn allow(&self, known: &[&str]) -> Result<()> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let meant = match nearest(key, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("expected one of {}", known.join(", ")),
        };
        Err(self.wrong(&self.dotted(key), &format!("unknown key; {meant}")))
    }

    /// Fails if `table`, the field `key` of this section, sets the seed.
    ///
    /// # Errors
    /// Says where seeds belong.
    pub fn refuse_seed(&self, key: &str, table: &Table) -> Result<()> {
        let seed = table.get("train").and_then(|train| train.get("seed"));
        match seed {
            None => Ok(()),
            Some(_) => {
                let name = format!("{}.train.seed", self.dotted(key));
                Err(self.wrong(&name, "the seeds of a sweep stand in `seeds`"))
            }
        }
    }

    /// Returns the value of `key`, if it is set.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    /// Returns the table itself.
    pub fn whole_table(&self) -> Table {
        self.table.clone()
    }

    /// Returns the string `key`, if it is set.
    ///
    /// # Errors
    /// If it is no string.
    pub fn string(&self, key: &str) -> Result<Option<String>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.unexpected(&self.dotted(key), other, "a string")),
        }
    }

    /// Returns a string or a list of strings, which `value` of the field `name` must be.
    ///
    /// # Errors
    /// Says what was found, and `expected`.
    pub fn strings(&self, name: &str, value: &Value, expected: &str) -> Result<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let found = match value {
            Value::Array(list) => list.iter().map(text).collect(),
            value => text(value).map(|text| vec![text]),
        };
        found.ok_or_else(|| self.unexpected(name, value, expected))
    }

    /// Returns the table `key`; an empty one if it is not set.
    ///
    /// # Errors
    /// If it is no table.
    pub fn table(&self, key: &str) -> Result<Table> {
        Ok(self.section(key)?.map(|section| section.table.clone()).unwrap_or_default())
    }

    /// Returns the table `key` with its place, if it is set.
    ///
    /// # Errors
    /// If it is no table.
    pub fn section(&self, key: &str) -> Result<Option<Section<'a>>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Section::new(self, self.dotted(key), table))),
            Some(other) => Err(self.unexpected(&self.dotted(key), other, "a table")),
        }
    }

    /// Returns the entries of the table `key` in their order.
    ///
    /// # Errors
    /// If it is no table.
    pub fn values(&self, key: &str) -> Result<Vec<(&'a str, &'a Value)>> {
        let section = self.section(key)?;
        let entries = section.into_iter().flat_map(|section| section.table);
        Ok(entries.map(|(name, value)| (name.as_str(), value)).collect())
    }

    /// Returns the tables in the table `key`.
    ///
    /// # Errors
    /// If it or one of its entries is no table.
    pub fn sections(&self, key: &str) -> Result<Vec<(&'a str, Section<'a>)>> {
        let section = |(name, value): (&'a str, &'a Value)| match value {
            Value::Table(table) => Ok((name, Section::new(self, self.inside(key, name), table))),
            other => Err(self.unexpected(&self.inside(key, name), other, "a table")),
        };
        self.values(key)?.into_iter().map(section).collect()
    }

    /// Returns the tables in the list `key`.
    ///
    /// # Errors
    /// If it is no list of tables.
    pub fn entries(&self, key: &str) -> Result<Vec<Section<'a>>> {
        let list = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let expected = format!("a list of tables, each under `[[{key}]]`");
                return Err(self.unexpected(&self.dotted(key), other, &expected));
            }
        };
        let entry = |(index, value): (usize, &'a Value)| {
            let name = format!("{}[{}]", self.dotted(key), index + 1);
            match value {
                Value::Table(table) => Ok(Section::new(self, name, table)),
                other => Err(self.unexpected(&name, other, "a table")),
            }
        };
        list.iter().enumerate().map(entry).collect()
    }

    fn unexpected(&self, name: &str, found: &Value, expected: &str) -> Error {
        let kind = found.type_str().replace("array", "list");
        self.wrong(name, &format!("found {kind} `{found}`, expected {expected}"))
    }
}
