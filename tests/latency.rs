//! `fpo eval --latency` measures how long an action takes, by which sampler and what code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;

use common::{fail, small_config, succeed};
use serde_json::Value;
use tempfile::tempdir;

/// Trains a small run of a kind in `folder/kind`, of a flow in five steps.
fn train(folder: &Path, kind: &str) {
    small_config(folder, "Classic/MultiGoal");
    let setting = format!("algorithm.kind={kind}");
    let settings = ["--set", &setting, "--set", "policy.flow_steps=5"];
    succeed(folder, &[&["train", "small.toml", "--out", kind], &settings[..]].concat());
}

/// The samplers that were measured, with their steps, whether they are the policy's own, and what
/// computed. Checks the numbers on the way.
fn rows(policy: &Value) -> Vec<(String, Option<u64>, bool, String)> {
    let row = |row: &Value| {
        let number = |key: &str| row[key].as_f64().unwrap();
        assert!(0.0 < number("us_p50") && number("us_p50") <= number("us_p99"), "{row}");
        assert!(number("us_p99") <= number("us_max") && number("us_mean") > 0.0, "{row}");
        let [low, high] = [0, 1].map(|k| row["us_p99_of_parts"][k].as_f64().unwrap());
        assert!(number("us_p50") > 0.0 && low <= high && high <= number("us_max"), "{row}");
        assert!(row["calls"].as_u64().unwrap() >= 1000, "{row}");
        let text = |key: &str| row[key].as_str().unwrap().to_string();
        (text("sampler"), row["steps"].as_u64(), row["own"].as_bool().unwrap(), text("by"))
    };
    policy["latencies"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn the_table_has_the_policys_own_sampler_first_and_names_the_machine() {
    let dir = tempdir().unwrap();
    train(dir.path(), "fpo");
    train(dir.path(), "ppo");
    let json = succeed(dir.path(), &["eval", "ppo", "fpo", "--latency", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["threads"], 1);
    assert!(!report["machine"]["cpu"].as_str().unwrap().is_empty());
    let [ppo, fpo] = [0, 1].map(|k| &report["policies"][k]);
    assert_eq!(ppo["policy"], "ppo/policy.safetensors");
    let row = |sampler: &str, steps, own, by: &str| (sampler.into(), steps, own, by.into());
    let gaussian =
        [row("gaussian", None, true, "single_actor"), row("gaussian", None, true, "actor")];
    assert_eq!(rows(ppo), gaussian);
    let expected = [
        row("euler", Some(5), true, "single_actor"),
        row("euler", Some(5), true, "actor"),
        row("euler", Some(1), false, "single_actor"),
        row("euler", Some(2), false, "single_actor"),
        row("euler", Some(20), false, "single_actor"),
        row("midpoint", Some(2), false, "operations"),
        row("heun", Some(2), false, "operations"),
        row("rk4", Some(1), false, "operations"),
        row("sde", Some(5), false, "operations"),
        row("dopri5", None, false, "operations"),
    ];
    assert_eq!(rows(fpo), expected);
}

#[test]
fn a_sampler_that_is_asked_for_takes_the_place_of_the_others() {
    let dir = tempdir().unwrap();
    train(dir.path(), "fpo");
    let asked = ["eval", "fpo/policy.safetensors", "--latency", "--sampler", "heun", "--steps=3"];
    let text = succeed(dir.path(), &asked);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    let table = [["euler*", "5", "single_actor"], ["euler*", "5", "actor"]];
    assert_eq!(lines[3..5], table, "{text}");
    assert_eq!(lines[5], ["heun", "3", "operations"], "{text}");
    assert_eq!(lines.len(), 7, "{text}");
    assert!(text.starts_with(&fpo_cli::host::cpu()), "{text}");
}

#[test]
fn flags_that_mean_nothing_to_a_latency_are_refused() {
    let dir = tempdir().unwrap();
    train(dir.path(), "ppo");
    let measure = |more: &[&str], words: &[&str]| {
        fail(dir.path(), &[&["eval", "ppo", "--latency"], more].concat(), 2, words);
    };
    measure(&["--episodes", "3"], &["--episodes"]);
    measure(&["--task", "CheetahRun"], &["--task"]);
    measure(&["--device", "cuda"], &["--latency measures one thread of the CPU"]);
    measure(&["--steps", "3"], &["--steps does not apply to a Gaussian policy"]);
}
