//! The name of a task as an argument: shells complete it, and errors about it are those of the
//! configuration, which name the nearest tasks.

use std::ffi::OsStr;
use std::sync::LazyLock;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

static NAMES: LazyLock<Vec<String>> = LazyLock::new(fpo_envs::names);

/// Returns the parser of the name of a task.
pub(crate) fn task_name() -> TaskName {
    TaskName
}

/// Takes any text and knows the names that a shell may complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskName;

impl TypedValueParser for TaskName {
    type Value = String;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.iter().map(|name| PossibleValue::new(name.as_str()))))
    }
}
