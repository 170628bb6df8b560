//! Our simulation agrees with MuJoCo Playground's in float64: in open-loop trajectories, and in
//! observation and reward at stored states.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use common::Report;
use common::physics::{SINGLE_TOLERANCE, TRAJECTORY_TOLERANCE, Whose, sibling};
use common::physics::{reward_states, trajectories, trajectories_of_steps};
use fpo_envs::mujoco::{Mujoco, tasks};
use safetensors::SafeTensors;

/// Runs `check` on the stored file of every task in `folder`. Where `siblings` is true a task with
/// a sibling needs no file, because that of the sibling stands for it.
fn for_each_file(
    (folder, siblings): (&str, bool),
    note: &str,
    tolerance: f64,
    check: impl Fn(&Mujoco, &SafeTensors<'_>, &mut Report),
) {
    for task in tasks() {
        let name = task.spec().name;
        let file = format!("envs/{folder}/{name}.safetensors");
        let bytes = match siblings && sibling(&name).is_some() {
            true => common::read_if_present(&file),
            false => common::read(&file),
        };
        let Some(bytes) = bytes else { continue };
        let mut report = Report::new(&format!("{file}{note}"), tolerance);
        let mujoco = Mujoco::new(task).unwrap();
        check(&mujoco, &SafeTensors::deserialize(&bytes).unwrap(), &mut report);
        report.finish();
    }
}

/// The folder of trajectories, in which a task's sibling may stand for it.
const TRAJECTORIES: (&str, bool) = ("envs_x64", true);

#[test]
fn golden_trajectories_are_reproduced() {
    for_each_file(TRAJECTORIES, "", TRAJECTORY_TOLERANCE, |mujoco, file, report| {
        trajectories(mujoco, file, Whose::Own, report);
    });
}

#[test]
fn golden_trajectories_come_through_the_task_interface_too() {
    for_each_file(TRAJECTORIES, " as float32", SINGLE_TOLERANCE, trajectories_of_steps);
}

#[test]
fn golden_observations_and_rewards_at_stored_states_are_reproduced() {
    for_each_file(("reward_states", false), "", SINGLE_TOLERANCE, reward_states);
}
