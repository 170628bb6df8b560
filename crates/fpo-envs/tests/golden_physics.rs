//! Our simulation against MuJoCo Playground's in float64: open-loop trajectories, and observation
//! and reward at stored states.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use common::Report;
use common::physics::{SINGLE_TOLERANCE, TRAJECTORY_TOLERANCE, Whose};
use common::physics::{reward_states, trajectory, trajectory_of_steps};
use fpo_envs::mujoco::{Mujoco, tasks};
use safetensors::SafeTensors;

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
        trajectory(mujoco, file, Whose::Own, report);
    });
}

#[test]
fn golden_trajectories_come_through_the_task_interface_too() {
    for_each_file("envs_x64", " as float32", SINGLE_TOLERANCE, trajectory_of_steps);
}

#[test]
fn golden_observations_and_rewards_at_stored_states_are_reproduced() {
    for_each_file("reward_states", "", SINGLE_TOLERANCE, reward_states);
}
