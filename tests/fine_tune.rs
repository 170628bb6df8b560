//! `fpo train --init`: a run that starts from a policy, and still starts from it after whatever
//! happens to the run and to the policy's file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, fpo, metrics, root, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

const TASK: &str = "Classic/MultiGoal";
const RETURN: &str = "eval/episode_return_mean";

/// A folder with `small.toml`, and a run `first` of it to start others from.
fn first_run() -> TempDir {
    let dir = tempdir().unwrap();
    small_config(dir.path(), TASK);
    succeed(dir.path(), &["train", "small.toml", "--out", "first"]);
    dir
}

/// Trains `small.toml` from `init` into `out`, with a checkpoint after every iteration.
fn tune<'a>(init: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["train", "small.toml", "--init", init, "--out", out, "--seed", "3"];
    let saving = ["--set", "checkpoint.interval_s=0", "--set", "checkpoint.keep=9"];
    [&args[..], &saving, more].concat()
}

fn policy(dir: &TempDir, run: &str) -> Vec<u8> {
    fs::read(dir.path().join(run).join("policy.safetensors")).unwrap()
}

/// Leaves of a run what a kill leaves before the first checkpoint.
fn forget_checkpoints(run: &Path) {
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    fs::remove_file(run.join("outcome.json")).unwrap();
}

/// With the averaged weights of a method that averages, the width of a source that is learned, and
/// statistics of observations.
#[test]
fn the_first_evaluation_is_that_of_the_policy_for_every_method() {
    let nats = root().join("configs/desk/methods/fpo_nats.toml");
    let methods: [(&str, &[&str]); 5] = [
        ("fpo", &[]),
        ("fpo++", &["--set", "algorithm.ema_decay=0.5", "--set", "algorithm.ema_warmup=1"]),
        ("fpo++", &[nats.to_str().unwrap()]),
        ("ppo", &[]),
        ("dppo", &[]),
    ];
    for (kind, more) in methods {
        let dir = tempdir().unwrap();
        small_config(dir.path(), TASK);
        let kind = format!("algorithm.kind={kind}");
        let method = [more, &["--set", &kind]].concat();
        let train = |args: &[&str]| {
            succeed(dir.path(), &[&["train", "small.toml"], &method[..], args].concat());
        };
        train(&["--out", "first"]);
        train(&["--out", "tuned", "--init", "first", "--seed", "3"]);
        train(&["--out", "fresh", "--seed", "3"]);
        let eval = ["eval", "first", "--episodes", "8", "--seed", "1000000", "--json"];
        let report: Value = serde_json::from_str(&succeed(dir.path(), &eval)).unwrap();
        let first = |run: &str| metrics(&dir.path().join(run))[0][RETURN].clone();
        assert_eq!(first("tuned"), report["return_mean"], "{kind}");
        assert_ne!(first("fresh"), report["return_mean"], "{kind}");
        assert_ne!(policy(&dir, "tuned"), policy(&dir, "first"), "{kind}");
        let replay = succeed(dir.path(), &["verify", "tuned", "--replay", "1"]);
        assert!(replay.contains("the policy that the run started from"), "{replay}");
    }
}

/// Both what the file says of the observations, with the weight of its steps, and fresh optimiser
/// and value network.
#[test]
fn statistics_go_on_from_the_file_and_all_else_begins_anew() {
    let dir = first_run();
    let output = fpo(dir.path()).args(tune("first", "tuned", &[])).output().unwrap();
    let said = stderr(&output);
    let words = "starts from first/policy.safetensors (Classic/MultiGoal, 2,048 steps)";
    assert!(said.contains(words) && said.contains("the optimiser start fresh"), "{said}");
    let state = fs::read_dir(dir.path().join("tuned/checkpoints")).unwrap();
    let mut folders: Vec<_> = state.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let text = fs::read_to_string(folders[1].join("state.json")).unwrap();
    let state: Value = serde_json::from_str(&text).unwrap();
    // 512 steps of its own on top, and 8 gradient steps.
    assert_eq!(state["learner"]["normalizer_count"], 2048 + 512);
    assert_eq!((&state["learner"]["adam_steps"], &state["iteration"]), (&8.into(), &1.into()));
}

#[test]
fn a_run_that_starts_over_or_goes_on_ends_with_the_same_bits() {
    let dir = first_run();
    succeed(dir.path(), &tune("first", "tuned", &[]));
    let (expected, run) = (policy(&dir, "tuned"), dir.path().join("tuned"));
    // The file that it came from changes, and then goes.
    fs::write(dir.path().join("first/policy.safetensors"), b"another").unwrap();
    for step in [1, 0] {
        let last = run.join("checkpoints/step_000000002048");
        fs::remove_dir_all(last).unwrap();
        fs::remove_file(run.join("outcome.json")).unwrap();
        if step == 0 {
            fs::remove_dir_all(run.join("checkpoints")).unwrap();
            fs::remove_dir_all(dir.path().join("first")).unwrap();
        }
        succeed(dir.path(), &["train", "--resume", "tuned"]);
        assert!(policy(&dir, "tuned") == expected, "resumed from {step}");
    }
    // The same command again, though the policy that it names is gone.
    forget_checkpoints(&run);
    succeed(dir.path(), &tune("first", "tuned", &["--resume-or-start"]));
    assert!(policy(&dir, "tuned") == expected);
    succeed(dir.path(), &tune("first", "tuned", &["--resume-or-start"]));
}

