//! One row for each task of the Playground's Control Suite, as a markdown table: its sizes, and how
//! far ours is from the Playground's where both were given the same input. Fails where an error is
//! beyond its tolerance, or where the repository's folder lacks what a row needs.
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
/// Stored states of each task in the repository's folder.
const STATES: usize = 32;
/// The target among the reacher's bodies and geoms.
const TARGET_BODY: usize = 4;
const TARGET_GEOM: usize = 8;
const HEAD: &str = "\
| task | obs | act | dt (s) | trajectory, largest error | at 32 states | model: arrays, numbers |
|---|--:|--:|--:|:--|:--|:--|";

/// Returns the stored model of a task's domain. `ReacherHard` gets its own target: a sphere of the
/// stored radius, whose mass grows with its third power and its inertia with the fifth.
fn golden_model(task: &dyn MujocoTask) -> Option<Value> {
    let bytes = common::read(&format!("models/{}.json", task.domain()))?;
    let mut model: Value = serde_json::from_slice(&bytes).unwrap();
    if task.spec().name == "ReacherHard" {
        let facts: Value = serde_json::from_slice(&common::read("envs/facts.json")?).unwrap();
        let radius = facts["ReacherHard"]["derived"]["_target_size"].as_f64().unwrap();
        let shrink = radius / model["geom_size"][TARGET_GEOM][0].as_f64().unwrap();
        let scale = |number: &mut Value, power| {
            *number = (number.as_f64().unwrap() * shrink.powi(power)).into();
        };
        scale(&mut model["geom_size"][TARGET_GEOM][0], 1);
        scale(&mut model["body_mass"][TARGET_BODY], 3);
        (0..3).for_each(|axis| scale(&mut model["body_inertia"][TARGET_BODY][axis], 5));
    }
    Some(model)
}

/// Compares the compiled model of a task with the stored one.
fn compare_model(task: &dyn MujocoTask, golden: &Value) -> Outcome {
    let mut report = Report::new(&format!("{} model", task.domain()), models::TOLERANCE);
    models::compare(task, golden, &mut report);
    report.check()
}

/// Returns the largest error along the trajectories of `source`, which is the task itself or its
/// sibling.
fn trajectory(mujoco: &Mujoco, name: &str, source: &str, golden: &Value) -> Option<f64> {
    let whose = if source == name { Whose::Own } else { Whose::Sibling };
    if whose == Whose::Sibling {
        let sibling = Mujoco::new(task(source).unwrap()).unwrap();
        let mut report = Report::new(&format!("{name} and {source}"), 0.0);
        models::compare_ours(mujoco.model(), sibling.model(), golden, &mut report);
        assert!(report.check().arrays > 50, "{name}: too few arrays of {source} were compared");
        assert_eq!(mujoco.rules().timing(), sibling.rules().timing(), "{name}");
    }
    let bytes = common::read(&format!("envs/envs_x64/{source}.safetensors"))?;
    let mut report = Report::new(&format!("{name} trajectory"), physics::TRAJECTORY_TOLERANCE);
    physics::trajectories(mujoco, &SafeTensors::deserialize(&bytes).unwrap(), whose, &mut report);
    Some(report.check().largest)
}

/// Returns the largest error of observation and reward at the stored states.
fn reward_states(mujoco: &Mujoco, name: &str) -> Option<f64> {
    let bytes = common::read(&format!("envs/reward_states/{name}.safetensors"))?;
    let mut report = Report::new(&format!("{name} states"), physics::SINGLE_TOLERANCE);
    physics::reward_states(mujoco, &SafeTensors::deserialize(&bytes).unwrap(), &mut report);
    let outcome = report.check();
    let complete = outcome.arrays == 2 * STATES || !common::is_own_folder();
    assert!(complete, "{name}: observation and reward at {STATES} states were expected");
    Some(outcome.largest)
}

/// Returns a task's row; `None` if one of its files is absent.
fn row(rules: Box<dyn MujocoTask>) -> Option<String> {
    let spec = rules.spec();
    let name = spec.name.as_str();
    let golden = golden_model(rules.as_ref())?;
    let Outcome { arrays, numbers, .. } = compare_model(rules.as_ref(), &golden);
    let source = physics::sibling(name).unwrap_or(name);
    let mujoco = Mujoco::new(rules).unwrap();
    let along = trajectory(&mujoco, name, source, &golden)?;
    let along = match source == name {
        true => format!("{along:.1e}"),
        false => format!("{along:.1e} (that of {source})"),
    };
    let states = reward_states(&mujoco, name)?;
    let model = format!("{arrays}, {numbers}");
    let (obs_dim, action_dim, control_dt) = (spec.obs_dim, spec.action_dim, spec.control_dt);
    let sizes = format!("{obs_dim} | {action_dim} | {control_dt}");
    Some(format!("| {name} | {sizes} | {along} | {states:.1e} | {model} |"))
}

#[test]
fn every_task_of_the_playground_has_its_row() {
    let tasks = tasks();
    assert_eq!(tasks.len(), TASKS);
    let rows: Vec<String> = tasks.into_iter().filter_map(row).collect();
    assert!(rows.len() == TASKS || !common::is_own_folder(), "{} rows", rows.len());
    common::say(&format!("\n{HEAD}\n{}", rows.join("\n")));
}

#[test]
fn the_repositorys_golden_folder_is_smaller_than_two_mebibytes() {
    fn size(folder: &std::path::Path) -> u64 {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.fold(0, |sum, entry| match entry.metadata().unwrap() {
            data if data.is_dir() => sum + size(&entry.path()),
            data => sum + data.len(),
        })
    }
    let bytes = size(common::OWN_FOLDER.as_ref());
    assert!(bytes < 2 << 20, "{bytes} bytes");
}
