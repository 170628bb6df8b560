//! Our models equal the Playground's, field by field, as MuJoCo compiles them. Names may differ;
//! numbers may not.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use std::collections::BTreeSet;

use common::{Report, models};
use fpo_envs::mujoco::{Mujoco, tasks};
use serde_json::Value;

#[test]
fn golden_models_equal_ours_in_every_physical_field() {
    let mut seen = BTreeSet::new();
    for task in tasks() {
        let file = format!("models/{}.json", task.domain());
        if !seen.insert(file.clone()) {
            continue;
        }
        let Some(bytes) = common::read(&file) else { continue };
        let golden: Value = serde_json::from_slice(&bytes).unwrap();
        let mut report = Report::new(&file, models::TOLERANCE);
        models::compare(task.as_ref(), &golden, &mut report);
        report.finish();
    }
}

#[test]
fn golden_facts_about_sizes_and_time_steps_are_ours_too() {
    let file = "envs/facts.json";
    let Some(bytes) = common::read(file) else { return };
    let facts: Value = serde_json::from_slice(&bytes).unwrap();
    let mut report = Report::new(file, 0.0);
    for task in tasks() {
        let spec = task.spec();
        let Some(fact) = facts.get(&spec.name) else {
            common::skip(&format!("{file}, entry {}", spec.name));
            continue;
        };
        let number = |value: &Value| value.as_f64().unwrap();
        let substeps = task.timing().substeps as f64;
        let mujoco = Mujoco::new(task).unwrap();
        let options = mujoco.model().opt();
        for (what, ours, theirs) in [
            ("obs_dim", spec.obs_dim as f64, number(&fact["obs_dim"])),
            ("action_dim", spec.action_dim as f64, number(&fact["action_dim"])),
            ("episode_length", spec.episode_length as f64, number(&fact["episode_length"])),
            ("control_dt", spec.control_dt, number(&fact["ctrl_dt"])),
            ("substeps", substeps, number(&fact["n_substeps"])),
            ("timestep", options.timestep, number(&fact["sim_dt_config"])),
            ("iterations", options.iterations.into(), number(&fact["opt"]["iterations"])),
            // C MuJoCo needs two more steps of line search to stop where MJX does.
            ("ls", options.ls_iterations.into(), number(&fact["opt"]["ls_iterations"]) + 2.0),
        ] {
            report.compare(&format!("{} {what}", spec.name), &[ours], &[theirs]);
        }
    }
    report.finish();
}
