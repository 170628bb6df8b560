//! Tests training end to end: it learns, the same seed gives the same bits, a killed run continues,
//! and another reader computes the same actions from a policy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{fpo, metrics, root, small_config, stderr, succeed};
use fpo_core::Isa;
use serde_json::Value;
use tempfile::tempdir;

/// The metrics but for the times.
fn timeless(run: &Path) -> Vec<serde_json::Map<String, Value>> {
    let mut rows = metrics(run);
    rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
    rows
}

fn assert_same_run(a: &Path, b: &Path) {
    assert_eq!(timeless(a), timeless(b));
    let policy = |run: &Path| std::fs::read(run.join("policy.safetensors")).unwrap();
    assert!(policy(a) == policy(b), "the policies differ");
}

#[test]
fn gridworld_is_learnt_from_the_published_configuration() {
    let dir = tempdir().unwrap();
    let config = root().join("configs/gridworld/two_walls.toml");
    let args = ["train", config.to_str().unwrap(), "--set", "train.total_steps=30000"];
    succeed(dir.path(), &[&args[..], &["--out", "run"]].concat());
    let report = succeed(dir.path(), &["eval", "run", "--episodes", "200", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let success = report["success_rate"].as_f64().unwrap();
    assert!(success >= 0.95, "success rate {success}");
    assert_eq!(report["episodes"], 200);
    assert_eq!(report["task"], "GridWorld/two_walls");
    // Diagonal moves cross at most 23 rows, and half of the starts are nearer than a third of it.
    assert!(report["length_mean"].as_f64().unwrap() < 23.0);
}

#[test]
fn one_and_two_threads_give_the_same_bits() {
    let dir = tempdir().unwrap();
    let task = if cfg!(feature = "mujoco") { "CheetahRun" } else { "GridWorld/two_walls" };
    let config = small_config(dir.path(), task);
    // There are enough environments for several chunks of physics, noise and matrix products.
    for threads in ["1", "2", "3"] {
        let output = fpo(dir.path())
            .args(["train", config.to_str().unwrap(), "--out", threads])
            .args(["--set", "env.num_envs=256", "--set", "train.batch_size=256"])
            .args(["--set", "train.total_steps=8192"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_same_run(&dir.path().join("1"), &dir.path().join("2"));
    assert_same_run(&dir.path().join("1"), &dir.path().join("3"));
}

#[test]
fn kernels_on_any_instruction_set_train_as_composed_operations_do() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    // The second iteration shows whether the first one left the same networks behind.
    let run = |name: &str, kernels: &str, simd: Option<Isa>| {
        let output = fpo(dir.path())
            .args(["train", config.to_str().unwrap(), "--out", name])
            .args(["--set", "train.total_steps=1024"])
            .args(["--set", &format!("train.kernels={kernels:?}")])
            .envs(simd.map(|isa| ("FPO_SIMD", isa.name())))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        (stderr(&output), metrics(&dir.path().join(name)))
    };
    let (said, expected) = run("composed", "composed", Some(Isa::Portable));
    assert!(said.contains("composed operations"), "{said}");
    assert_eq!(expected.len(), 3);
    let forced = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Some);
    for simd in forced.chain([None]) {
        let name = simd.map_or("fastest", Isa::name);
        let (said, found) = run(name, "auto", simd);
        let kernels = format!("{} kernels", simd.map_or("", Isa::name));
        assert!(said.contains(kernels.trim()), "{said}");
        for (found, expected) in found.iter().zip(&expected).skip(1) {
            for key in ["cfm_loss_new", "value_mean", "value_loss", "grad_norm"] {
                let of = |row: &serde_json::Map<String, Value>| {
                    row[&format!("train/{key}")].as_f64().unwrap()
                };
                let (found, expected) = (of(found), of(expected));
                let error = (found - expected).abs() / expected.abs();
                assert!(error < 1e-3, "{name}: {key} is {found}, not {expected}");
            }
        }
    }
}

#[test]
fn the_times_of_an_iteration_add_up() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let rows = metrics(&dir.path().join("run"));
    assert!(rows.len() > 2);
    for row in &rows[1..] {
        let seconds = |part: &str| row[&format!("time/{part}_s")].as_f64().unwrap();
        let parts = ["env", "sample", "gae", "policy", "value", "optim", "other"].map(seconds);
        assert!(parts.iter().all(|&part| part > 0.0), "{parts:?}");
        let (sum, whole) = (parts.iter().sum::<f64>(), seconds("iteration"));
        assert!((sum / whole - 1.0).abs() < 1e-6, "{sum} of {whole}");
    }
}

#[test]
fn another_seed_gives_another_policy() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    for seed in ["1", "2"] {
        let args = ["train", config.to_str().unwrap(), "--seed", seed, "--out", seed];
        succeed(dir.path(), &args);
    }
    assert_ne!(timeless(&dir.path().join("1")), timeless(&dir.path().join("2")));
}

#[test]
fn a_killed_run_resumes_to_the_bits_of_an_uninterrupted_one() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let args = [
        "train",
        config.to_str().unwrap(),
        "--set",
        "train.total_steps=102400",
        "--set",
        "optimizer.learning_rate=0.0001",
        "--set",
        "checkpoint.interval_s=0.0",
        "--out",
    ];
    succeed(dir.path(), &[&args[..], &["whole"]].concat());
    let mut child = fpo(dir.path()).args(args).arg("killed").stderr(Stdio::null()).spawn().unwrap();
    let killed = dir.path().join("killed");
    let start = Instant::now();
    let checkpoints = || {
        std::fs::read_dir(killed.join("checkpoints")).map_or(0, |entries| {
            let whole = |name: &str| name.starts_with("step_");
            entries.flatten().filter(|e| whole(&e.file_name().to_string_lossy())).count()
        })
    };
    while checkpoints() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let lines =
        |run: &Path| std::fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count();
    assert!(lines(&dir.path().join("whole")) > lines(&killed), "the run was over before the kill");

    succeed(dir.path(), &["train", "--resume", "killed"]);
    assert_same_run(&dir.path().join("whole"), &killed);
    succeed(dir.path(), &["export", "killed", "-o", "exported.safetensors"]);
    let policy = |path: &Path| std::fs::read(path).unwrap();
    let exported = policy(&dir.path().join("exported.safetensors"));
    assert!(exported == policy(&killed.join("policy.safetensors")));
}

