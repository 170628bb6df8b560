//! Tasks by name.

mod list;
mod registration;
#[cfg(test)]
mod tests;

use self::list::registrations;
use self::registration::Registration;
use crate::error::EnvError;
use crate::options::VecEnvOptions;
#[cfg(feature = "mujoco")]
use crate::simulation::mujoco_task::MujocoTask;
use crate::spec::EnvSpec;
use crate::vec_env::VecEnv;

/// Builds a batch of environments of a task.
///
/// # Errors
/// [`EnvError::UnknownTask`], [`EnvError::MujocoMissing`], or [`EnvError::Option`] for an option
/// out of range.
pub fn make(task: &str, options: &VecEnvOptions) -> Result<Box<dyn VecEnv>, EnvError> {
    find(task)?.make(options)
}

/// Returns the specifications of every task that this build has.
pub fn tasks() -> Vec<EnvSpec> {
    registrations().iter().filter_map(|registered| registered.spec().ok()).collect()
}

/// Returns the name of every task, also of those that this build lacks.
pub fn names() -> Vec<String> {
    registrations().into_iter().map(|registered| registered.name).collect()
}

/// Returns the specification of one task.
///
/// # Errors
/// [`EnvError::UnknownTask`] or [`EnvError::MujocoMissing`].
pub fn spec(task: &str) -> Result<EnvSpec, EnvError> {
    find(task)?.spec()
}

/// Returns observations of `task` at which several ways are equally good, to a policy that sees all
/// of them or to one that does not, so that the best policy has several modes there; empty for a
/// task that is unknown or has no such observation on record.
pub fn saddles(task: &str) -> Vec<Vec<f32>> {
    find(task).map_or_else(|_| Vec::new(), |registered| registered.saddles)
}

/// Returns the rules of every task on a MuJoCo model.
#[cfg(feature = "mujoco")]
pub fn mujoco_tasks() -> Vec<Box<dyn MujocoTask>> {
    registrations().into_iter().filter_map(Registration::into_rules).collect()
}

/// Returns the rules of the task on a MuJoCo model that has this name; `None` if there is no such
/// task.
#[cfg(feature = "mujoco")]
pub fn mujoco_task(name: &str) -> Option<Box<dyn MujocoTask>> {
    find(name).ok().and_then(Registration::into_rules)
}

/// Finds a task by its name.
fn find(task: &str) -> Result<Registration, EnvError> {
    let known = || registrations().into_iter();
    known()
        .find(|registered| registered.name == task)
        .ok_or_else(|| EnvError::unknown_task(task, known().map(|registered| registered.name)))
}
