//! Ids of a model's parts by name, with an error that says which part is missing.

use mujoco_rs::wrappers::MjModel;
use mujoco_rs::wrappers::mj_model::MjtObjBase;

use crate::error::EnvError;

fn id(
    model: &MjModel,
    kind: MjtObjBase,
    what: &'static str,
    name: &str,
) -> Result<usize, EnvError> {
    let missing = || EnvError::MissingPart { what, name: name.into() };
    model.name_to_id(kind, name).ok_or_else(missing)
}

/// Returns the id of a body.
pub(super) fn body(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    id(model, MjtObjBase::mjOBJ_BODY, "body", name)
}

/// Returns the id of a geom.
pub(super) fn geom(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    id(model, MjtObjBase::mjOBJ_GEOM, "geom", name)
}

/// Returns the id of a site.
pub(super) fn site(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    id(model, MjtObjBase::mjOBJ_SITE, "site", name)
}

/// Returns the index of a body among those that the physics does not move, for `mocap_pos`.
pub(super) fn mocap(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    let missing = |_| EnvError::MissingPart { what: "mocap body", name: name.into() };
    usize::try_from(model.body_mocapid()[body(model, name)?]).map_err(missing)
}

/// Returns the index of a sensor's first number in `sensordata`.
pub(super) fn sensor(model: &MjModel, name: &str) -> Result<usize, EnvError> {
    let id = id(model, MjtObjBase::mjOBJ_SENSOR, "sensor", name)?;
    Ok(model.sensor_adr()[id] as usize)
}