#[test]
fn resuming_a_finished_run_mends_a_policy_that_a_kill_left_behind() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let policy = dir.path().join("run/policy.safetensors");
    let right = std::fs::read(&policy).unwrap();
    std::fs::write(&policy, b"older").unwrap();
    let output = fpo(dir.path()).args(["train", "--resume", "run"]).output().unwrap();
    assert!(stderr(&output).contains("finished"), "{}", stderr(&output));
    assert!(std::fs::read(&policy).unwrap() == right);
}

#[test]
fn an_edited_configuration_or_only_damaged_checkpoints_stop_a_resumption() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let refused = |word: &str| {
        let metrics = std::fs::read(dir.path().join("run/metrics.jsonl")).unwrap();
        let output = fpo(dir.path()).args(["train", "--resume", "run"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
        assert_eq!(std::fs::read(dir.path().join("run/metrics.jsonl")).unwrap(), metrics);
    };
    let path = dir.path().join("run/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("gamma = 0.995", "gamma = 0.9")).unwrap();
    refused("another configuration");
    // How often it is saved decides no result: the run is recognised, and is finished.
    std::fs::write(&path, text.replace("interval_s = 60.0", "interval_s = 5.0")).unwrap();
    refused("is finished");
    std::fs::write(&path, &text).unwrap();
    for checkpoint in std::fs::read_dir(dir.path().join("run/checkpoints")).unwrap() {
        std::fs::write(checkpoint.unwrap().path().join("state.json"), b"{}").unwrap();
    }
    refused("no checkpoint of run is whole");
}

#[test]
fn the_same_command_starts_a_run_goes_on_with_it_and_leaves_it_as_it_is_when_it_is_finished() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let args = ["train", config.to_str().unwrap(), "--seed", "3", "--resume-or-start"];
    let interval = ["--set", "checkpoint.interval_s=0"];
    let whole = [&args[..], &interval, &["--out", "whole"]].concat();
    succeed(dir.path(), &whole);

    // Stopped by the end of its input after its first iteration, the run goes on.
    let again =
        [&args[..], &interval, &["--stop-at-eof", "--set", "train.total_steps=20480"]].concat();
    let mut child =
        fpo(dir.path()).args(&again).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let run = dir.path().join("runs/small-seed3");
    let start = Instant::now();
    // The second line of metrics is that of the first iteration.
    let lines = || std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    while lines().lines().count() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "no iteration in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopping, because standard input has ended"), "{text}");
    assert!(!run.join("outcome.json").exists(), "it is not over");
    let go_on = || {
        let mut command = fpo(dir.path());
        command.args(&again).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    assert!(go_on().contains("continued at step"));
    let policy = std::fs::read(run.join("policy.safetensors")).unwrap();
    assert!(go_on().contains("the run in runs/small-seed3 is finished"));
    assert!(std::fs::read(run.join("policy.safetensors")).unwrap() == policy);

    // A kill between the last checkpoint and what follows it is made up for.
    let outcome = run.join("outcome.json");
    let said: Value = serde_json::from_slice(&std::fs::read(&outcome).unwrap()).unwrap();
    assert_eq!(said["status"], "finished");
    std::fs::remove_file(&outcome).unwrap();
    go_on();
    assert!(outcome.exists());

    // A finished run is left as it is without its checkpoints too, which a sweep may not keep.
    std::fs::remove_dir_all(run.join("checkpoints")).unwrap();
    assert!(go_on().contains("the run in runs/small-seed3 is finished"));
    let resume = ["train", "--resume", "runs/small-seed3"];
    common::fail(dir.path(), &resume, 1, &["is finished: there is nothing to resume"]);
    let longer = [&resume[..], &["--set", "train.total_steps=40960"]].concat();
    let words = ["has no checkpoints", "with --init runs/small-seed3"];
    common::fail(dir.path(), &longer, 1, &words);
    assert!(std::fs::read(run.join("policy.safetensors")).unwrap() == policy);

    // Another configuration is told apart, field by field; what decides no result may differ.
    let other = [&args[..], &["--out", "whole", "--set", "algorithm.gamma=0.9"]].concat();
    let words = [
        "whole holds a run of another configuration",
        "`algorithm.gamma` is the default there and 0.9 here",
    ];
    common::fail(dir.path(), &other, 2, &words);
    let other =
        ["train", config.to_str().unwrap(), "--seed", "4", "--resume-or-start", "--out", "whole"];
    common::fail(dir.path(), &other, 2, &["`train.seed` is 3 there and 4 here"]);
    succeed(dir.path(), &[&args[..], &["--out", "whole", "--device", "cpu"]].concat());
}

