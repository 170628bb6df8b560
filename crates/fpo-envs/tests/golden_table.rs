//! One row for each task of the Playground's Control Suite, as a markdown table: its sizes, and how
//! far ours is from the Playground's where both were given the same. Fails where a row has no
//! number to show or one beyond its tolerance.
//!
//! ```text
//! cargo test -p fpo-envs --test golden_table
//! ```

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use common::physics::{self, Whose};
use common::{Outcome, Report, models};
use fpo_envs::mujoco::{Mujoco, MujocoTask, task, tasks};
use safetensors::SafeTensors;
use serde_json::Value;

/// Tasks of the Playground's Control Suite.
const TASKS: usize = 25;
/// Tasks without a stored trajectory, each with one of the same physics and observations that has
/// one. Only their rewards differ, and those are compared at the stored states.
const SIBLINGS: [(&str, &str); 8] = [
    ("CartpoleBalanceSparse", "CartpoleBalance"),
    ("CartpoleSwingupSparse", "CartpoleSwingup"),
    ("AcrobotSwingupSparse", "AcrobotSwingup"),
    ("HopperStand", "HopperHop"),
    ("WalkerStand", "WalkerWalk"),
    ("WalkerRun", "WalkerWalk"),
    ("HumanoidStand", "HumanoidWalk"),
    ("HumanoidRun", "HumanoidWalk"),
];
/// The target among the reacher's bodies and geoms.
const TARGET_BODY: usize = 4;
const TARGET_GEOM: usize = 8;
const HEAD: &str = "\
| task | obs | act | dt (s) | trajectory, largest error | obs, reward at 32 states | model equal |
|---|--:|--:|--:|:--|:--|:--|";

fn need(file: &str) -> Vec<u8> {
    common::read(file).unwrap_or_else(|| panic!("a row of the table needs {file}"))
}

/// The stored model of a task's domain, with the target that `ReacherHard` compiles with: a sphere
/// of the stored radius, whose mass goes with its third power and its inertia with the fifth.
fn golden_model(task: &dyn MujocoTask) -> Value {
    let mut model: Value =
        serde_json::from_slice(&need(&format!("models/{}.json", task.domain()))).unwrap();
    if task.spec().name == "ReacherHard" {
        let facts: Value = serde_json::from_slice(&need("envs/facts.json")).unwrap();
        let radius = facts["ReacherHard"]["derived"]["_target_size"].as_f64().unwrap();
        let shrink = radius / model["geom_size"][TARGET_GEOM][0].as_f64().unwrap();
        let scale = |number: &mut Value, power| {
            *number = (number.as_f64().unwrap() * shrink.powi(power)).into();
        };
        scale(&mut model["geom_size"][TARGET_GEOM][0], 1);
        scale(&mut model["body_mass"][TARGET_BODY], 3);
        (0..3).for_each(|axis| scale(&mut model["body_inertia"][TARGET_BODY][axis], 5));
    }
    model
}

/// What of the compiled model was compared.
fn model(task: &dyn MujocoTask) -> Outcome {
    let mut report = Report::new(&format!("{} model", task.domain()), models::TOLERANCE);
    models::compare(task, &golden_model(task), &mut report);
    report.check()
}

/// Largest error along the trajectory of `source`, which is the task itself or its sibling.
fn trajectory(mujoco: &Mujoco, name: &str, source: &str) -> f64 {
    let whose = if source == name { Whose::Own } else { Whose::Sibling };
    if whose == Whose::Sibling {
        let sibling = Mujoco::new(task(source).unwrap()).unwrap();
        let mut report = Report::new(&format!("{name} and {source}"), 0.0);
        let golden = golden_model(mujoco.rules());
        models::compare_ours(mujoco.model(), sibling.model(), &golden, &mut report);
        assert!(report.check().arrays > 50, "{name}: too few arrays of {source} were compared");
        assert_eq!(mujoco.rules().timing(), sibling.rules().timing(), "{name}");
    }
    let bytes = need(&format!("envs/envs_x64/{source}.safetensors"));
    let mut report = Report::new(&format!("{name} trajectory"), physics::TRAJECTORY_TOLERANCE);
    physics::trajectory(mujoco, &SafeTensors::deserialize(&bytes).unwrap(), whose, &mut report);
    report.check().largest
}

/// Largest error of observation and reward at the stored states.
fn reward_states(mujoco: &Mujoco, name: &str) -> f64 {
    let bytes = need(&format!("envs/reward_states/{name}.safetensors"));
    let mut report = Report::new(&format!("{name} states"), physics::SINGLE_TOLERANCE);
    physics::reward_states(mujoco, &SafeTensors::deserialize(&bytes).unwrap(), &mut report);
    let outcome = report.check();
    assert_eq!(outcome.arrays, 2 * 32, "{name}: observation and reward at 32 states");
    outcome.largest
}

#[test]
fn every_task_of_the_playground_has_its_row() {
    let mut rows = vec![HEAD.to_owned()];
    for rules in tasks() {
        let spec = rules.spec();
        let name = spec.name.as_str();
        let Outcome { arrays, numbers, .. } = model(rules.as_ref());
        let source = SIBLINGS.iter().find(|(task, _)| *task == name).map_or(name, |pair| pair.1);
        let mujoco = Mujoco::new(rules).unwrap();
        let along = trajectory(&mujoco, name, source);
        let along = match source == name {
            true => format!("{along:.1e}"),
            false => format!("{along:.1e} (that of {source})"),
        };
        let states = reward_states(&mujoco, name);
        rows.push(format!(
            "| {name} | {} | {} | {} | {along} | {states:.1e} | yes: {arrays} arrays, {numbers} numbers |",
            spec.obs_dim, spec.action_dim, spec.control_dt
        ));
    }
    assert_eq!(rows.len(), 1 + TASKS);
    common::say(&format!("\n{}", rows.join("\n")));
}

#[test]
fn the_golden_folder_is_smaller_than_two_mebibytes() {
    fn size(folder: &std::path::Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.fold(0, |sum, entry| match entry.metadata().unwrap() {
            data if data.is_dir() => sum + size(&entry.path()),
            data => sum + data.len(),
        })
    }
    let bytes = size(&common::golden_dir());
    assert!(bytes < 2 << 20, "{bytes} bytes");
}
