//! Ids of a model's parts by name, with an error that says which part is missing.

use mujoco_rs::wrappers::MjModel;
use mujoco_rs::wrappers::mj_model::MjtObjBase;

use crate::EnvError;

fn id(
    model: &MjModel,
    kind: MjtObjBase,
    what: &'static str,
    name: &str,
) -> Result<usize, EnvError> {
    let missing = || EnvError::MissingPart { what, name: name.into() };
    model.name_to_id(kind, name).ok_or_else(missing)
}

/// Id of a body.
pub(super) fn body(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    id(model, MjtObjBase::mjOBJ_BODY, "body", name)
}

/// Id of a geom.
pub(super) fn geom(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    id(model, MjtObjBase::mjOBJ_GEOM, "geom", name)
}

/// Index of a sensor's first number in `sensordata`.
pub(super) fn sensor(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    let id = id(model, MjtObjBase::mjOBJ_SENSOR, "sensor", name)?;
    Ok(model.sensor_adr()[id] as usize)
}
