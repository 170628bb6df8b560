//! Compiles a task's model with the one version of MuJoCo that this build knows.

use mujoco_rs::wrappers::MjModel;

use super::log;
use super::mujoco_task::MujocoTask;
use crate::error::EnvError;

/// The only version whose memory layout this build knows.
const MUJOCO_VERSION: &str = "3.17.0";

/// Compiles a task's MJCF as it stands, without the changes that a simulation makes.
///
/// # Errors
/// [`EnvError::Mujoco`] with MuJoCo's message when it refuses the model, or when the MuJoCo library
/// that was found is not the version this build expects.
pub fn compile(task: &dyn MujocoTask) -> Result<MjModel, EnvError> {
    require_version(task)?;
    MjModel::from_xml_string(task.xml())
        .map_err(|error| EnvError::Mujoco { task: task.spec().name, what: error.to_string() })
}

/// Checks that the MuJoCo library that was found is the one of this build, and keeps its messages
/// away from the user. Every use of MuJoCo comes after this call.
pub(crate) fn require_version(task: &dyn MujocoTask) -> Result<(), EnvError> {
    let found = mujoco_rs::mujoco_version();
    if found != MUJOCO_VERSION {
        let what = format!(
            "the library that was found is version {found}, but this build needs version \
             {MUJOCO_VERSION}, which `scripts/setup.sh` fetches"
        );
        return Err(EnvError::Mujoco { task: task.spec().name, what });
    }
    log::keep_quiet();
    Ok(())
}
