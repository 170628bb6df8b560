//! The named parts of a sweep: bases, tasks and methods.

use std::path::PathBuf;

use toml::Table;

use crate::sweep::file::section::Section;

/// Files of a configuration and fields that are laid over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// The files, later ones win. Their paths are those of the sweep's file with the names that
    /// stand in it.
    pub files: Vec<PathBuf>,
    /// The fields.
    pub set: Table,
    /// Where the part stands, as errors call it.
    pub place: String,
}

/// What some tasks have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// What is laid below its tasks.
    pub part: Part,
    /// Methods that take the place of the sweep's methods of the same names.
    pub methods: Vec<(String, Part)>,
}

/// A task of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name in results.
    pub name: String,
    /// The name of its base, if it has one.
    pub base: Option<String>,
    /// Its configuration.
    pub part: Part,
}

/// What the names in a condition can mean.
pub(crate) struct Known<'a> {
    pub file: &'a Section<'a>,
    pub tasks: &'a [Task],
    pub methods: &'a [(String, Part)],
    pub bases: &'a [Base],
}
