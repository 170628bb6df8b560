//! Tests what follows when the numbers of a run stop being finite: the record of it, and the return
//! to the last checkpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{fail, fpo, metrics, small_config, stderr};
use serde_json::Value;
use tempfile::tempdir;

/// Fields with which the small run diverges: a rate that is much too large.
const DIVERGING: [&str; 4] = [
    "optimizer.learning_rate=30.0",
    "algorithm.clip_epsilon=0.99",
    "checkpoint.interval_s=0",
    "train.total_steps=4096",
];

fn args<'a>(config: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["train", config.to_str().unwrap(), "--out", "run"];
    args.extend(DIVERGING.iter().chain(more).flat_map(|set| ["--set", set]));
    args
}

fn record(run: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(run.join(name)).unwrap()).unwrap()
}

#[test]
fn a_divergence_leaves_a_record_of_what_led_to_it() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let text = fail(dir.path(), &args(&config, &[]), 1, &["training diverged", "rollback"]);
    let run = dir.path().join("run");
    let lines = metrics(&run).len();
    let name = format!("divergence_{:06}_0.json", lines);
    assert!(text.contains(&format!("what is known of it: run/{name}")), "{text}");
    let record = record(&run, &name);
    assert_eq!(record["iteration"], lines, "{record}");
    assert_eq!(record["metrics"].as_array().unwrap().len(), lines.min(10));
    let tensor = record["tensor"].as_str().unwrap();
    let steps = record["gradient_steps"].as_array().unwrap();
    assert!(!steps.is_empty());
    if let Some(value) = steps[steps.len() - 1].get(tensor) {
        assert_eq!(value, &record["value"], "the last step is the one that diverged");
    }
    for part in ["obs", "action", "reward"] {
        assert!(record["rollout"][part]["count"].as_u64().unwrap() > 0, "{part}");
    }
    assert!(record["parameters"]["policy"]["count"].as_u64().unwrap() > 0);
}

#[test]
fn where_a_run_cannot_go_back_its_spoilt_state_is_not_saved() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let rollback = "train.on_divergence=\"rollback\"";
    // The only checkpoint is that of the start, from before the first line of metrics.
    let more = [rollback, "train.num_epochs=200", "checkpoint.interval_s=1000"];
    let spoilt = args(&config, &more);
    let child = fpo(dir.path()).args(&spoilt).stderr(Stdio::piped()).spawn().unwrap();
    let run = dir.path().join("run");
    let start = Instant::now();
    while fs::metadata(run.join("metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        assert!(start.elapsed() < Duration::from_secs(120), "no metrics in two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    // The first iteration, which diverges at its end, takes long enough for this.
    for checkpoint in fs::read_dir(run.join("checkpoints")).unwrap() {
        fs::write(checkpoint.unwrap().path().join("state.json"), "{}").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("training diverged, and it cannot go back: no checkpoint"), "{text}");
    assert!(!text.contains("is saved"), "{text}");
    assert_eq!(record(&run, "outcome.json")["status"], "diverged");
}

#[test]
fn a_run_that_rolls_back_goes_on_with_a_smaller_rate_and_gives_up_in_the_end() {
    let factor = "train.rollback_factor=0.0001";
    // The state of the second optimiser cannot be saved, and is spoilt where the numbers are.
    for kind in ["optimizer.kind=adam", "optimizer.kind=radam"] {
        let dir = tempdir().unwrap();
        let config = small_config(dir.path(), "GridWorld/two_walls");
        let rollback = ["train.on_divergence=\"rollback\"", factor, kind];
        let output = fpo(dir.path()).args(args(&config, &rollback)).output().unwrap();
        let text = stderr(&output);
        assert!(output.status.success(), "{text}");
        let factor = "with the learning rate times 0.0001 (return 1 of at most 3)";
        assert!(text.contains(factor), "{text}");
        let run = dir.path().join("run");
        let rows = metrics(&run);
        assert_eq!(rows.len(), 9, "each step has one line");
        let last = &rows[rows.len() - 1];
        assert_eq!(last["train/rollbacks"], 1.0);
        assert_eq!(last["train/learning_rate"], 0.003);
    }

    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let rollback = ["train.on_divergence=\"rollback\"", "train.rollback_factor=0.999"];
    let words = ["diverged again after train.max_rollbacks = 3 returns"];
    fail(dir.path(), &args(&config, &rollback), 1, &words);
    assert!(dir.path().join("run").read_dir().unwrap().count() > 4);
}
