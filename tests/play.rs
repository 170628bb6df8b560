//! Tests that `fpo eval` and `fpo envs --rollout` play the episodes that they say they play.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;

use common::{fail, fpo, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::tempdir;

fn train(folder: &Path, task: &str, settings: &[&str]) {
    let config = small_config(folder, task);
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    succeed(
        folder,
        &[&["train", config.to_str().unwrap(), "--out", "run"], &settings[..]].concat(),
    );
}

/// Returns the report of a command that plays 16 episodes.
fn play(folder: &Path, args: &[&str]) -> Value {
    let report = succeed(folder, &[args, &["--episodes", "16", "--json"]].concat());
    serde_json::from_str(&report).unwrap()
}

#[test]
fn the_seed_of_a_runs_episodes_is_that_of_its_evaluations() {
    let dir = tempdir().unwrap();
    train(dir.path(), "Classic/MultiGoal", &["eval.seed=77"]);
    let seed = |path: &str, seed: &str| play(dir.path(), &["eval", path, "--seed", seed]);
    let own = seed("run", "77");
    let common = seed("run", "1000000");
    assert_ne!(own, common);
    assert_eq!(play(dir.path(), &["eval", "run"]), own);
    assert_eq!(
        play(dir.path(), &["eval", "run", "--best"]),
        seed("run/best/policy.safetensors", "77")
    );
    assert_eq!(play(dir.path(), &["eval", "run/policy.safetensors"]), common, "it has no run");
}

#[test]
fn a_run_whose_configuration_cannot_be_read_is_played_with_the_common_seed_and_a_note() {
    let dir = tempdir().unwrap();
    train(dir.path(), "Classic/MultiGoal", &["eval.seed=77"]);
    let common = play(dir.path(), &["eval", "run", "--seed", "1000000"]);
    std::fs::write(dir.path().join("run/config.toml"), "[eval]\nseed = 77\nsed = 1\n").unwrap();
    let args = ["eval", "run", "--episodes", "16", "--json"];
    let output = fpo(dir.path()).args(args).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), common);
    let text = stderr(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in ["seed 1000000", "run/config.toml", "`eval.sed`"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    let given = fpo(dir.path()).args(args).args(["--seed", "5"]).output().unwrap();
    assert_eq!(stderr(&given), "", "the run's seed is not needed");
}

#[test]
fn both_commands_play_a_policy_file_alike() {
    let task = if cfg!(feature = "mujoco") { "PendulumSwingup" } else { "Classic/Pendulum" };
    let dir = tempdir().unwrap();
    let settings = ["env.episode_length=24", "env.starts=official", "env.action_repeat=2"];
    train(dir.path(), task, &settings);
    let file = "run/policy.safetensors";
    let report = play(dir.path(), &["eval", file]);
    assert_eq!(report["length_mean"], 12.0, "24 control steps, two for each action");
    assert_eq!(play(dir.path(), &["envs", task, "--rollout", file]), report);
    assert_eq!(play(dir.path(), &["eval", file, "--task", task]), report);
}

#[test]
fn both_commands_play_the_policy_of_a_runs_folder_with_the_runs_seed() {
    let task = "Classic/MultiGoal";
    let dir = tempdir().unwrap();
    train(dir.path(), task, &["eval.seed=77"]);
    let own = play(dir.path(), &["eval", "run"]);
    assert_eq!(play(dir.path(), &["envs", task, "--rollout", "run"]), own);
    let file = ["envs", task, "--rollout", "run/policy.safetensors"];
    assert_ne!(play(dir.path(), &file), own, "a file has no run");
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let folder = ["envs", task, "--rollout", "empty"];
    fail(dir.path(), &folder, 1, &["empty is not a run"]);
}

#[test]
fn a_task_is_called_by_the_same_names_in_every_command() {
    let dir = tempdir().unwrap();
    train(dir.path(), "GridWorld/two_walls", &[]);
    let shown = succeed(dir.path(), &["envs", "GridWorld/two_slits"]);
    for name in ["two_slits", "TwoSlits", "gridworld/two-slits"] {
        assert_eq!(succeed(dir.path(), &["envs", name]), shown);
    }
    let by = |name: &str| {
        [
            play(dir.path(), &["envs", name, "--rollout", "random"]),
            play(dir.path(), &["envs", name, "--rollout", "run/policy.safetensors"]),
            play(dir.path(), &["eval", "run", "--task", name]),
        ]
    };
    let reports = by("two_slits");
    assert_eq!(reports, by("GridWorld/two_slits"));
    assert!(reports.iter().all(|report| report["task"] == "GridWorld/two_slits"));
    for args in [
        &["envs", "two_slit"][..],
        &["envs", "two_slit", "--rollout", "zero"],
        &["eval", "run", "--task", "two_slit"],
        &["render", "run", "--task", "two_slit", "-o", "a.png"],
        &["render", "zero", "--task", "two_slit", "-o", "a.png"],
        &["bench", "envs", "--tasks", "two_slit"],
    ] {
        let words = ["unknown task `two_slit`: did you mean `GridWorld/two_slits`?", "`fpo envs`"];
        let text = fail(dir.path(), args, 2, &words);
        assert_eq!(text.trim_end().lines().count(), 1, "{args:?}: {text}");
    }
}
