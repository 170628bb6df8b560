//! Tests what becomes of a run after kills at any checkpoint and after damage to its files: it goes
//! on to the bits of a run that nobody disturbed, and nothing that was there is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use common::{fail, fpo, metrics, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

const STEPS_PER_ITERATION: u64 = 512;
const ITERATIONS: u64 = 4;

/// A finished run `whole` that kept the checkpoints of all its iterations.
fn whole() -> TempDir {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let sets = ["checkpoint.interval_s=0.0", "checkpoint.keep=100", "eval.count=3"];
    let mut args = vec!["train", config.to_str().unwrap(), "--out", "whole"];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(dir.path(), &args);
    dir
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn checkpoint(run: &Path, iteration: u64) -> PathBuf {
    run.join(format!("checkpoints/step_{:012}", iteration * STEPS_PER_ITERATION))
}

/// A copy of `whole` as a kill right after the checkpoint of an iteration would have left it, as
/// far as that decides how it goes on.
fn killed_after(dir: &TempDir, iteration: u64) -> PathBuf {
    let run = dir.path().join(format!("killed-{iteration}"));
    copy_folder(&dir.path().join("whole"), &run);
    for later in iteration + 1..=ITERATIONS {
        fs::remove_dir_all(checkpoint(&run, later)).unwrap();
    }
    for name in ["policy.safetensors", "outcome.json"] {
        fs::remove_file(run.join(name)).unwrap();
    }
    run
}

fn resume(run: &Path) -> Output {
    let mut command = fpo(run.parent().unwrap());
    command.args(["train", "--resume", run.file_name().unwrap().to_str().unwrap()]);
    command.output().unwrap()
}

fn resumed(run: &Path) -> String {
    let output = resume(run);
    assert!(output.status.success(), "{}", stderr(&output));
    stderr(&output)
}

/// Fails unless the last checkpoint, the policies and the metrics are equal, times aside.
fn assert_same(a: &Path, b: &Path) {
    let timeless = |run: &Path| {
        let mut rows = metrics(run);
        rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
        rows
    };
    assert_eq!(timeless(a), timeless(b));
    let state = |run: &Path| {
        let bytes = fs::read(checkpoint(run, ITERATIONS).join("state.json")).unwrap();
        let mut state: Value = serde_json::from_slice(&bytes).unwrap();
        state.as_object_mut().unwrap().remove("elapsed_s").unwrap();
        state
    };
    assert_eq!(state(a), state(b));
    let last = format!("checkpoints/step_{:012}", ITERATIONS * STEPS_PER_ITERATION);
    for file in ["learner.safetensors", "envs.safetensors"].map(|name| format!("{last}/{name}")) {
        assert!(fs::read(a.join(&file)).unwrap() == fs::read(b.join(&file)).unwrap(), "{file}");
    }
    for file in ["policy.safetensors", "best/policy.safetensors"] {
        assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_run_resumed_from_any_of_its_checkpoints_ends_with_the_same_state() {
    let dir = whole();
    for iteration in 0..ITERATIONS {
        let run = killed_after(&dir, iteration);
        resumed(&run);
        assert_same(&dir.path().join("whole"), &run);
    }
}

#[test]
fn what_an_earlier_life_left_is_set_aside_when_a_run_starts_over() {
    let dir = whole();
    let run = killed_after(&dir, 0);
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    let old = fs::read(run.join("best/policy.safetensors")).unwrap();
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    fs::write(run.join("config.toml"), config.replace("\nseed = 0\n", "\nseed = 7\n")).unwrap();
    let text = resumed(&run);
    assert!(text.contains("starting over"), "{text}");
    for name in ["metrics.jsonl", "tensorboard", "best"] {
        assert!(text.contains(&format!("is kept: killed-0/set-aside/{name}\n")), "{text}");
    }
    assert!(fs::read(run.join("set-aside/best/policy.safetensors")).unwrap() == old);
    assert!(fs::read(run.join("best/policy.safetensors")).unwrap() != old);
    assert_eq!(metrics(&run).len() as u64, 1 + ITERATIONS);
}

#[test]
fn of_several_starts_at_once_each_trains_in_a_folder_of_its_own_or_says_why_not() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let start = |out: &[&str]| {
        let mut command = fpo(dir.path());
        command.args(["train", config.to_str().unwrap()]).args(out);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let same: Vec<_> = (0..4).map(|_| start(&["--out", "same"])).collect();
    let outputs: Vec<_> = same.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let (trained, refused): (Vec<_>, Vec<_>) = outputs.iter().partition(|o| o.status.success());
    assert_eq!(trained.len(), 1);
    for output in refused {
        let text = stderr(output);
        let known = ["same is in use by another process", "same is not empty"];
        assert!(known.iter().any(|words| text.contains(words)), "{text}");
    }
    let default: Vec<_> = (0..4).map(|_| start(&[])).collect();
    for child in default {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for name in ["small-seed0", "small-seed0-2", "small-seed0-3", "small-seed0-4"] {
        assert!(dir.path().join("runs").join(name).join("policy.safetensors").exists(), "{name}");
    }
}

#[test]
fn a_finished_run_is_cleaned_up_and_its_hidden_checkpoint_found() {
    let dir = whole();
    let run = dir.path().join("whole");
    let last = checkpoint(&run, ITERATIONS);
    let hidden =
        last.with_file_name(format!(".replaced-{}", last.file_name().unwrap().to_str().unwrap()));
    fs::rename(&last, &hidden).unwrap();
    let litter = [".unfinished-config.toml", "checkpoints/.unfinished-x", "best/.unfinished-y"];
    litter.iter().for_each(|name| fs::write(run.join(name), "half").unwrap());
    let output = resume(&run);
    assert!(stderr(&output).contains("is finished"), "{}", stderr(&output));
    assert!(last.join("state.json").exists() && !hidden.exists());
    litter.iter().for_each(|name| assert!(!run.join(name).exists(), "{name}"));
}

#[test]
fn a_damaged_or_shortened_log_does_not_stop_a_resumption_and_is_spoken_of() {
    let dir = whole();
    let log = fs::read_to_string(dir.path().join("whole/metrics.jsonl")).unwrap();
    let run = killed_after(&dir, 2);
    let damaged = log.replacen(r#"{"step":512"#, r#"{"step!":512"#, 1);
    assert_ne!(damaged, log);
    fs::write(run.join("metrics.jsonl"), &damaged).unwrap();
    let text = resumed(&run);
    assert!(
        text.contains("metrics.jsonl: line 2 is damaged, and 1 of 3 lines are missing"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(run.join("set-aside/metrics.jsonl")).unwrap(), damaged);
    let steps = |run: &Path| -> Vec<u64> {
        metrics(run).iter().map(|row| row["step"].as_u64().unwrap()).collect()
    };
    assert_eq!(steps(&run), [0, 1024, 1536, 2048]);

    // Damage in place of the last lines is set aside like any other.
    let run = killed_after(&dir, 3);
    let damaged = log.replacen(r#"{"step":1536"#, r#"{"step!":1536"#, 1);
    let end = damaged.find(r#"{"step":2048"#).unwrap();
    fs::write(run.join("metrics.jsonl"), &damaged[..end]).unwrap();
    let text = resumed(&run);
    assert!(text.contains("line 4 is damaged, and 1 of 4 lines are missing"), "{text}");
    assert_eq!(fs::read_to_string(run.join("set-aside/metrics.jsonl")).unwrap(), damaged[..end]);
    fs::remove_dir_all(&run).unwrap();

    let run = killed_after(&dir, 3);
    let first: String = log.split_inclusive('\n').take(2).collect();
    fs::write(run.join("metrics.jsonl"), first).unwrap();
    let text = resumed(&run);
    let missing = "2 of 4 lines are missing, the first of them that of step 1024";
    assert!(text.contains(missing), "{text}");
    assert_eq!(steps(&run), [0, 512, 2048]);
}

#[test]
fn a_best_policy_whose_record_is_damaged_is_set_aside() {
    let dir = whole();
    let run = killed_after(&dir, 2);
    let policy = fs::read(run.join("best/policy.safetensors")).unwrap();
    let mut record = fs::read(run.join("best/best.json")).unwrap();
    record[20] ^= 1;
    fs::write(run.join("best/best.json"), &record).unwrap();
    let text = resumed(&run);
    assert!(text.contains("set-aside"), "{text}");
    assert!(fs::read(run.join("set-aside/best/policy.safetensors")).unwrap() == policy);
    assert!(fs::read(run.join("set-aside/best/best.json")).unwrap() == record);
}

#[test]
fn a_checkpoint_that_cannot_be_read_stops_a_resumption_and_says_what_to_do() {
    let dir = whole();
    let run = killed_after(&dir, 2);
    fs::write(checkpoint(&run, 3), "a file").unwrap();
    let output = resume(&run);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    for words in ["step_000000001536", "make it readable, or move it elsewhere"] {
        assert!(text.contains(words), "{text}");
    }
    fs::remove_file(checkpoint(&run, 3)).unwrap();
    resumed(&run);
    assert_same(&dir.path().join("whole"), &run);
}

#[test]
fn a_finished_run_can_be_prolonged_to_the_bits_of_one_that_was_as_long_from_the_beginning() {
    let dir = whole();
    let config = dir.path().join("small.toml");
    let longer = ["--set", "train.total_steps=3072", "--set", "checkpoint.interval_s=0.0"];
    let args = ["train", config.to_str().unwrap(), "--out", "long"];
    succeed(dir.path(), &[&args[..], &longer].concat());

    let text = {
        let args = [&["train", "--resume", "whole"][..], &longer[..2]].concat();
        let output = fpo(dir.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let said = "`train.total_steps` was 2048 and is 3072 from step 2048 on";
    assert!(text.contains(said), "{text}");
    let (whole, long) = (dir.path().join("whole"), dir.path().join("long"));
    for file in ["learner.safetensors", "envs.safetensors"] {
        let of = |run: &Path| fs::read(checkpoint(run, 6).join(file)).unwrap();
        assert!(of(&whole) == of(&long), "{file}");
    }
    let changes = fs::read_to_string(whole.join("changes.jsonl")).unwrap();
    let expected = concat!(
        r#"{"step":2048,"change":"#,
        r#"{"field":"train.total_steps","from":2048,"to":3072}}"#
    );
    let (found, expected): (Value, Value) =
        (serde_json::from_str(&changes).unwrap(), serde_json::from_str(expected).unwrap());
    assert_eq!(found, expected);
    assert_eq!(metrics(&whole).len(), 7);

    // A change that has nothing to change leaves no trace.
    let files = ["config.toml", "changes.jsonl"].map(|name| whole.join(name));
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    let change = ["train", "--resume", "whole", "--set", "eval.count=5"];
    fail(dir.path(), &change, 1, &["is finished: there is nothing to resume"]);
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), before);

    // It is a run of that length from now on, and says so once.
    let text = stderr(&resume(&whole));
    assert!(text.contains("is finished") && !text.contains("from step"), "{text}");
}

#[test]
fn what_decides_the_steps_done_so_far_does_not_change_and_what_does_not_may() {
    let dir = whole();
    let run = killed_after(&dir, 2);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let refused = |set: &str, words: &str| {
        let args = ["train", "--resume", "killed-2", "--set", set];
        common::fail(dir.path(), &args, 2, &[words]);
        assert_eq!(fs::read_to_string(run.join("config.toml")).unwrap(), config);
    };
    refused(
        "algorithm.gamma=0.9",
        "`algorithm.gamma` was the default and is 0.9: a run that goes on",
    );
    refused("train.seed=3", "`train.seed` was 0 and is 3");
    refused("train.total_steps=512", "train.total_steps is 512, but 1024 steps are done already");
    refused("checkpoint.kep=3", "did you mean `checkpoint.keep`?");
    let may = ["checkpoint.keep=1", "train.overlap=off", "eval.count=2", "eval.episodes=4"];
    let sets = may.iter().flat_map(|set| ["--set", set]);
    let args: Vec<&str> = ["train", "--resume", "killed-2"].into_iter().chain(sets).collect();
    succeed(dir.path(), &args);
    let kept = fs::read_dir(run.join("checkpoints")).unwrap().count();
    assert_eq!(kept, 1);
    let saved = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(saved.contains("keep = 1") && saved.contains("episodes = 4"), "{saved}");
    for file in ["learner.safetensors", "envs.safetensors"] {
        let of = |run: &Path| fs::read(checkpoint(run, ITERATIONS).join(file)).unwrap();
        assert!(of(&run) == of(&dir.path().join("whole")), "{file}");
    }
}

/// Waits until the metrics of `run` have a line.
fn await_metrics(run: &Path) {
    let start = Instant::now();
    while fs::metadata(run.join("metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        assert!(start.elapsed() < Duration::from_secs(120), "no metrics in two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_whose_folder_is_gone_is_saved_elsewhere_and_can_go_on() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let mut command = fpo(dir.path());
    command.args(["train", config.to_str().unwrap(), "--out", "run"]);
    command.args(["--set", "train.total_steps=100000000", "--set", "checkpoint.interval_s=0"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let run = dir.path().join("run");
    await_metrics(&run);
    fs::rename(&run, dir.path().join("moved")).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let between = |from: &str, to: &str| {
        text.split(from).nth(1).unwrap_or_else(|| panic!("{text}")).split(to).next().unwrap()
    };
    let rescued = between("is saved elsewhere; go on with: fpo train --resume ", "\n");
    let steps: u64 = between("its state at step ", " ").parse().unwrap();
    assert!(rescued.starts_with("run-rescued-"), "{rescued}");
    let total = format!("train.total_steps={}", steps + STEPS_PER_ITERATION);
    succeed(dir.path(), &["train", "--resume", rescued, "--set", &total]);
    assert!(dir.path().join(rescued).join("policy.safetensors").is_file());
    assert!(!run.exists(), "a folder that somebody moved is not made anew");
}

#[test]
fn a_run_that_cannot_write_is_saved_as_far_as_it_can_be_and_goes_on_to_the_same_bits() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let sets = ["checkpoint.keep=100", "eval.count=3", "train.num_epochs=60"];
    let start = |out: &str| {
        let mut command = fpo(dir.path());
        command.args(["train", config.to_str().unwrap(), "--out", out]);
        for set in sets {
            command.args(["--set", set]);
        }
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let whole = start("whole").wait_with_output().unwrap();
    assert!(whole.status.success(), "{}", stderr(&whole));
    let child = start("run");
    let run = dir.path().join("run");
    await_metrics(&run);
    // In the place of the folder of the best policy, which the next evaluation writes, is a file.
    fs::rename(run.join("best"), run.join("elsewhere")).unwrap();
    fs::write(run.join("best"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let words = "is saved; once the cause is mended, go on with: fpo train --resume run\n";
    assert!(text.ends_with(words) && text.contains("run/best"), "{text}");
    fs::remove_file(run.join("best")).unwrap();
    fs::rename(run.join("elsewhere"), run.join("best")).unwrap();
    resumed(&run);
    assert_same(&dir.path().join("whole"), &run);
}
