//! Tests that a request that is wrong, or that cannot be met, ends with one clear line and the
//! right exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;
#[path = "errors/environment.rs"]
mod environment;
#[path = "errors/flags.rs"]
mod flags;
#[path = "errors/mutated.rs"]
mod mutated;
#[path = "errors/seeds.rs"]
mod seeds;
#[path = "errors/threads.rs"]
mod threads;

use std::path::Path;

use common::{fail, fpo, small_config, stderr, succeed, without_digest};
use tempfile::tempdir;

const TASK: &str = "GridWorld/two_walls";

/// As [`fail`], with a text of one line.
fn fails(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let text = fail(folder, args, code, words);
    assert_eq!(text.trim_end().lines().count(), 1, "fpo {args:?}: one line, not {text}");
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_wrong_key_names_the_file_and_the_nearest_key() {
    let dir = tempdir().unwrap();
    let config = write(dir.path(), "c.toml", "[env]\ntask = \"x\"\nnum_env = 3\n");
    fails(dir.path(), &["train", &config], 2, &["env.num_env", "c.toml", "`env.num_envs`"]);
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--set", "train.totl_steps=5"];
    fails(dir.path(), &args, 2, &["train.totl_steps", "--set", "`train.total_steps`"]);
}

#[test]
fn a_wrong_type_names_what_was_found_and_what_is_expected() {
    let dir = tempdir().unwrap();
    let config = write(dir.path(), "c.toml", "[env]\ntask = \"x\"\nnum_envs = \"many\"\n");
    fails(dir.path(), &["config", &config], 2, &["env.num_envs", "c.toml", "many", "whole number"]);
}

#[test]
fn a_value_out_of_range_names_the_range() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["config", config.to_str().unwrap(), "--set", "algorithm.gamma=1.5"];
    fails(dir.path(), &args, 2, &["algorithm.gamma", "1.5", "--set"]);
}

#[test]
fn an_unknown_task_names_the_nearest() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_wals");
    let args = ["train", config.to_str().unwrap()];
    fails(dir.path(), &args, 2, &["GridWorld/two_wals", "`GridWorld/two_walls`"]);
    assert!(!dir.path().join("runs").exists(), "a run that cannot start leaves no folder");
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempdir().unwrap();
    fails(dir.path(), &["train", "nowhere.toml"], 1, &["nowhere.toml", "No such file"]);
    fails(dir.path(), &["eval", "nowhere.safetensors"], 1, &["nowhere.safetensors"]);
    fails(dir.path(), &["train", "--resume", "nowhere"], 1, &["nowhere"]);
}

#[test]
fn a_run_that_diverges_stops_names_what_and_when_and_saves_nothing_of_it() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let output = fpo(dir.path())
        .args(["train", config.to_str().unwrap(), "--out", "run"])
        .args(["--set", "optimizer.learning_rate=1e30", "--set", "checkpoint.interval_s=0.0"])
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.trim_end().lines().last().unwrap();
    for word in ["diverged", "optimizer.learning_rate", "at gradient step"] {
        assert!(last.contains(word), "no {word:?} in {last}");
    }
    let checkpoints = std::fs::read_dir(dir.path().join("run/checkpoints")).unwrap();
    let names: Vec<_> = checkpoints.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["step_000000000000"], "only the state from before the divergence");
}

#[test]
fn a_divergence_in_the_last_gradient_step_of_an_iteration_is_told_as_one() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--out", "run"];
    let sets = [
        "optimizer.learning_rate=1e30",
        "train.num_minibatches=1",
        "train.batch_size=64",
        "train.num_epochs=1",
    ];
    let sets = sets.iter().flat_map(|text| ["--set", text]);
    let output = fpo(dir.path()).args(args).args(sets).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.trim_end().lines().last().unwrap();
    for word in ["training diverged", "optimizer.learning_rate", "action", "at gradient step 1"] {
        assert!(last.contains(word), "no {word:?} in {last}");
    }
    assert!(!last.contains("environment"), "the states of the probe have no such number: {last}");
}

#[test]
fn an_unknown_flag_or_device_is_a_usage_error() {
    let dir = tempdir().unwrap();
    for args in [&["train", "x.toml", "--fast"][..], &["eval", "x", "--device", "tpu"]] {
        let output = fpo(dir.path()).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(args[args.len() - 1]), "{}", stderr(&output));
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_in_a_cpu_build_says_how_to_build_it() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--device", "cuda"];
    fails(dir.path(), &args, 1, &["cuda", "--features cuda"]);
}

#[test]
fn a_precision_that_the_device_lacks_is_refused_before_the_run_begins() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    let args = ["train", config, "--device", "cpu", "--set", "train.precision=tf32"];
    fails(dir.path(), &args, 1, &["`train.precision` is `tf32`", "CPU", "`f32`"]);
    assert!(!dir.path().join("runs").exists(), "a run that cannot start leaves no folder");
}

