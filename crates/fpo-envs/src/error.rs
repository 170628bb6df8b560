//! What can go wrong in an environment, one variant per cause a caller may want to tell apart.

use thiserror::Error;

/// The error of every fallible call of this crate.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EnvError {
    /// No task of this name exists.
    #[error("unknown task `{task}`{}", did_you_mean(nearest.as_deref()))]
    UnknownTask {
        /// The name that was asked for.
        task: String,
        /// The known name with the smallest edit distance, if one is close.
        nearest: Option<String>,
    },
    /// The task needs MuJoCo and this build has none.
    #[error(
        "task `{task}` needs MuJoCo, which this build lacks; rebuild with \
         `scripts/setup.sh && cargo build --release`"
    )]
    MujocoMissing {
        /// The name that was asked for.
        task: String,
    },
    /// A slice has the wrong length.
    #[error("`{what}` has {got} elements, expected {expected}")]
    Shape {
        /// The argument's name.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A part of a batch is empty or not in it.
    #[error("a batch of {num_envs} environments has no part {first}..{end}")]
    Range {
        /// The first environment that was asked for.
        first: usize,
        /// The one after the last.
        end: usize,
        /// Environments in the batch.
        num_envs: usize,
    },
    /// An option or a task's specification is outside its range.
    #[error("`{what}` is {got}, but must be {expected}")]
    Option {
        /// The option's name.
        what: &'static str,
        /// What it was set to.
        got: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// `step` or `save` came before the first `reset` or `restore`.
    #[error("the environments have not been reset yet: call `reset` or `restore` first")]
    NotReset,
    /// A start state came out with a number that is not finite.
    #[error("environment {env}: {what} is not finite")]
    NonFinite {
        /// Index of the environment in its batch.
        env: usize,
        /// Which number.
        what: &'static str,
    },
    /// A saved state does not fit this batch.
    #[error("saved state: `{what}` has {got} elements, expected {expected}")]
    State {
        /// The field of `VecEnvState`.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements in the saved state.
        got: usize,
    },
    /// A task looks for a part that its model does not have.
    #[error("the model has no {what} named `{name}`")]
    MissingPart {
        /// Kind of part.
        what: &'static str,
        /// The name that was looked up.
        name: String,
    },
    /// MuJoCo refused a model or a state.
    #[error("MuJoCo, task `{task}`: {what}")]
    Mujoco {
        /// The task at hand.
        task: String,
        /// MuJoCo's own words, or what was missing.
        what: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Checks the length of a caller's slice.
pub(crate) fn check_len(what: &'static str, got: usize, expected: usize) -> Result<(), EnvError> {
    if got == expected { Ok(()) } else { Err(EnvError::Shape { what, expected, got }) }
}
