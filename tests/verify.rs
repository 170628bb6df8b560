//! Tests `fpo verify`: a whole run passes, and so do its iterations made again; damage is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use common::{fpo, metrics, root, small_config, stderr, succeed};
use tempfile::{TempDir, tempdir};

/// A finished run `run` of four iterations.
fn run() -> TempDir {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let args = ["train", config.to_str().unwrap(), "--out", "run"];
    succeed(dir.path(), &[&args[..], &["--set", "checkpoint.interval_s=0"]].concat());
    dir
}

fn verify(dir: &Path, more: &[&str]) -> Output {
    fpo(dir).args(["verify", "run"]).args(more).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_whole_run_passes_and_so_do_its_iterations_made_again() {
    let dir = run();
    // More iterations than there are: all of them.
    let output = verify(dir.path(), &["--replay", "9"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.contains("4 iterations made again: the same parameters after each"), "{text}");
    assert!(
        !text.contains("BAD") && text.contains("the policy of the newest checkpoint"),
        "{text}"
    );
    let hashes: Vec<String> =
        metrics(&dir.path().join("run")).iter().map(|row| row["params"].to_string()).collect();
    assert_eq!(hashes.len(), 5);
    assert!((1..5).all(|k| hashes[k] != hashes[k - 1]), "{hashes:?}");
}

#[test]
fn each_damaged_part_is_named() {
    let dir = run();
    let root = dir.path().join("run");
    for (file, part) in [
        ("policy.safetensors", "policy.safetensors"),
        ("best/policy.safetensors", "best"),
        ("best/best.json", "best"),
        ("checkpoints/step_000000002048/learner.safetensors", "checkpoints/step_000000002048"),
        ("checkpoints/step_000000001536/state.json", "checkpoints/step_000000001536"),
        ("metrics.jsonl", "metrics.jsonl"),
        ("config.toml", "config.toml"),
    ] {
        let path = root.join(file);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        let last = damaged.len() - 2;
        damaged[last] ^= 1;
        if file == "config.toml" {
            damaged = b"[train]\nnum_epoch = 3\n".to_vec();
        }
        fs::write(&path, &damaged).unwrap();
        let output = verify(dir.path(), &[]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {text}");
        let bad = text.lines().find(|line| line.starts_with("BAD")).unwrap_or_default();
        assert!(bad.contains(part), "{file}: {text}");
        assert!(stderr(&output).contains("parts of run are not as they were written"));
        fs::write(&path, &whole).unwrap();
    }
    // A whole policy, and not the one of the run.
    let other = ["train", "small.toml", "--seed", "3", "--out", "other"];
    succeed(dir.path(), &other);
    fs::copy(dir.path().join("other/policy.safetensors"), root.join("policy.safetensors")).unwrap();
    let text = stdout(&verify(dir.path(), &[]));
    assert!(text.contains("BAD  policy.safetensors") && text.contains("it is not the policy of"));
    // Nor one of another step, also where no checkpoint was kept.
    let shorter = ["--set", "train.total_steps=512", "--out", "shorter"];
    succeed(dir.path(), &[&other[..2], &shorter].concat());
    let policy = root.join("policy.safetensors");
    fs::copy(dir.path().join("shorter/policy.safetensors"), &policy).unwrap();
    let says = |words: &str| {
        let text = stdout(&verify(dir.path(), &[]));
        let bad = text.lines().find(|line| line.starts_with("BAD")).unwrap_or_default();
        assert!(bad.contains("policy.safetensors") && bad.contains(words), "{text}");
    };
    says("it is of step 512");
    fs::remove_dir_all(root.join("checkpoints")).unwrap();
    says("it is of step 512");
    fs::remove_file(policy).unwrap();
    says("cannot read");
}

#[test]
fn an_iteration_that_ends_elsewhere_is_named_and_another_version_refused() {
    let dir = run();
    let path = dir.path().join("run/metrics.jsonl");
    let hash = metrics(&dir.path().join("run"))[3]["params"].as_str().unwrap().to_string();
    let text = fs::read_to_string(&path).unwrap().replace(&hash, "0123456789abcdef");
    fs::write(&path, text).unwrap();
    assert!(verify(dir.path(), &["--replay", "2"]).status.success());
    let output = verify(dir.path(), &["--replay", "3"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let words = format!("iteration 3 (step 1,536) ends with other parameters: {hash} here");
    assert!(text.contains(&words) && text.contains("0123456789abcdef in the run"), "{text}");

    let old = root().join("tests/golden/run_0.1.0");
    let mut command = fpo(dir.path());
    let output = command.args(["verify", old.to_str().unwrap(), "--replay", "1"]).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("made by version an earlier one of fpo, and this is 0.1.0"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_not_blamed_on_the_policy() {
    let dir = run();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = fpo(dir.path());
    command.args(["eval", "run", "--episodes", "2"]).stdout(full).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("fpo: standard output cannot be written: No space left"), "{text}");
}
