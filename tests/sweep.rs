//! Tests `fpo sweep`: every run gets its row once, whatever is killed, full, broken or changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{fail, fpo, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A folder with a sweep of 2 methods × 2 seeds, and `more` lines.
fn sweep(more: &str) -> TempDir {
    let dir = tempdir().unwrap();
    small_config(dir.path(), "GridWorld/two_walls");
    write_sweep(dir.path(), "[1, 2]", more);
    dir
}

fn write_sweep(folder: &Path, seeds: &str, more: &str) {
    let text = format!(
        "seeds = {seeds}\n\
         [tasks]\n\"Grid/a\" = \"small.toml\"\n\
         [methods]\nfpo = []\nppo = {{ set.algorithm.kind = \"ppo\" }}\n{more}"
    );
    fs::write(folder.join("s.toml"), text).unwrap();
}

/// The rows of a file of results, in the order of method, settings and seed.
fn rows(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut rows: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(|row| format!("{}{}{}", row["method"], row["settings"], row["seed"]));
    rows
}

/// The rows without what two runs of one program never share: how long things took, and memory.
fn timeless(path: &Path) -> Vec<Value> {
    let mut rows = rows(path);
    for row in &mut rows {
        row["seconds"] = Value::Null;
        row["peak_memory_bytes"] = Value::Null;
        for evaluation in row["evaluations"].as_array_mut().unwrap() {
            evaluation["seconds"] = Value::Null;
        }
    }
    rows
}

fn results(folder: &Path) -> PathBuf {
    folder.join("runs/s/results.jsonl")
}

