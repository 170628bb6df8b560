//! Compares our simulation of a task with stored numbers of the Playground's: trajectories, and
//! observation and reward at stored states.

#![allow(dead_code, reason = "each test file uses a part of it")]

use fpo_envs::Task;
use fpo_envs::mujoco::{Data, Mujoco};
use mujoco_rs::mujoco_c::mjtState;
use safetensors::SafeTensors;

use super::tensors::{cases, need, tensor};
use super::{Report, is_own_folder};

/// Trajectories are float64 on both sides, so that only the order of operations differs.
pub const TRAJECTORY_TOLERANCE: f64 = 1e-9;
/// Tolerance where one side is float32: at the stored states, whose observations and rewards the
/// Playground computed so, and for the numbers that our tasks hand to a learner.
pub const SINGLE_TOLERANCE: f64 = 2e-6;
/// Tasks whose stored states went through two forward passes. MJX starts the second pass from the
/// accelerations of the first, so that the contact forces read afterwards are those of twice the
/// solver's iterations.
const TWO_PASSES: [&str; 3] = ["FingerSpin", "FingerTurnEasy", "FingerTurnHard"];

/// Control steps of a trajectory in the repository's folder, at least.
const STEPS: usize = 25;
/// Tasks without a stored trajectory in the repository's folder, each with one of the same physics
/// and observations that has one. Only their rewards differ, and those are compared at the stored
/// states.
pub const SIBLINGS: [(&str, &str); 8] = [
    ("CartpoleBalanceSparse", "CartpoleBalance"),
    ("CartpoleSwingupSparse", "CartpoleSwingup"),
    ("AcrobotSwingupSparse", "AcrobotSwingup"),
    ("HopperStand", "HopperHop"),
    ("WalkerStand", "WalkerWalk"),
    ("WalkerRun", "WalkerWalk"),
    ("HumanoidStand", "HumanoidWalk"),
    ("HumanoidRun", "HumanoidWalk"),
];

/// Returns the task whose stored trajectory has the physics of the task `name`, if that is another
/// one.
pub fn sibling(name: &str) -> Option<&'static str> {
    SIBLINGS.iter().find(|(task, _)| *task == name).map(|pair| pair.1)
}

/// Whose trajectory a file holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Whose {
    /// The task's own.
    Own,
    /// That of another task with the same physics and observations and another reward.
    Sibling,
}

/// Copies mocap poses, where the file and the model have any of them.
fn set_mocap(data: &mut Data, position: Option<&[f64]>, quaternion: Option<&[f64]>) {
    if let Some(values) = position {
        data.mocap_pos_mut().as_flattened_mut().copy_from_slice(values);
    }
    if let Some(values) = quaternion {
        data.mocap_quat_mut().as_flattened_mut().copy_from_slice(values);
    }
}

/// Returns the names of the trajectories that a file holds, one for each seed.
fn seeds(file: &SafeTensors<'_>) -> Vec<String> {
    let seeds = cases(file, "qpos0");
    assert!(!seeds.is_empty(), "the file has no tensor `SEED/qpos0` of any seed");
    seeds
}

/// Returns the stored start of a trajectory.
fn start(mujoco: &Mujoco, file: &SafeTensors<'_>, seed: &str) -> Data {
    let get = |name: &str| need(file, &format!("{seed}/{name}")).values;
    let mocap = |name: &str| tensor(file, &format!("{seed}/{name}")).map(|t| t.values);
    let mut data = mujoco.data().unwrap();
    data.qpos_mut().copy_from_slice(&get("qpos0"));
    data.qvel_mut().copy_from_slice(&get("qvel0"));
    data.qacc_warmstart_mut().copy_from_slice(&get("qacc_warmstart0"));
    set_mocap(&mut data, mocap("mocap_pos0").as_deref(), mocap("mocap_quat0").as_deref());
    data
}

/// Compares positions, velocities, observations and (where they are the task's own) rewards along
/// every trajectory of a file.
pub fn trajectories(mujoco: &Mujoco, file: &SafeTensors<'_>, whose: Whose, report: &mut Report) {
    for seed in seeds(file) {
        let get = |name: &str| need(file, &format!("{seed}/{name}"));
        let mut data = start(mujoco, file, &seed);
        let (ctrl, qpos, qvel) = (get("ctrl"), get("qpos"), get("qvel"));
        let (obs, reward) = (get("obs"), get("reward"));
        let steps = ctrl.shape[0];
        assert!(steps >= STEPS || !is_own_folder(), "{seed}: {steps} steps, expected {STEPS}");
        for t in 0..steps {
            assert!(mujoco.advance(&mut data, ctrl.row(t)), "{seed} diverged at step {t}");
            report.compare(&format!("{seed} qpos {t}"), data.qpos(), qpos.row(t));
            report.compare(&format!("{seed} qvel {t}"), data.qvel(), qvel.row(t));
            let reward = (whose == Whose::Own).then(|| reward.row(t));
            let at = format!("{seed} step {t}");
            compare_reading(mujoco, &data, ctrl.row(t), (obs.row(t), reward), &at, report);
        }
    }
}

/// Compares observations and rewards along every trajectory of a file as `Task::step` gives them to
/// a learner.
pub fn trajectories_of_steps(mujoco: &Mujoco, file: &SafeTensors<'_>, report: &mut Report) {
    for seed in seeds(file) {
        let get = |name: &str| need(file, &format!("{seed}/{name}"));
        let data = start(mujoco, file, &seed);
        let mut row = data.state(mjtState::mjSTATE_INTEGRATION as u32);
        let mut worker = mujoco.worker().unwrap();
        let mut seen = vec![0.0; mujoco.rules().spec().obs_dim];
        let (ctrl, obs, reward) = (get("ctrl"), get("obs"), get("reward"));
        for t in 0..ctrl.shape[0] {
            let action: Vec<f32> = ctrl.row(t).iter().map(|&a| a as f32).collect();
            let transition = mujoco.step(&mut worker, &mut row, &action, &mut seen).unwrap();
            assert!(!transition.terminated && !transition.diverged, "{seed} step {t}");
            let seen: Vec<f64> = seen.iter().map(|&x| f64::from(x)).collect();
            report.compare(&format!("{seed} obs {t}"), &seen, obs.row(t));
            let ours = [f64::from(transition.reward)];
            report.compare(&format!("{seed} reward {t}"), &ours, reward.row(t));
        }
    }
}

/// Compares observation and reward at every stored state, after a forward pass.
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
        let stored = (obs.row(i), Some(reward.row(i)));
        compare_reading(mujoco, &data, ctrl.row(i), stored, &i.to_string(), report);
    }
}

/// Compares observation and reward of `data` with the stored ones.
fn compare_reading(
    mujoco: &Mujoco,
    data: &Data,
    action: &[f64],
    (obs, reward): (&[f64], Option<&[f64]>),
    at: &str,
    report: &mut Report,
) {
    let mut ours = vec![0.0; mujoco.rules().spec().obs_dim];
    mujoco.rules().observe(data, &mut ours);
    report.compare(&format!("obs {at}"), &ours, obs);
    if let Some(reward) = reward {
        let ours = mujoco.rules().reward(data, action);
        report.compare(&format!("reward {at}"), &[ours], reward);
    }
}