/// The copy comes after the configuration, so that a kill in between leaves a run without it.
#[test]
fn a_run_without_its_copy_starts_from_the_same_bytes_or_not_at_all() {
    let dir = first_run();
    succeed(dir.path(), &tune("first", "tuned", &[]));
    let (expected, run) = (policy(&dir, "tuned"), dir.path().join("tuned"));
    let (copy, original) = (run.join("init.safetensors"), dir.path().join("first"));
    let original = original.join("policy.safetensors");
    let bytes = fs::read(&copy).unwrap();
    assert!(fs::read(&original).unwrap() == bytes);

    forget_checkpoints(&run);
    fs::remove_file(&copy).unwrap();
    succeed(dir.path(), &["train", "--resume", "tuned"]);
    assert!(policy(&dir, "tuned") == expected && fs::read(&copy).unwrap() == bytes);

    forget_checkpoints(&run);
    fs::write(&copy, policy(&dir, "tuned")).unwrap();
    let resume = ["train", "--resume", "tuned"];
    fail(dir.path(), &resume, 1, &["init.safetensors is not the policy that the run started from"]);
    let output = fpo(dir.path()).args(["verify", "tuned"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("BAD  init.safetensors"));

    fs::remove_file(&copy).unwrap();
    fs::write(&original, policy(&dir, "tuned")).unwrap();
    fail(dir.path(), &resume, 2, &["it is another file", "first/policy.safetensors"]);
    let again = tune("first", "tuned", &["--resume-or-start"]);
    fail(dir.path(), &again, 2, &["another configuration", "`train.init_sha256` is"]);
}

#[test]
fn all_that_does_not_fit_is_one_error_before_any_work() {
    let dir = first_run();
    let try_with = |more: &[&str], words: &[&str]| {
        let said = fail(dir.path(), &tune("first", "bad", more), 2, words);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!dir.path().join("bad").exists(), "{said}");
    };
    let all = [
        &["--set", "env.task=Classic/Pendulum", "--set", "policy.hidden=[8]"][..],
        &["--set", "policy.prediction=data", "--set", "policy.source_std=0.5"],
        &["--set", "policy.time_embedding=4", "--set", "normalizer.kind=none"],
    ];
    let words = [
        "first/policy.safetensors",
        "its observations have length 2, and those of Classic/Pendulum 3",
        "its actions have length 2, and those of Classic/Pendulum 1",
        "its policy.hidden is [32,32,32,32], and here it is [8]",
        "its policy.prediction is \"velocity\", and here it is \"data\"",
        "its policy.source_std is the default, and here it is 0.5",
        "its policy.time_embedding is 8, and here it is 4",
        "normalizer.kind is \"none\", but its observations are normalised",
    ];
    try_with(&all.concat(), &words);
    let kinds = "its kind is \"flow\", and algorithm.kind = `ppo` has \"gaussian\"";
    try_with(&["--set", "algorithm.kind=ppo"], &[kinds]);
    let zeros = format!("train.init_sha256=\"{}\"", "0".repeat(64));
    try_with(&["--set", &zeros], &["it is another file"]);
    fail(dir.path(), &tune("nothing", "bad", &[]), 1, &["cannot read policy nothing"]);
    fail(dir.path(), &tune(".", "bad", &[]), 1, &[". is not a run"]);
    let lonely = ["train", "small.toml", "--set", &zeros];
    fail(dir.path(), &lonely, 2, &["`train.init_sha256` needs `train.init`"]);
    fail(dir.path(), &["train", "--resume", "first", "--init", "first"], 2, &["--init"]);
    let other = ["train", "--resume", "first", "--set", "train.init=first"];
    fail(dir.path(), &other, 2, &["`train.init`: a run that goes on keeps it"]);

    // What changes only the sampler or the losses is told, and no hindrance.
    let more = ["--set", "policy.flow_steps=4", "--set", "policy.output_mode=velocity"];
    let output = fpo(dir.path()).args(tune("first", "fewer", &more)).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("policy.flow_steps was 10 and is 4"), "{}", stderr(&output));
}

#[test]
fn a_sweep_takes_the_policies_like_any_field_and_knows_them_by_their_bytes() {
    let dir = first_run();
    let file = dir.path().join("first/policy.safetensors");
    fs::copy(&file, dir.path().join("a.safetensors")).unwrap();
    succeed(dir.path(), &["train", "small.toml", "--seed", "5", "--out", "second"]);
    fs::write(dir.path().join("b.safetensors"), policy(&dir, "second")).unwrap();
    let text = "seeds = [3]\n[tasks]\nMulti = \"small.toml\"\n[methods]\nfpo = []\n\
                [grid]\ntrain.init = [\"a.safetensors\", \"b.safetensors\"]\n";
    fs::write(dir.path().join("s.toml"), text).unwrap();
    let results = dir.path().join("runs/s/results.jsonl");
    succeed(dir.path(), &["sweep", "s.toml"]);
    let rows = fs::read_to_string(&results).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!(row["status"], "finished");
        assert_eq!(row["config"]["train.init_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(row["config"]["train.init"], Value::Null);
    }
    // The same file under another name is the same run.
    fs::rename(dir.path().join("a.safetensors"), dir.path().join("c.safetensors")).unwrap();
    fs::write(dir.path().join("s.toml"), text.replace("a.safe", "c.safe")).unwrap();
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run"]);
    assert!(list.contains("2 runs, 0 to make"), "{list}");
    fs::copy(dir.path().join("c.safetensors"), dir.path().join("b.safetensors")).unwrap();
    let twice = ["sweep", "s.toml", "--dry-run"];
    fail(dir.path(), &twice, 2, &["two runs have the same configuration"]);
}
