//! Our simulation of a task against stored numbers of the Playground's: trajectories, and
//! observation and reward at stored states.

#![allow(dead_code, reason = "each test file uses a part of it")]

use fpo_envs::Task;
use fpo_envs::mujoco::{Data, Mujoco};
use mujoco_rs::mujoco_c::mjtState;
use safetensors::SafeTensors;

use super::Report;
use super::tensors::{Tensor, need, tensor};

/// Trajectories: float64 on both sides; what is left is the order of operations.
pub const TRAJECTORY_TOLERANCE: f64 = 1e-9;
/// Where one side is float32: the stored states, which the Playground computed so, and what our
/// tasks hand to a learner.
pub const SINGLE_TOLERANCE: f64 = 2e-6;
/// Tasks whose stored states went through two forward passes. MJX starts the second pass from the
/// accelerations of the first, so that the contact forces read afterwards are those of twice the
/// solver's iterations.
const TWO_PASSES: [&str; 3] = ["FingerSpin", "FingerTurnEasy", "FingerTurnHard"];

/// Whose trajectory a file holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Whose {
    /// The task's own.
    Own,
    /// That of another task with the same physics and observations and another reward.
    Sibling,
}

/// Copies mocap poses, where the file and the model have any.
fn set_mocap(data: &mut Data, position: Option<&[f64]>, quaternion: Option<&[f64]>) {
    if let Some(values) = position {
        data.mocap_pos_mut().as_flattened_mut().copy_from_slice(values);
    }
    if let Some(values) = quaternion {
        data.mocap_quat_mut().as_flattened_mut().copy_from_slice(values);
    }
}

/// The stored start of a trajectory.
fn start(mujoco: &Mujoco, file: &SafeTensors<'_>) -> Data {
    let get = |name: &str| need(file, &format!("seed0/{name}")).values;
    let mocap = |name: &str| tensor(file, &format!("seed0/{name}")).map(|t| t.values);
    let mut data = mujoco.data().unwrap();
    data.qpos_mut().copy_from_slice(&get("qpos0"));
    data.qvel_mut().copy_from_slice(&get("qvel0"));
    data.qacc_warmstart_mut().copy_from_slice(&get("qacc_warmstart0"));
    set_mocap(&mut data, mocap("mocap_pos0").as_deref(), mocap("mocap_quat0").as_deref());
    data
}

/// Positions, velocities, observations and (where they are its own) rewards along a stored
/// trajectory.
pub fn trajectory(mujoco: &Mujoco, file: &SafeTensors<'_>, whose: Whose, report: &mut Report) {
    let get = |name: &str| need(file, &format!("seed0/{name}"));
    let mut data = start(mujoco, file);
    let (ctrl, qpos, qvel) = (get("ctrl"), get("qpos"), get("qvel"));
    let (obs, reward) = (get("obs"), get("reward"));
    assert!(ctrl.shape[0] >= 25, "a trajectory of 25 steps was expected");
    for t in 0..ctrl.shape[0] {
        assert!(mujoco.advance(&mut data, ctrl.row(t)), "step {t} diverged");
        report.compare(&format!("qpos {t}"), data.qpos(), qpos.row(t));
        report.compare(&format!("qvel {t}"), data.qvel(), qvel.row(t));
        let reward = (whose == Whose::Own).then_some(&reward);
        compare_reading(mujoco, &data, ctrl.row(t), (&obs, reward), t, report);
    }
}

/// Observations and rewards along a stored trajectory as `Task::step` gives them to a learner.
pub fn trajectory_of_steps(mujoco: &Mujoco, file: &SafeTensors<'_>, report: &mut Report) {
    let get = |name: &str| need(file, &format!("seed0/{name}"));
    let data = start(mujoco, file);
    let mut row = data.state(mjtState::mjSTATE_INTEGRATION as u32);
    let mut worker = mujoco.worker().unwrap();
    let mut seen = vec![0.0; mujoco.rules().spec().obs_dim];
    let (ctrl, obs, reward) = (get("ctrl"), get("obs"), get("reward"));
    for t in 0..ctrl.shape[0] {
        let action: Vec<f32> = ctrl.row(t).iter().map(|&a| a as f32).collect();
        let transition = mujoco.step(&mut worker, &mut row, &action, &mut seen).unwrap();
        assert!(!transition.terminated && !transition.diverged, "step {t}");
        let seen: Vec<f64> = seen.iter().map(|&x| f64::from(x)).collect();
        report.compare(&format!("obs {t}"), &seen, obs.row(t));
        report.compare(&format!("reward {t}"), &[f64::from(transition.reward)], reward.row(t));
    }
}

/// Observation and reward at every stored state, after a forward pass.
pub fn reward_states(mujoco: &Mujoco, file: &SafeTensors<'_>, report: &mut Report) {
    let (qpos, qvel, ctrl) = (need(file, "qpos"), need(file, "qvel"), need(file, "ctrl"));
    let (obs, reward) = (need(file, "obs"), need(file, "reward"));
    let (position, quaternion) = (tensor(file, "mocap_pos"), tensor(file, "mocap_quat"));
    let mut data = mujoco.data().unwrap();
    for i in 0..qpos.shape[0] {
        data.reset();
        data.qpos_mut().copy_from_slice(qpos.row(i));
        data.qvel_mut().copy_from_slice(qvel.row(i));
        data.ctrl_mut().copy_from_slice(ctrl.row(i));
        let [position, quaternion] = [&position, &quaternion].map(|t| t.as_ref());
        set_mocap(&mut data, position.map(|t| t.row(i)), quaternion.map(|t| t.row(i)));
        data.forward();
        if TWO_PASSES.contains(&mujoco.rules().spec().name.as_str()) {
            let accelerations = data.qacc().to_vec();
            data.qacc_warmstart_mut().copy_from_slice(&accelerations);
            data.forward();
        }
        compare_reading(mujoco, &data, ctrl.row(i), (&obs, Some(&reward)), i, report);
    }
}

/// Compares observation and reward of `data` with row `i` of what is stored.
fn compare_reading(
    mujoco: &Mujoco,
    data: &Data,
    action: &[f64],
    (obs, reward): (&Tensor, Option<&Tensor>),
    i: usize,
    report: &mut Report,
) {
    let mut ours = vec![0.0; mujoco.rules().spec().obs_dim];
    mujoco.rules().observe(data, &mut ours);
    report.compare(&format!("obs {i}"), &ours, obs.row(i));
    if let Some(reward) = reward {
        let ours = mujoco.rules().reward(data, action);
        report.compare(&format!("reward {i}"), &[ours], reward.row(i));
    }
}
