//! `fpo export` writes from a checkpoint what training wrote from its learner.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;

use common::{fail, small_config, succeed};
use tempfile::tempdir;

/// Weights, averages, statistics and everything that is said of them.
#[test]
fn an_exported_policy_has_the_bytes_of_the_runs_own() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    for kind in ["fpo", "fpo++", "ppo", "dppo"] {
        let kind = format!("algorithm.kind={kind}");
        let settings = ["--set", &kind, "--set", "env.episode_length=30"];
        let more = ["--set", "algorithm.ema_decay=0.5", "--set", "env.action_repeat=2"];
        let args = ["train", config.to_str().unwrap(), "--out", "run"];
        succeed(dir.path(), &[&args[..], &settings, &more].concat());
        succeed(dir.path(), &["export", "run", "-o", "exported.safetensors"]);
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert!(read("exported.safetensors") == read("run/policy.safetensors"), "{kind}");
        fs::remove_dir_all(dir.path().join("run")).unwrap();
    }
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    fail(dir.path(), &["export", "empty", "-o", "x.safetensors"], 1, &["empty"]);
}
