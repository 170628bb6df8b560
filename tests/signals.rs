//! Tests what signals do to a run: it saves and stops in the middle of whatever it does, goes on
//! later to the bits of a run that nobody disturbed, and lets alone what it was told to ignore.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{fpo, metrics, small_config, stderr, succeed};
use tempfile::tempdir;

/// Waits until the metrics of `run` have this many lines.
fn await_lines(run: &Path, count: usize) {
    let start = Instant::now();
    let lines = || fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    while lines().matches('\n').count() < count {
        assert!(start.elapsed() < Duration::from_secs(120), "no metrics in two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
}

/// Starts a run in the folder `out` of `dir`; `sets` are fields of its configuration.
fn start(dir: &Path, out: &str, sets: &[&str]) -> Child {
    let config = small_config(dir, "GridWorld/two_walls");
    let mut command = fpo(dir);
    command.args(["train", config.to_str().unwrap(), "--out", out]);
    for set in sets {
        command.args(["--set", set]);
    }
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// Fails unless the run ended because it was stopped and saved; returns what it printed.
fn stopped(child: Child) -> String {
    let output: Output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped and saved; go on with: fpo train --resume"), "{text}");
    text
}

/// Fails unless both runs have the same policy and, times aside, the same metrics.
fn assert_same_run(a: &Path, b: &Path) {
    let timeless = |run: &Path| {
        let mut rows = metrics(run);
        rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
        rows
    };
    assert_eq!(timeless(a), timeless(b));
    let policy = |run: &Path| fs::read(run.join("policy.safetensors")).unwrap();
    assert!(policy(a) == policy(b));
}

/// Whether this process ignores a signal, as one in the background of a shell does; so do then
/// those that it starts.
fn is_ignored(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1
}

#[test]
fn a_signal_saves_the_run_and_says_how_to_go_on() {
    let dir = tempdir().unwrap();
    let signals = [("HUP", 1), ("INT", 2), ("USR1", 10), ("TERM", 15)];
    for (signal, _) in signals.into_iter().filter(|(_, number)| !is_ignored(*number)) {
        let child = start(dir.path(), signal, &["train.total_steps=100000000"]);
        let run = dir.path().join(signal);
        await_lines(&run, 1);
        send(signal, &child);
        stopped(child);
        assert!(run.join("policy.safetensors").exists());
    }
}

#[test]
fn a_signal_gives_up_the_iteration_under_way_and_a_resumed_run_makes_it_again() {
    let dir = tempdir().unwrap();
    let long = ["train.num_epochs=100", "train.total_steps=1024"];
    let whole = start(dir.path(), "whole", &long).wait_with_output().unwrap();
    assert!(whole.status.success(), "{}", stderr(&whole));
    let child = start(dir.path(), "cut", &long);
    let run = dir.path().join("cut");
    await_lines(&run, 1);
    // The line is that of step 0; the first iteration takes about as long as that of the whole run.
    let whole_s = metrics(&dir.path().join("whole"))[1]["time/iteration_s"].as_f64().unwrap();
    std::thread::sleep(Duration::from_secs_f64(whole_s / 4.0));
    send("TERM", &child);
    stopped(child);
    assert_eq!(metrics(&run).len(), 1, "the signal came within the first iteration");
    assert!(run.join("checkpoints/step_000000000000").is_dir());
    succeed(dir.path(), &["train", "--resume", "cut"]);
    assert_same_run(&dir.path().join("whole"), &run);
}

#[test]
fn a_second_signal_leaves_at_once_and_says_that_nothing_is_saved() {
    let dir = tempdir().unwrap();
    // This optimiser's state cannot be saved, so that its iteration is not given up halfway.
    let sets = ["optimizer.kind=\"radam\"", "train.num_epochs=65536", "eval.count=2"];
    let child = start(dir.path(), "run", &sets);
    await_lines(&dir.path().join("run"), 1);
    send("TERM", &child);
    std::thread::sleep(Duration::from_millis(300));
    send("TERM", &child);
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    let words = "left at once: what came after the last checkpoint is not saved; go on with: fpo";
    assert!(text.contains(words) && !text.contains("stopped and saved"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let program = format!(
        "trap '' HUP INT; exec {} train {} --set train.total_steps=100000000 --out run",
        env!("CARGO_BIN_EXE_fpo"),
        config.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &program]).current_dir(dir.path()).stderr(Stdio::piped());
    let child = shell.spawn().unwrap();
    let run = dir.path().join("run");
    await_lines(&run, 1);
    send("HUP", &child);
    send("INT", &child);
    // A run that had been asked to stop would not come that far.
    await_lines(&run, metrics(&run).len() + 5);
    send("TERM", &child);
    stopped(child);
}

#[test]
fn an_interrupted_evaluation_is_made_up_for_when_the_run_resumes() {
    let dir = tempdir().unwrap();
    // Evaluations of 3,000 episodes last long enough for a signal to hit one.
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let args = ["train", config.to_str().unwrap(), "--set", "eval.episodes=3000", "--out"];
    succeed(dir.path(), &[&args[..], &["whole"]].concat());
    let mut child = fpo(dir.path()).args(args).arg("cut").stderr(Stdio::null()).spawn().unwrap();
    let run = dir.path().join("cut");
    let start = Instant::now();
    let lines = || {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        text.matches('\n').count()
    };
    // Once the third of four iterations has its line, the fourth and its evaluation are next.
    while lines() < 4 {
        assert!(start.elapsed() < Duration::from_secs(60), "no metrics in a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(150));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    succeed(dir.path(), &["train", "--resume", "cut"]);
    assert_same_run(&dir.path().join("whole"), &run);
    let output = fpo(dir.path()).args(["train", "--resume", "cut"]).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("is finished: there is nothing to resume"), "{text}");
}
