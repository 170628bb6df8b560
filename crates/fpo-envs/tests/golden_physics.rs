//! Our simulation against MuJoCo Playground's in float64: open-loop trajectories, and observation
//! and reward at stored states.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;
#[path = "common/tensors.rs"]
mod tensors;

use common::Report;
use fpo_envs::Task;
use fpo_envs::mujoco::{Data, Mujoco, tasks};
use mujoco_rs::mujoco_c::mjtState;
use safetensors::SafeTensors;
use tensors::{Tensor, need, tensor};

/// Trajectories: float64 on both sides; what is left is the order of operations.
const TRAJECTORY_TOLERANCE: f64 = 1e-9;
/// Where one side is float32: the stored states, which the Playground computed so, and what our
/// tasks hand to a learner.
const SINGLE_TOLERANCE: f64 = 2e-6;
/// Tasks whose stored states went through two forward passes. MJX starts the second pass from the
/// accelerations of the first, so that the contact forces read afterwards are those of twice the
/// solver's iterations.
const TWO_PASSES: [&str; 3] = ["FingerSpin", "FingerTurnEasy", "FingerTurnHard"];

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

/// Runs `check` on every stored file of `folder` that belongs to a task of this build.
fn for_each_file(
    folder: &str,
    note: &str,
    tolerance: f64,
    check: impl Fn(&Mujoco, &SafeTensors<'_>, &mut Report),
) {
    let mut found = 0;
    for task in tasks() {
        let file = format!("envs/{folder}/{}.safetensors", task.spec().name);
        let Some(bytes) = common::read(&file) else { continue };
        let mut report = Report::new(&format!("{file}{note}"), tolerance);
        let mujoco = Mujoco::new(task).unwrap();
        check(&mujoco, &SafeTensors::deserialize(&bytes).unwrap(), &mut report);
        report.finish();
        found += 1;
    }
    assert!(found > 0, "no golden file of any task in {folder}");
}

#[test]
fn golden_trajectories_are_reproduced() {
    for_each_file("envs_x64", "", TRAJECTORY_TOLERANCE, |mujoco, file, report| {
        let get = |name: &str| need(file, &format!("seed0/{name}"));
        let mut data = start(mujoco, file);
        let (ctrl, qpos, qvel) = (get("ctrl"), get("qpos"), get("qvel"));
        let (obs, reward) = (get("obs"), get("reward"));
        assert!(ctrl.shape[0] >= 25, "a trajectory of 25 steps was expected");
        for t in 0..ctrl.shape[0] {
            assert!(mujoco.advance(&mut data, ctrl.row(t)), "step {t} diverged");
            report.compare(&format!("qpos {t}"), data.qpos(), qpos.row(t));
            report.compare(&format!("qvel {t}"), data.qvel(), qvel.row(t));
            compare_reading(mujoco, &data, ctrl.row(t), (&obs, &reward), t, report);
        }
    });
}

#[test]
fn golden_trajectories_come_through_the_task_interface_too() {
    for_each_file("envs_x64", " as float32", SINGLE_TOLERANCE, |mujoco, file, report| {
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
            let ours = [f64::from(transition.reward)];
            report.compare(&format!("reward {t}"), &ours, reward.row(t));
        }
    });
}

#[test]
fn golden_observations_and_rewards_at_stored_states_are_reproduced() {
    for_each_file("reward_states", "", SINGLE_TOLERANCE, |mujoco, file, report| {
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
            compare_reading(mujoco, &data, ctrl.row(i), (&obs, &reward), i, report);
        }
    });
}

/// Compares observation and reward of `data` with row `i` of what is stored.
fn compare_reading(
    mujoco: &Mujoco,
    data: &Data,
    action: &[f64],
    (obs, reward): (&Tensor, &Tensor),
    i: usize,
    report: &mut Report,
) {
    let mut ours = vec![0.0; mujoco.rules().spec().obs_dim];
    mujoco.rules().observe(data, &mut ours);
    report.compare(&format!("obs {i}"), &ours, obs.row(i));
    let ours = mujoco.rules().reward(data, action);
    report.compare(&format!("reward {i}"), &[ours], reward.row(i));
}
