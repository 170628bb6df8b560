//! `fpo export` writes from a checkpoint what training wrote from its learner.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;

use candle_core::Device;
use common::{fail, fpo, root, small_config, stderr, succeed, without_digest};
use fpo_core::PolicyFile;
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

/// A flipped bit is refused wherever it is; a file without a digest is read, with a note.
#[test]
fn a_policy_with_a_flipped_bit_is_refused() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let path = dir.path().join("run/policy.safetensors");
    let whole = fs::read(&path).unwrap();
    assert!(PolicyFile::from_bytes(&whole, &Device::Cpu).unwrap().has_digest);
    let mut flipped = whole.clone();
    for bit in (0..8 * whole.len()).step_by(37) {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(PolicyFile::from_bytes(&flipped, &Device::Cpu).is_err(), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    let last = whole.len() - 1;
    flipped[last] ^= 1;
    fs::write(dir.path().join("flipped.safetensors"), &flipped).unwrap();
    let words = ["flipped.safetensors", "it is damaged"];
    fail(dir.path(), &["eval", "flipped.safetensors"], 1, &words);
    let python = |policy: &str, args: &[&str]| {
        let script = root().join("scripts/read_policy.py");
        let mut command = std::process::Command::new("python3");
        command.current_dir(dir.path()).env("PYTHONPATH", root().join("third_party/python"));
        command.arg(script).arg(policy).args(args).output().unwrap()
    };
    let output = python("flipped.safetensors", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("it is damaged"), "{}", stderr(&output));
    let output = python("run/policy.safetensors", &[]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));

    fs::write(dir.path().join("old.safetensors"), without_digest(&whole)).unwrap();
    let output = fpo(dir.path()).args(["eval", "old.safetensors"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("names no digest"), "{}", stderr(&output));
    let output = python("old.safetensors", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("no digest"), "{}", stderr(&output));
    // What is wrong with the command line or the recording is not said of the policy.
    let output = python("run/policy.safetensors", &["--obs", "0,nan"]);
    let said = stderr(&output);
    assert!(said.starts_with("read_policy: --obs"), "{said}");
    let output = python("run/policy.safetensors", &["--check", "flipped.safetensors"]);
    assert!(stderr(&output).starts_with("read_policy: flipped.safetensors: "), "{output:?}");
}

#[test]
fn what_is_read_is_never_written_over() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let policy = fs::read(dir.path().join("run/policy.safetensors")).unwrap();
    let config = fs::read(dir.path().join("run/config.toml")).unwrap();
    fs::hard_link(dir.path().join("run/config.toml"), dir.path().join("link.toml")).unwrap();
    for output in ["run/config.toml", "link.toml", "run/best/policy.safetensors"] {
        fail(dir.path(), &["export", "run", "-o", output], 2, &["-o would write over", "run/"]);
    }
    let record = ["eval", "run", "--record", "run/policy.safetensors"];
    fail(dir.path(), &record, 2, &["--record would write over the policy"]);
    assert!(fs::read(dir.path().join("run/policy.safetensors")).unwrap() == policy);
    assert!(fs::read(dir.path().join("run/config.toml")).unwrap() == config);
    // Nor is what another run has, or has trained, or the last policy by the best one.
    fs::create_dir(dir.path().join("other")).unwrap();
    for name in ["config.toml", "policy.safetensors"] {
        fs::copy(dir.path().join("run").join(name), dir.path().join("other").join(name)).unwrap();
    }
    let exports = [
        ("run", "other"),
        ("run", "other/policy.safetensors"),
        ("run/policy.safetensors", "other"),
        ("run/best/policy.safetensors", "run"),
        ("run/best/policy.safetensors", "run/policy.safetensors"),
    ];
    for (policy, output) in exports {
        let words = ["which belongs to the run in ", "name a place outside of it"];
        fail(dir.path(), &["export", policy, "-o", output], 2, &words);
    }
    fail(dir.path(), &["export", "run", "-o", "-"], 2, &["/dev/stdout"]);
    // It is not played for a card first.
    let nowhere = ["export", "run", "-o", "nowhere/shared", "--episodes", "1000000"];
    fail(dir.path(), &nowhere, 1, &["cannot write nowhere/shared: "]);
    // What the run does not write itself is its owner's to write over.
    for output in ["run/policy.safetensors", "run/mine.safetensors", "run/mine.safetensors"] {
        succeed(dir.path(), &["export", "run", "-o", output]);
    }
}

/// What has no end, or is long and no policy, is not read to its end.
#[cfg(unix)]
#[test]
fn a_policy_is_a_regular_file_and_as_long_as_its_header_says() {
    let dir = tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fail(dir.path(), &["eval", "/dev/zero"], 1, &["/dev/zero", "not a regular file"]);
    fail(dir.path(), &["eval", "fifo"], 1, &["fifo", "not a regular file"]);
    // Neither the file nor its length costs memory: it has no blocks.
    fs::File::create(dir.path().join("long")).unwrap().set_len(1 << 40).unwrap();
    fail(dir.path(), &["eval", "long"], 1, &["long", "not a whole safetensors file"]);
    let mut header = fs::OpenOptions::new().write(true).open(dir.path().join("long")).unwrap();
    std::io::Write::write_all(&mut header, &(1u64 << 39).to_le_bytes()).unwrap();
    fail(dir.path(), &["eval", "long"], 1, &["long", "not a whole safetensors file"]);
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    fail(dir.path(), &["export", "empty", "-o", "x.safetensors"], 1, &["empty"]);
}
