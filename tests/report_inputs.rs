//! What `fpo report` takes: runs themselves, folders of them, and sweeps among these.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, metrics, small_config, succeed};
use serde_json::Value;
use tempfile::tempdir;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn runs_themselves_are_reported_by_their_folders() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    for seed in ["1", "2"] {
        let out = format!("runs/{seed}");
        let args = ["train", config.to_str().unwrap(), "--seed", seed, "--out", &out];
        succeed(dir.path(), &args);
    }
    succeed(dir.path(), &["report", "runs/1", "runs/2", "-o", "r.json"]);
    let found = json(&dir.path().join("r.json"));
    let task = &found["tasks"][0];
    assert_eq!(task["name"], "GridWorld/two_walls");
    let lines = metrics(&dir.path().join("runs/2"));
    let last = lines.iter().rev().find_map(|line| line.get("eval/episode_return_mean")).unwrap();
    assert_eq!(task["cells"][0]["runs"][1]["score"], *last);
}

/// A folder of runs is all of them, but for what has lost its configuration. Of a sweep in it the
/// results count, which know what the sweep calls its methods.
#[test]
fn a_folder_of_runs_is_all_runs_below_it() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    let config = small_config(path, "GridWorld/two_walls");
    let config = config.to_str().unwrap();
    succeed(path, &["train", config, "--seed", "1", "--out", "runs/one"]);
    let sweep = format!("seeds = [1, 2]\n[tasks]\nWalls = \"{config}\"\n[methods]\nours = []\n");
    fs::write(path.join("s.toml"), sweep).unwrap();
    succeed(path, &["sweep", "s.toml", "--out", "runs/sweep", "--jobs", "1"]);
    let lost = path.join("runs/lost");
    fs::create_dir(&lost).unwrap();
    fs::write(lost.join("metrics.jsonl"), "").unwrap();

    succeed(path, &["report", "runs", "-o", "all.json"]);
    succeed(path, &["report", "runs/one", "runs/sweep", "-o", "each.json"]);
    let (all, each) = (json(&path.join("all.json")), json(&path.join("each.json")));
    assert_eq!(all["tasks"], each["tasks"]);
    assert!(each["tasks"].to_string().contains("Walls"), "{}", each["tasks"]);
    assert!(all["notes"].to_string().contains("runs/lost"), "{}", all["notes"]);
    assert_eq!(all["inputs"].as_array().unwrap().len(), 2, "{}", all["inputs"]);
}

/// A run that cannot be read is no reason to say nothing of the others, and no mistake on the
/// command line.
#[test]
fn a_damaged_run_is_left_out_of_its_folder_and_refused_by_itself() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    let config = small_config(path, "GridWorld/two_walls");
    let config = config.to_str().unwrap();
    succeed(path, &["train", config, "--out", "runs/good"]);
    let last = |run: &str| {
        let lines = metrics(&path.join(run));
        lines.iter().rev().find_map(|line| line.get("eval/episode_return_mean")?.as_f64()).unwrap()
    };
    let damaged = [
        ("a", "config.toml", "", "runs/a/config.toml is no configuration of a run"),
        ("b", "metrics.jsonl", "x\n", "runs/b/metrics.jsonl:1: not a line of metrics"),
        ("c", "outcome.json", "x", "runs/c: outcome.json: expected value"),
    ];
    for (name, file, text, _) in damaged {
        let run = path.join("runs").join(name);
        fs::create_dir(&run).unwrap();
        fs::copy(path.join("runs/good/config.toml"), run.join("config.toml")).unwrap();
        fs::write(run.join(file), text).unwrap();
    }
    let text = succeed(path, &["report", "runs"]);
    let score =
        format!("fpo has a mean return of {:.1} on GridWorld/two_walls.", last("runs/good"));
    assert!(text.contains(&score.replace('-', "−")), "{score}: {text}");
    for (name, _, _, reason) in damaged {
        assert!(text.contains(reason), "no {reason:?} in {text}");
        let error = fail(path, &["report", &format!("runs/{name}")], 1, &[reason]);
        assert!(!error.contains("--set"), "report has no --set: {error}");
    }
    fs::remove_dir_all(path.join("runs/good")).unwrap();
    fail(path, &["report", "runs"], 1, &["there is no run in runs that can be read: ", "2 more"]);
}

/// A sweep that has no row yet is reported like a run that is not over.
#[test]
fn runs_of_a_sweep_that_are_not_over_are_told() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    let config = small_config(path, "GridWorld/two_walls");
    succeed(path, &["train", config.to_str().unwrap(), "--out", "runs/long/runs/a"]);
    fs::remove_file(path.join("runs/long/runs/a/outcome.json")).unwrap();
    fs::write(path.join("runs/long/results.jsonl"), "").unwrap();
    for folder in ["runs", "runs/long", "runs/long/runs/a"] {
        let text = succeed(path, &["report", folder]);
        for words in [
            "No run has a score.",
            "Unfinished: fpo on GridWorld/two_walls, seed 0: not over, after 2k steps",
            "there are no numbers over all tasks, because no run has a score",
        ] {
            assert!(text.contains(words), "{folder}: no {words:?} in {text}");
        }
    }
}
