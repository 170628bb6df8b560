//! The errors of this crate, one variant per cause that a caller may want to tell apart.

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
    /// The task needs MuJoCo, and this build was made without it.
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
        /// The number of elements that the call needs.
        expected: usize,
        /// The number of elements that the caller gave.
        got: usize,
    },
    /// A part of a batch is empty, or it reaches beyond the batch.
    #[error(
        "a batch of {num_envs} environments has no part {first}..{end}; a part must hold at least \
         one environment and end at {num_envs} or before"
    )]
    Range {
        /// The first environment that was asked for.
        first: usize,
        /// One more than the last environment that was asked for.
        end: usize,
        /// The number of environments in the batch.
        num_envs: usize,
    },
    /// An option or a part of a task's specification is outside its range.
    #[error("`{what}` is {got}, but must be {expected}")]
    Option {
        /// The option's name.
        what: &'static str,
        /// The value that it has.
        got: String,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// `step` came before the first `reset` or `restore`.
    #[error("the environments have not been reset yet: call `reset` or `restore` first")]
    NotReset,
    /// A start that the task drew holds a number that is not finite.
    #[error("environment {env}: {what} is not finite, but a start must consist of finite numbers")]
    NonFinite {
        /// Index of the environment in its batch.
        env: usize,
        /// The quantity that is not finite.
        what: &'static str,
    },
    /// A saved state does not fit this batch.
    #[error(
        "saved state: `{what}` has {got} elements, expected {expected}; restore a state of the \
         same task with the same options"
    )]
    State {
        /// The field of `VecEnvState`.
        what: &'static str,
        /// The number of elements that this batch needs.
        expected: usize,
        /// The number of elements in the saved state.
        got: usize,
    },
    /// A task looks for a part that its model does not have.
    #[error("the model has no {what} named `{name}`, which the task reads")]
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
        /// MuJoCo's own message, or what this crate found to be wrong.
        what: String,
    },
}

impl EnvError {
    /// The error for a name that is not among `known`. It suggests the known name with the
    /// smallest edit distance, unless more than half of that name would have to change. The group
    /// before a slash may be left out: the name behind it is then what is compared.
    pub(crate) fn unknown_task(task: &str, known: impl IntoIterator<Item = String>) -> Self {
        let wanted = task.to_lowercase();
        let distance = |name: &str| {
            let distance = strsim::levenshtein(&wanted, &name.to_lowercase());
            (distance <= name.len() / 2).then_some(distance)
        };
        let near = |name: String| {
            let own = name.rsplit('/').next().unwrap_or(&name);
            let nearer = [distance(&name), distance(own)].into_iter().flatten().min()?;
            Some((nearer, name))
        };
        let nearest = known.into_iter().filter_map(near).min().map(|(_, name)| name);
        Self::UnknownTask { task: task.into(), nearest }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Checks the length of a caller's slice.
pub(crate) fn check_len(what: &'static str, got: usize, expected: usize) -> Result<(), EnvError> {
    if got == expected { Ok(()) } else { Err(EnvError::Shape { what, expected, got }) }
}