/// The folders of the runs.
fn run_folders(folder: &Path) -> Vec<PathBuf> {
    let runs = folder.join("runs/s/runs");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn every_run_gets_one_row_that_says_what_its_folder_says() {
    let dir = sweep("[set]\ncheckpoint.interval_s = 0\n");
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run"]);
    assert_eq!(list.lines().filter(|line| line.contains("Grid/a · ")).count(), 4, "{list}");
    assert!(list.contains("4 runs, 4 to make") && list.contains("time unknown"), "{list}");
    assert!(!dir.path().join("runs").exists(), "a list makes nothing");
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run", "--measure"]);
    assert_eq!(list.matches("  about ").count(), 4, "{list}");
    assert!(list.contains("4 runs, 4 to make, about "), "{list}");
    assert!(!dir.path().join("runs").exists(), "nor does measuring");

    succeed(dir.path(), &["sweep", "s.toml", "--jobs", "2"]);
    let rows = rows(&results(dir.path()));
    assert_eq!(rows.len(), 4);
    for (row, (method, seed)) in rows.iter().zip([("fpo", 1), ("fpo", 2), ("ppo", 1), ("ppo", 2)]) {
        let name = (row["task"].as_str(), row["method"].as_str(), row["seed"].as_i64());
        assert_eq!(name, (Some("Grid/a"), Some(method), Some(seed)));
        assert_eq!((&row["status"], &row["format"]), (&"finished".into(), &1.into()));
        assert_eq!(row["env_steps"], 2048);
        assert_eq!(row["config"]["algorithm.kind"], method);
        assert!(row["config"].get("train.seed").is_none(), "{row}");
        assert!(row["config"].get("checkpoint.interval_s").is_none(), "{row}");
        let name = format!("Grid_a-{method}-{}-seed{seed}", row["digest"].as_str().unwrap());
        let run = dir.path().join("runs/s/runs").join(name);
        let metrics = common::metrics(&run);
        let evaluated: Vec<&Value> =
            metrics.iter().filter_map(|line| line.get("eval/episode_return_mean")).collect();
        let means: Vec<&Value> =
            row["evaluations"].as_array().unwrap().iter().map(|e| &e["mean"]).collect();
        assert_eq!(means, evaluated);
        assert_eq!(&row["last"], evaluated[1]);
        assert_eq!(row["made_by"]["threads"], 1);
        assert!(row["seconds"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(rows[0]["digest"], rows[1]["digest"]);
    assert_ne!(rows[0]["digest"], rows[2]["digest"]);
    assert_ne!(rows[0]["evaluations"], rows[1]["evaluations"], "two seeds, two courses");

    // A second start has nothing to do, and now durations are known.
    let before = fs::read(results(dir.path())).unwrap();
    succeed(dir.path(), &["sweep", "s.toml"]);
    assert!(before == fs::read(results(dir.path())).unwrap());
    write_sweep(dir.path(), "[1, 2, 3]", "");
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run"]);
    assert!(list.contains("6 runs, 2 to make, about "), "{list}");
}

#[test]
fn a_changed_sweep_adds_its_new_runs_and_reuses_none_of_another_configuration() {
    let dir = sweep("");
    succeed(dir.path(), &["sweep", "s.toml"]);
    let more =
        "[grid]\noptimizer.learning_rate = { values = [3e-4, 1e-3], only.method = \"ppo\" }\n";
    write_sweep(dir.path(), "{ from = 1, count = 2 }", more);
    // FPO is as it was, PPO's two runs at the default rate too; two are new.
    let output = fpo(dir.path()).args(["sweep", "s.toml"]).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success() && text.contains("6 runs, 2 to make, 4 done"), "{text}");
    let all = rows(&results(dir.path()));
    assert_eq!(all.len(), 6);
    let rates: Vec<&Value> =
        all.iter().map(|row| &row["settings"]["optimizer.learning_rate"]).collect();
    assert_eq!(rates.iter().filter(|rate| ***rate == 0.001).count(), 2, "{rates:?}");

    // Another number of steps is another configuration for all of them.
    write_sweep(dir.path(), "[1, 2]", "[set]\ntrain.total_steps = 1024\n");
    let output = fpo(dir.path()).args(["sweep", "s.toml"]).output().unwrap();
    let text = stderr(&output);
    assert!(text.contains("4 runs, 4 to make, 0 done; 6 other rows"), "{text}");
    assert_eq!(rows(&results(dir.path())).len(), 10);
}

#[test]
fn rows_from_elsewhere_count_as_done_and_an_array_makes_one_run_a_job() {
    let dir = sweep("");
    for (index, method) in [("1", "fpo"), ("4", "ppo")] {
        succeed(dir.path(), &["sweep", "s.toml", "--index", index]);
        let own = rows(&dir.path().join(format!("runs/s/results-{index}.jsonl")));
        assert_eq!((own.len(), own[0]["method"].as_str()), (1, Some(method)));
    }
    fail(dir.path(), &["sweep", "s.toml", "--index", "5"], 2, &["--index 5", "runs 1 to 4"]);
    fail(dir.path(), &["sweep", "s.toml", "--index", "0"], 2, &["--index 0", "runs 1 to 4"]);
    // The whole sweep makes the rest; another folder gets the rows of the array and makes the same.
    succeed(dir.path(), &["sweep", "s.toml", "--keep", "none"]);
    assert_eq!(rows(&results(dir.path())).len(), 2);
    assert!(run_folders(dir.path()).is_empty(), "{:?}", run_folders(dir.path()));
    let done = ["--done", "runs/s/results-1.jsonl", "--done", "runs/s/results-4.jsonl"];
    succeed(
        dir.path(),
        &[&["sweep", "s.toml", "--out", "other", "--keep", "policy"], &done[..]].concat(),
    );
    let other = dir.path().join("other/results.jsonl");
    assert_eq!(timeless(&other), timeless(&results(dir.path())));
    let run = fs::read_dir(dir.path().join("other/runs")).unwrap().next().unwrap().unwrap().path();
    assert!(run.join("policy.safetensors").is_file() && run.join("best").is_dir());
    assert!(!run.join("checkpoints").exists() && !run.join("tensorboard").exists());
}

#[test]
fn a_run_that_diverges_is_a_result_and_one_that_cannot_be_made_is_tried_again_on_request() {
    let more = "[[settings]]\nset.optimizer.learning_rate = 3e-4\n\
                [[settings]]\nset.optimizer.learning_rate = 1e30\nonly.method = \"fpo\"\n";
    let dir = sweep(more);
    write_sweep(dir.path(), "[1]", more);
    // A file stands where the folder of PPO's run should be.
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run"]);
    let digest = list.lines().find(|line| line.contains("ppo")).unwrap();
    let digest = digest.split("steps  ").nth(1).unwrap().split_whitespace().next().unwrap();
    let run = dir.path().join(format!("runs/s/runs/Grid_a-ppo-{digest}-seed1"));
    fs::create_dir_all(run.parent().unwrap()).unwrap();
    fs::write(&run, "in the way").unwrap();
    let text = fail(dir.path(), &["sweep", "s.toml"], 1, &["1 run failed", "--retry-failed"]);
    assert!(text.contains("2 runs done, 1 of them diverged"), "{text}");
    let all = rows(&results(dir.path()));
    let status = |row: &Value| row["status"].as_str().unwrap().to_owned();
    assert_eq!(all.iter().map(status).collect::<Vec<_>>(), ["finished", "diverged", "failed"]);
    let reason = |row: &Value| row["reason"].as_str().unwrap().to_owned();
    assert!(reason(&all[1]).contains("training diverged"), "{}", all[1]);
    assert!(reason(&all[2]).contains(&format!("Grid_a-ppo-{digest}-seed1")), "{}", all[2]);

    // Neither is made again by itself.
    fs::remove_file(&run).unwrap();
    succeed_with_note(dir.path(), &["sweep", "s.toml"], 1, "3 runs, 0 to make, 2 done, 1 failed");
    succeed_with_note(dir.path(), &["sweep", "s.toml", "--retry-failed"], 0, "3 runs, 1 to make");
    let all = rows(&results(dir.path()));
    assert_eq!(all.len(), 4, "the failure stays on record");
    succeed_with_note(dir.path(), &["sweep", "s.toml", "--retry-failed"], 0, "3 runs, 0 to make");
}

fn succeed_with_note(folder: &Path, args: &[&str], code: i32, words: &str) {
    let output = fpo(folder).args(args).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.code() == Some(code) && text.contains(words), "{text}");
}

/// Waits until `there` holds, a minute at most.
fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let clock = Instant::now();
    while !there() {
        assert!(clock.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(folder: &Path, args: &[&str]) -> Child {
    fpo(folder).args(args).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// The process that trains in `run`, as Linux tells.
#[cfg(target_os = "linux")]
fn trainer_of(run: &Path) -> Option<String> {
    let is_it = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let name = run.file_name().unwrap().to_string_lossy().into_owned();
        line.contains("train ") && line.contains(&name)
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().find(is_it).map(|entry| entry.file_name().to_string_lossy().into_owned())
}

#[cfg(target_os = "linux")]
fn kill(process: &str) {
    std::process::Command::new("kill").args(["-9", process]).status().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn after_kills_of_the_sweep_and_of_its_runs_the_rows_are_those_of_a_quiet_sweep() {
    let more = "[set]\ncheckpoint.interval_s = 0\ntrain.total_steps = 8192\n";
    let quiet = sweep(more);
    succeed(quiet.path(), &["sweep", "s.toml"]);

    let dir = sweep(more);
    let has_checkpoint = |run: &PathBuf| {
        let there = fs::read_dir(run.join("checkpoints"));
        there.is_ok_and(|entries| entries.flatten().count() > 0)
    };
    let runs = || match dir.path().join("runs/s/runs").is_dir() {
        true => run_folders(dir.path()),
        false => Vec::new(),
    };
    // The first sweep is killed as soon as one of its runs has saved; the run saves and stops.
    let mut first = start(dir.path(), &["sweep", "s.toml", "--jobs", "2"]);
    wait_until("a checkpoint", || runs().iter().any(has_checkpoint));
    first.kill().unwrap();
    first.wait().unwrap();
    // In the second a run is killed, and the sweep once there is a row.
    let mut second = start(dir.path(), &["sweep", "s.toml", "--jobs", "2"]);
    let mut killed = None;
    wait_until("a run to kill", || {
        killed = runs().iter().find_map(|run| trainer_of(run));
        killed.is_some()
    });
    kill(&killed.unwrap());
    wait_until("a row", || !rows_in_progress(&results(dir.path())).is_empty());
    second.kill().unwrap();
    second.wait().unwrap();
    succeed(dir.path(), &["sweep", "s.toml", "--jobs", "2"]);
    assert_eq!(timeless(&results(dir.path())), timeless(&results(quiet.path())));
}

/// The rows that are whole while a sweep may be writing another.
fn rows_in_progress(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(String::from).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn one_sweep_runs_in_a_folder_at_a_time_and_waits_for_a_run_that_somebody_else_makes() {
    let more = "[set]\ntrain.total_steps = 8192\ncheckpoint.interval_s = 0\n";
    let dir = sweep(more);
    write_sweep(dir.path(), "[1]", more);
    let mut first = start(dir.path(), &["sweep", "s.toml", "--jobs", "1"]);
    wait_until("the first run", || dir.path().join("runs/s/.lock").exists());
    wait_until("its folder", || {
        let runs = dir.path().join("runs/s/runs");
        runs.is_dir() && run_folders(dir.path()).iter().any(|run| run.join("config.toml").exists())
    });
    fail(dir.path(), &["sweep", "s.toml"], 1, &["runs/s is in use", "--out"]);
    // A job of an array would write into the same runs.
    fail(dir.path(), &["sweep", "s.toml", "--index", "1"], 1, &["runs/s is in use"]);
    assert!(first.wait().unwrap().success());
    let all = rows(&results(dir.path()));
    assert_eq!(all.len(), 2);

    // Somebody resumes a run by hand, and the sweep starts meanwhile: it waits for the run's lock.
    let other = sweep(more);
    write_sweep(other.path(), "[1]", &format!("{more}[[settings]]\nset.train.num_epochs = 9\n"));
    succeed(other.path(), &["sweep", "s.toml", "--dry-run"]);
    let config = other.path().join("runs/s/configs");
    let mut stopped = start(other.path(), &["sweep", "s.toml", "--jobs", "1"]);
    wait_until("a run's folder", || {
        let runs = other.path().join("runs/s/runs");
        runs.is_dir()
            && run_folders(other.path()).iter().any(|run| run.join("config.toml").exists())
    });
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert!(config.is_dir());
    // The run may still be saving: the next sweep starts at once all the same.
    succeed(other.path(), &["sweep", "s.toml"]);
    assert_eq!(rows(&results(other.path())).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_sweep_with_a_word_and_blames_no_run() {
    let more = "[set]\ncheckpoint.interval_s = 0\ntrain.total_steps = 8192\n";
    let dir = sweep(more);
    write_sweep(dir.path(), "[1]", more);
    let mut first = start(dir.path(), &["sweep", "s.toml", "--jobs", "1"]);
    let policies = || -> Vec<PathBuf> {
        let runs = dir.path().join("runs/s/runs");
        let folders = if runs.is_dir() { run_folders(dir.path()) } else { Vec::new() };
        let policies = folders.iter().map(|run| run.join("policy.safetensors"));
        policies.filter(|policy| policy.exists()).collect()
    };
    wait_until("a policy", || !policies().is_empty());
    first.kill().unwrap();
    first.wait().unwrap();
    let policy = policies().remove(0);
    let lock = fs::File::open(policy.with_file_name(".lock")).unwrap();
    wait_until("the end of the run", || lock.try_lock().is_ok());
    drop(lock);
    let rows_before = rows(&results(dir.path())).len();
    // Whatever is written to this device finds it full.
    fs::remove_file(&policy).unwrap();
    std::os::unix::fs::symlink("/dev/full", &policy).unwrap();
    let words = ["policy.safetensors", "No space left", "make room"];
    fail(dir.path(), &["sweep", "s.toml", "--jobs", "1"], 1, &words);
    assert_eq!(rows(&results(dir.path())).len(), rows_before, "no run is to blame");
    fs::remove_file(&policy).unwrap();
    succeed(dir.path(), &["sweep", "s.toml"]);
    let quiet = sweep(more);
    write_sweep(quiet.path(), "[1]", more);
    succeed(quiet.path(), &["sweep", "s.toml"]);
    assert_eq!(timeless(&results(dir.path())), timeless(&results(quiet.path())));
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_asked_to_stop_saves_its_runs_and_goes_on_later() {
    let more = "[set]\ntrain.total_steps = 16384\n";
    let quiet = sweep(more);
    succeed(quiet.path(), &["sweep", "s.toml"]);
    let dir = sweep(more);
    let child = fpo(dir.path())
        .args(["sweep", "s.toml", "--jobs", "2"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("metrics", || {
        let runs = dir.path().join("runs/s/runs");
        runs.is_dir()
            && run_folders(dir.path())
                .iter()
                .any(|run| fs::metadata(run.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0))
    });
    let term = ["-TERM", &child.id().to_string()];
    std::process::Command::new("kill").args(term).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped and saved"), "{text}");
    let saved = run_folders(dir.path());
    assert!(saved.iter().any(|run| run.join("checkpoints").is_dir()), "{saved:?}");
    succeed(dir.path(), &["sweep", "s.toml"]);
    assert_eq!(timeless(&results(dir.path())), timeless(&results(quiet.path())));
}

/// Runs a script of a shell in another folder, as a cluster does, with this variable set.
fn shell(script: &str, (name, value): (&str, &str)) {
    let elsewhere = tempdir().unwrap();
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script]).current_dir(elsewhere.path()).env(name, value);
    // As in a step of two tasks: the runs of a sweep are no ranks of each other.
    command.envs([("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("FPO_MPI_LIB", "/nowhere")]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script}: {}", stderr(&output));
}

#[test]
fn jobs_for_a_cluster_make_each_run_once() {
    let dir = sweep("");
    let (folder, spaced) = (dir.path(), dir.path().join("a folder"));
    fs::create_dir(&spaced).unwrap();
    fs::rename(folder.join("s.toml"), spaced.join("s.toml")).unwrap();
    fs::rename(folder.join("small.toml"), spaced.join("small.toml")).unwrap();
    let script = succeed(&spaced, &["sweep", "s.toml", "--slurm", "--jobs", "3"]);
    assert!(script.starts_with("#!/bin/bash\n"), "{script}");
    for line in ["#SBATCH --array=1-4%3", "#SBATCH --job-name=s", "--cpus-per-task=1"] {
        assert!(script.contains(line), "no {line} in {script}");
    }
    assert!(!spaced.join("runs").exists(), "nothing is made");
    shell(&script, ("SLURM_ARRAY_TASK_ID", "2"));
    let script = succeed(&spaced, &["sweep", "s.toml", "--slurm"]);
    assert!(script.contains("#SBATCH --array=1,3-4\n"), "{script}");
    let list = succeed(&spaced, &["sweep", "s.toml", "--parallel", "--keep", "none"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    list.lines().for_each(|line| shell(line, ("FPO_TEST", "parallel")));
    for number in 1..=4 {
        assert_eq!(rows(&spaced.join(format!("runs/s/results-{number}.jsonl"))).len(), 1);
    }
    for flag in ["--slurm", "--parallel"] {
        fail(&spaced, &["sweep", "s.toml", flag], 1, &["no job to start", "none of the 4 runs"]);
    }
}
