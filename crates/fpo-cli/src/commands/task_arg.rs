//! The name of a task as an argument: shells complete it, and it means what it means to `fpo
//! train`. Errors about it are those of the configuration, which name the nearest tasks.

use std::ffi::OsStr;
use std::sync::LazyLock;

use anyhow::Result;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};
use fpo_envs::EnvSpec;

use crate::config::named::Task;

static NAMES: LazyLock<Vec<String>> = LazyLock::new(fpo_envs::names);

/// Returns the parser of the name of a task.
pub(crate) fn task_name() -> TaskName {
    TaskName
}

/// Returns the task that `word` names, in any of the ways that [`Task::find`] takes.
///
/// # Errors
/// If there is no such task, with the nearest names, or this build lacks it.
pub(crate) fn task_spec(word: &str) -> Result<EnvSpec> {
    Ok(fpo_envs::spec(&Task::named(word)?.name)?)
}

/// Takes any text and knows the names that a shell may complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskName;

impl TypedValueParser for TaskName {
    type Value = String;

    fn parse_ref(
        &self,
        _: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<String, Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.iter().map(|name| PossibleValue::new(name.as_str()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_by_every_name_that_training_takes() {
        for word in ["GridWorld/two_slits", "two_slits", "TwoSlits", "gridworld/two-slits"] {
            assert_eq!(task_spec(word).unwrap().name, "GridWorld/two_slits");
        }
        let text = task_spec("two_slit").unwrap_err().to_string();
        let expected = "unknown task `two_slit`: did you mean `GridWorld/two_slits`?";
        assert!(text.starts_with(expected), "{text}");
        assert!(task_spec("xyzzy").unwrap_err().to_string().contains("`fpo envs` lists all"));
    }
}