#[test]
fn a_reader_that_goes_away_does_not_stop_a_run() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let mut child = fpo(dir.path())
        .args(["train", config.to_str().unwrap(), "--out", "run"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert!(dir.path().join("run/policy.safetensors").exists());
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let config = config.to_str().unwrap();
    succeed(dir.path(), &["train", config, "--set", "checkpoint.interval_s=0.0", "--out", "run"]);
    let newest = dir.path().join("run/checkpoints/step_000000002048/learner.safetensors");
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let output = fpo(dir.path()).args(["train", "--resume", "run"]).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("step_000000002048") && text.contains("damaged"), "{text}");
    assert!(text.contains("continued at step 1536"), "{text}");
}

#[test]
fn the_python_reader_computes_the_actions_of_an_evaluation() {
    let dir = tempdir().unwrap();
    let task = if cfg!(feature = "mujoco") { "CartpoleBalance" } else { "GridWorld/cshape" };
    let config = small_config(dir.path(), task);
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let args = ["eval", "run", "--episodes", "4", "--record", "steps.safetensors"];
    succeed(dir.path(), &args);
    let output = Command::new("python3")
        .current_dir(dir.path())
        .env("PYTHONPATH", root().join("third_party/python"))
        .arg(root().join("scripts/read_policy.py"))
        .args(["run/policy.safetensors", "--check", "steps.safetensors"])
        .output()
        .unwrap();
    let hint = "python3 with numpy and safetensors is needed: scripts/setup.sh provides them";
    assert!(output.status.success(), "{hint}\n{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("actions, largest difference"), "{said}");
}

#[test]
fn the_resolved_configuration_loads_to_the_same_run() {
    let dir = tempdir().unwrap();
    let config = root().join("configs/gridworld/two_walls.toml");
    let text = succeed(dir.path(), &["config", config.to_str().unwrap(), "--seed", "7"]);
    assert!(text.contains("seed = 7") && text.contains("GridWorld/two_walls"), "{text}");
    std::fs::write(dir.path().join("resolved.toml"), &text).unwrap();
    assert_eq!(text, succeed(dir.path(), &["config", "resolved.toml"]));
}

#[test]
fn the_task_list_holds_every_task_of_the_build() {
    let dir = tempdir().unwrap();
    let list: Value = serde_json::from_str(&succeed(dir.path(), &["envs", "--json"])).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
    assert!(names.iter().any(|n| n == "GridWorld/two_walls"), "{names:?}");
    assert_eq!(cfg!(feature = "mujoco"), names.iter().any(|n| n == "CheetahRun"), "{names:?}");
    let table = succeed(dir.path(), &["envs"]);
    assert!(names.iter().all(|name| table.contains(name.as_str().unwrap())), "{table}");
}

#[test]
fn a_task_can_be_shown_and_played_by_chance_by_nobody_and_by_a_policy() {
    let dir = tempdir().unwrap();
    let task = "GridWorld/two_walls";
    let shown: Value =
        serde_json::from_str(&succeed(dir.path(), &["envs", task, "--json"])).unwrap();
    assert_eq!((&shown["name"], &shown["obs_dim"]), (&Value::from(task), &Value::from(2)));
    assert!(succeed(dir.path(), &["envs", task]).contains("100 steps"));

    let play = |who: &str| -> Value {
        let args = ["envs", task, "--rollout", who, "--episodes", "50", "--json"];
        serde_json::from_str(&succeed(dir.path(), &args)).unwrap()
    };
    let zero = play("zero");
    assert_eq!((&zero["return_max"], &zero["length_mean"]), (&0.0.into(), &100.0.into()));
    assert!(play("random")["success_rate"].as_f64().unwrap() > 0.2);

    let config = small_config(dir.path(), task);
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let args = ["eval", "run", "--episodes", "50", "--json"];
    let report: Value = serde_json::from_str(&succeed(dir.path(), &args)).unwrap();
    assert_eq!(play("run/policy.safetensors"), report);
}
