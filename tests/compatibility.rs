//! Runs and policies of earlier versions are still read.
//!
//! `tests/golden/run_0.1.0` is a run of version 0.1.0, as a kill after its checkpoint of step 320
//! would have left it, but for `policy.safetensors`, which is the policy of its end:
//!
//! ```console
//! $ fpo train small.toml --out run    # FPO++ on GridWorld, 640 steps; config.toml is its own
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{root, succeed};
use fpo_core::TensorFile;
use serde_json::Value;
use tempfile::tempdir;

fn old_run() -> PathBuf {
    root().join("tests/golden/run_0.1.0")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

fn tensors(path: &Path) -> TensorFile {
    let mut file = TensorFile::from_bytes(&fs::read(path).unwrap()).unwrap();
    file.metadata = None;
    file
}

#[test]
fn a_policy_of_version_0_1_0_plays_as_it_did() {
    let dir = tempdir().unwrap();
    let policy = old_run().join("policy.safetensors");
    let args = ["eval", policy.to_str().unwrap(), "--episodes", "16", "--json"];
    let args = [&args[..], &["--record", "steps.safetensors"]].concat();
    let report: Value = serde_json::from_str(&succeed(dir.path(), &args)).unwrap();
    assert_eq!((&report["task"], &report["episodes"]), (&"GridWorld/two_walls".into(), &16.into()));
    let actions = tensors(&dir.path().join("steps.safetensors")).f32("action").unwrap();
    let size = actions.iter().map(|x| f64::from(x.abs())).sum::<f64>() / actions.len() as f64;
    assert!((size - ACTION_SIZE).abs() < 1e-6, "{size}");
}

/// The run goes on to its end. Its weights are those of then but for rounding, because kernels add
/// in another order since.
#[test]
fn a_run_of_version_0_1_0_resumes() {
    let dir = tempdir().unwrap();
    let run = dir.path().join("run");
    copy(&old_run(), &run);
    fs::remove_file(run.join("policy.safetensors")).unwrap();
    succeed(dir.path(), &["train", "--resume", "run"]);
    let (found, expected) =
        (tensors(&run.join("policy.safetensors")), tensors(&old_run().join("policy.safetensors")));
    assert!(found.arrays().keys().eq(expected.arrays().keys()));
    for name in expected.arrays().keys() {
        let (found, expected) = (found.f32(name).unwrap(), expected.f32(name).unwrap());
        let largest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let off = found.iter().zip(&expected).fold(0f32, |most, (x, y)| most.max((x - y).abs()));
        assert!(off <= 1e-4 * largest, "{name} is off by {off:e} of {largest:e}");
    }
    assert_eq!(common::metrics(&run).len(), 11);
}

/// Mean magnitude of the actions of sixteen episodes, as version 0.1.0 recorded them.
const ACTION_SIZE: f64 = 0.02461916;