#[test]
fn a_policy_of_other_sizes_or_a_damaged_one_is_refused() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    succeed(dir.path(), &["train", config, "--out", "run"]);
    let policy = dir.path().join("run/policy.safetensors");
    let bytes = without_digest(&std::fs::read(&policy).unwrap());

    for (name, damaged) in [
        ("cut", &bytes[..bytes.len() - 1]),
        ("header", &bytes[..40]),
        ("empty", &[][..]),
        ("text", b"this is no policy"),
    ] {
        let path = dir.path().join(format!("{name}.safetensors"));
        std::fs::write(&path, damaged).unwrap();
        let path = path.to_str().unwrap();
        fails(dir.path(), &["eval", path], 1, &[path, "not a whole safetensors file"]);
    }
    for (from, to, word) in [
        ("\"flow_steps\":10", "\"flow_steps\":1e", "metadata"),
        ("\"flow_steps\":10", "\"flow_steps\":11", "schedule"),
        ("\"time_embedding\":8", "\"time_embedding\":9", "time_embedding is 9"),
        ("fpo-policy", "fpo-polisy", "not an fpo policy"),
        ("\"starts\"", "\"stmrts\"", "unknown entry `stmrts`"),
        ("\"activation\"", "\"activasion\"", "missing field `activation`"),
        ("\"squash\"", "\"squish\"", "squ"),
    ] {
        // The metadata is JSON inside JSON: its quotes are escaped there.
        let escape = |text: &str| text.replace('"', "\\\"").into_bytes();
        let (from, to) = (escape(from), escape(to));
        let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
        let edited = [&bytes[..at], &to, &bytes[at + from.len()..]].concat();
        let path = dir.path().join("edited.safetensors");
        std::fs::write(&path, edited).unwrap();
        fails(dir.path(), &["eval", path.to_str().unwrap()], 1, &["edited.safetensors", word]);
    }
    let task = ["GridWorld/two_walls", "GridWorld/two_malls"].map(str::as_bytes);
    let at = bytes.windows(task[0].len()).position(|window| window == task[0]).unwrap();
    let other = [&bytes[..at], task[1], &bytes[at + task[1].len()..]].concat();
    std::fs::write(dir.path().join("other.safetensors"), other).unwrap();
    // One line says that there is no digest, the next what is wrong.
    let words = ["names no digest", "unknown task `GridWorld/two_malls`"];
    fail(dir.path(), &["eval", "other.safetensors"], 1, &words);
    fails(dir.path(), &["train", config, "--out", "run"], 1, &["run", "not empty"]);
    fails(dir.path(), &["train", "--resume", "run"], 1, &["run", "finished"]);

    #[cfg(feature = "mujoco")]
    {
        let args = ["eval", policy.to_str().unwrap(), "--task", "CheetahRun"];
        fails(dir.path(), &args, 1, &[TASK, "obs 2, act 2", "CheetahRun", "obs 17, act 6"]);
    }
}

#[test]
fn the_steps_in_a_policy_file_may_differ_in_their_last_digits_only() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--out", "run"];
    let sets = ["--set", "policy.path=cosine", "--set", "policy.flow_steps=3"];
    succeed(dir.path(), &[&args[..], &sets].concat());
    let bytes = std::fs::read(dir.path().join("run/policy.safetensors")).unwrap();
    let bytes = without_digest(&bytes);
    let at = |word: &[u8]| bytes.windows(word.len()).position(|w| w == word).unwrap();
    for key in ["schedule", "step_factors"] {
        let start = at(key.as_bytes());
        let long = bytes[start..].windows(17).position(|w| w[1..].iter().all(u8::is_ascii_digit));
        let first = start + long.unwrap() + 1;
        for (digit, fits) in [(15, true), (4, false)] {
            let mut edited = bytes.clone();
            let place = &mut edited[first + digit];
            *place = if *place == b'5' { b'6' } else { b'5' };
            let path = dir.path().join("digit.safetensors");
            std::fs::write(&path, edited).unwrap();
            let path = path.to_str().unwrap();
            match fits {
                true => drop(succeed(dir.path(), &["eval", path, "--episodes", "1"])),
                false => fails(dir.path(), &["eval", path], 1, &["digit.safetensors", key]),
            }
        }
    }
}

#[cfg(not(feature = "mujoco"))]
#[test]
fn a_mujoco_task_without_mujoco_says_how_to_get_it() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "CheetahRun");
    let args = ["train", config.to_str().unwrap()];
    fails(dir.path(), &args, 1, &["CheetahRun", "MuJoCo", "scripts/setup.sh"]);
}
