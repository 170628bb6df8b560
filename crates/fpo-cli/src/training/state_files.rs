//! The state of a learner and of environments as files of tensors, in a checkpoint or on their way
//! to other ranks.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::{Data, LearnerState, TensorFile};
use fpo_envs::VecEnvState;

use crate::training::collector::Position;

/// Returns the file of a learner's tensors.
pub(super) fn learner_file(state: &LearnerState) -> Result<TensorFile> {
    let mut file = TensorFile::default();
    for (name, tensor) in &state.tensors {
        let flat = tensor.flatten_all()?;
        let data = match tensor.dtype() {
            DType::F64 => Data::F64(flat.to_vec1()?),
            _ => Data::F32(flat.to_dtype(DType::F32)?.to_vec1()?),
        };
        file.insert(name, tensor.dims(), data);
    }
    Ok(file)
}

/// Returns the tensors of such a file by their names.
pub(super) fn tensors(file: &TensorFile) -> Result<Vec<(String, Tensor)>> {
    let tensor = |name: &str| -> Result<Tensor> {
        let array = file.get(name)?;
        let shape = array.shape.clone();
        Ok(match &array.data {
            Data::F64(values) => Tensor::from_slice(values, shape, &Device::Cpu)?,
            _ => Tensor::from_vec(file.f32(name)?, shape, &Device::Cpu)?,
        })
    };
    file.arrays().keys().map(|name| Ok((name.clone(), tensor(name)?))).collect()
}

/// Returns the file of environments and their running episodes.
pub(super) fn envs_file(state: &VecEnvState, position: &Position) -> TensorFile {
    let mut file = TensorFile::default();
    let mut put = |name: &str, len: usize, data: Data| file.insert(name, &[len], data);
    put("states", state.states.len(), Data::F64(state.states.clone()));
    put("first_states", state.first_states.len(), Data::F64(state.first_states.clone()));
    put("obs", state.obs.len(), Data::F32(state.obs.clone()));
    put("episode_steps", state.episode_steps.len(), Data::U32(state.episode_steps.clone()));
    put("episodes", state.episodes.len(), Data::U64(state.episodes.clone()));
    put("running.returns", position.returns.len(), Data::F64(position.returns.clone()));
    put("running.lengths", position.lengths.len(), Data::U32(position.lengths.clone()));
    put("running.succeeded", position.succeeded.len(), Data::U32(position.succeeded.clone()));
    file
}

/// Returns what is in such a file, after `steps` steps of every environment.
pub(super) fn env_state(file: &TensorFile, steps: u64) -> Result<(VecEnvState, Position)> {
    let state = VecEnvState {
        states: file.f64("states")?,
        first_states: file.f64("first_states")?,
        obs: file.f32("obs")?,
        episode_steps: file.u32("episode_steps")?,
        episodes: file.u64("episodes")?,
    };
    let position = Position {
        steps,
        returns: file.f64("running.returns")?,
        lengths: file.u32("running.lengths")?,
        succeeded: file.u32("running.succeeded")?,
    };
    Ok((state, position))
}
