//! Tests of what a newcomer types first: a configuration that is written for them, a task by its
//! name, the list of runs, completions and the manual.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{fail, fpo, root, small_config, succeed};
use fpo_cli::run::lock::RunLock;
use serde_json::Value;
use tempfile::tempdir;

const TASK: &str = "GridWorld/two_walls";
/// Makes a run of a carried configuration as short as a test may be.
const SHORT: [&str; 6] =
    ["--set", "train.total_steps=2048", "--set", "train.num_epochs=1", "--set", "eval.episodes=4"];

/// Returns what `fpo list` says of the runs in `folder`, in the order of their names.
fn listed(folder: &Path, args: &[&str]) -> Vec<Value> {
    let args = [&["list", "--json", "--sort", "name"], args].concat();
    serde_json::from_str(&succeed(folder, &args)).unwrap()
}

#[test]
fn a_written_configuration_trains_as_it_is_and_is_never_lost() {
    let dir = tempdir().unwrap();
    let printed = succeed(dir.path(), &["init", "two_walls", "--method", "ppo"]);
    assert!(printed.contains("train it:             fpo train two_walls-ppo.toml"), "{printed}");
    let file = dir.path().join("two_walls-ppo.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains(
            "# Environments that run side by side. Value: a whole number, 1 to 1,048,576"
        ),
        "{text}"
    );
    assert!(text.contains("clip_epsilon = 0.2 # official"), "{text}");
    succeed(dir.path(), &[&["train", "two_walls-ppo.toml"][..], &SHORT].concat());
    assert!(dir.path().join("runs/two_walls-ppo-seed0/policy.safetensors").is_file());

    fs::write(&file, "mine").unwrap();
    let again = ["init", "two_walls", "-m", "ppo"];
    fail(dir.path(), &again, 1, &["two_walls-ppo.toml is there already", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    succeed(dir.path(), &[&again[..], &["--force"]].concat());
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(succeed(dir.path(), &[&again[..], &["-o", "-"]].concat()), text);
    fail(dir.path(), &["init", TASK, "-o", "nowhere/x.toml"], 1, &["nowhere/x.toml"]);
    fail(dir.path(), &["init", TASK, "-o", "runs"], 1, &["runs is there already"]);
    fail(dir.path(), &["init", TASK, "-o", "runs", "--force"], 1, &["runs: is a directory"]);
}

#[test]
fn a_name_that_is_no_task_or_method_is_told_the_nearest() {
    let dir = tempdir().unwrap();
    let words = ["unknown task `two_wals`", "did you mean `GridWorld/two_walls`?"];
    fail(dir.path(), &["init", "two_wals"], 2, &words);
    fail(dir.path(), &["init", TASK, "-m", "fpo_nats"], 2, &["no method `fpo_nats`", "fpo_spo"]);
    let words = ["`two_wals` is neither a file nor a task", "did you mean `GridWorld/two_walls`?"];
    for command in ["train", "config"] {
        let text = fail(dir.path(), &[command, "two_wals"], 2, &words);
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    fail(dir.path(), &["train", "ppo"], 2, &["the method `ppo` needs a task's name before it"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_task_by_its_name_trains_without_the_repository_as_its_files_do() {
    let dir = tempdir().unwrap();
    succeed(dir.path(), &[&["train", "two_walls", "ppo", "--seed", "3"][..], &SHORT].concat());
    let run = dir.path().join("runs/two_walls-ppo-seed3");
    assert!(run.join("policy.safetensors").is_file());
    // The same command again goes on with the same folder.
    let again = ["train", TASK, "ppo", "--seed", "3", "--resume-or-start"];
    let output = fpo(dir.path()).args([&again[..], &SHORT].concat()).output().unwrap();
    assert!(common::stderr(&output).contains("the run in runs/two_walls-ppo-seed3 is finished"));

    let configs = root().join("configs");
    let path = |file: &str| configs.join(file).to_str().unwrap().to_owned();
    let files = [path("gridworld/two_walls.toml"), path("gridworld/methods/fpo_spo.toml")];
    let by_files = succeed(dir.path(), &["config", &files[0], &files[1]]);
    assert_eq!(succeed(dir.path(), &["config", "two_walls", "fpo_spo"]), by_files);
    // A method's file may follow a task's name, and a file wins over what stands before it.
    assert_eq!(succeed(dir.path(), &["config", TASK, &files[1]]), by_files);
    fs::write(dir.path().join("mine.toml"), "train.num_epochs = 7").unwrap();
    assert!(succeed(dir.path(), &["config", TASK, "mine.toml"]).contains("num_epochs = 7"));
    // A file wins over what its name would mean, and a folder of that name is no hindrance.
    fs::write(dir.path().join("fpo_spo"), "algorithm.clip_epsilon = 0.3").unwrap();
    fs::create_dir(dir.path().join("two_walls")).unwrap();
    let printed = succeed(dir.path(), &["config", "two_walls", "fpo_spo"]);
    assert!(printed.contains("clip_epsilon = 0.3") && printed.contains("\"clip\""), "{printed}");
}

#[test]
fn the_list_says_how_runs_stand_and_goes_on_where_one_is_damaged() {
    let dir = tempdir().unwrap();
    assert!(succeed(dir.path(), &["list"]).contains("no runs in runs"));
    assert_eq!(listed(dir.path(), &[]), [] as [Value; 0]);
    fail(dir.path(), &["list", "nowhere"], 1, &["nowhere: No such file"]);

    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    let train = |out: &str| ["train", config, "--out", out].map(String::from);
    let run = |args: &[String]| fpo(dir.path()).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(run(&train("runs/finished")).status.success());
    let stopped = run(&[&train("runs/stopped")[..], &["--stop-at-eof".into()]].concat());
    assert_eq!(stopped.status.code(), Some(130), "{}", common::stderr(&stopped));
    for name in ["damaged", "sweep/runs/failed", "held", "lost"] {
        assert!(run(&train(&format!("runs/{name}"))).status.success());
    }
    fs::write(dir.path().join("runs/damaged/config.toml"), "env = 1").unwrap();
    fs::write(dir.path().join("runs/damaged/best/best.json"), "{}").unwrap();
    fs::remove_file(dir.path().join("runs/lost/config.toml")).unwrap();
    let outcome = dir.path().join("runs/sweep/runs/failed/outcome.json");
    let text = fs::read_to_string(&outcome).unwrap();
    let text = text.replace("\"finished\"", "\"failed\"").replace("null", "\"a full disk\"");
    fs::write(&outcome, text).unwrap();
    let _lock = RunLock::take(&dir.path().join("runs/held")).unwrap().unwrap();

    let entries = listed(dir.path(), &[]);
    let state = |name: &str| -> &Value {
        let path = format!("runs/{name}");
        entries.iter().find(|entry| entry["run"] == path.as_str()).unwrap()
    };
    assert_eq!(entries.len(), 6);
    for (name, expected) in [
        ("finished", "finished"),
        ("stopped", "stopped"),
        ("sweep/runs/failed", "failed"),
        ("held", "running"),
        ("damaged", "damaged"),
        ("lost", "finished"),
    ] {
        // Without its configuration a run still has the outcome that it had.
        let expected = if name == "damaged" { "finished" } else { expected };
        assert_eq!(state(name)["state"], expected, "{name}");
    }
    let whole = state("finished");
    assert_eq!((&whole["task"], &whole["method"]), (&TASK.into(), &"fpo".into()));
    assert_eq!((whole["steps"].as_u64(), whole["total_steps"].as_u64()), (Some(2048), Some(2048)));
    assert!(whole["best"].as_f64().unwrap() >= whole["last"].as_f64().unwrap());
    assert_eq!(whole["problem"], Value::Null);
    assert_eq!(state("sweep/runs/failed")["reason"], "a full disk");
    assert!(state("stopped")["steps"].as_u64().unwrap() < 2048);
    let problem = state("damaged")["problem"].as_str().unwrap();
    assert!(problem.contains("`env`") && problem.contains("best.json is damaged"), "{problem}");
    assert!(state("lost")["problem"].as_str().unwrap().contains("it has no config.toml"));

    let text = succeed(dir.path(), &["list", "--sort", "best"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("run  ") && lines[0].ends_with("age"), "{text}");
    assert!(lines[1].contains(TASK) && lines[6].contains('–'), "{text}");
    assert!(text.contains("6 runs: 1 running, 3 finished, 1 stopped, 1 failed"), "{text}");
    // A sweep, and a single run, can be listed alone.
    assert_eq!(listed(dir.path(), &["runs/sweep"]).len(), 1);
    assert_eq!(listed(dir.path(), &["runs/finished"])[0]["state"], "finished");
}

#[test]
fn runs_can_be_listed_while_they_are_written() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--out", "runs/a"];
    let longer = ["--set", "train.total_steps=40960", "--set", "eval.count=20"];
    let mut command = fpo(dir.path());
    command.args(args).args(longer).stdout(Stdio::null()).stderr(Stdio::null());
    let mut training = command.spawn().unwrap();
    let (mut was_running, mut steps) = (false, 0);
    let ended = loop {
        let ended = training.try_wait().unwrap();
        for entry in listed(dir.path(), &[]) {
            let done = entry["steps"].as_u64().unwrap();
            assert!(done >= steps, "{entry}");
            steps = done;
            was_running |= entry["state"] == "running";
            assert_eq!(entry["problem"], Value::Null, "{entry}");
        }
        if let Some(ended) = ended {
            break ended;
        }
    };
    assert!(ended.success() && was_running);
    assert_eq!((steps, &listed(dir.path(), &[])[0]["state"]), (40_960, &"finished".into()));
}

#[test]
fn shells_complete_commands_flags_and_tasks() {
    let dir = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(dir.path(), &["completions", shell]);
        assert!(script.contains("resume-or-start"), "{shell}");
        // clap's scripts for the others complete no values; that for fish knows those of flags.
        assert_eq!(script.contains(TASK), ["bash", "zsh", "fish"].contains(&shell), "{shell}");
    }
    // What bash makes of `fpo init Grid<Tab>`, `fpo train --resume<Tab>` and so on.
    let script = succeed(dir.path(), &["completions", "bash"]);
    fs::write(dir.path().join("fpo.bash"), script).unwrap();
    for (words, expected) in [
        ("fpo init Grid", "GridWorld/two_walls"),
        ("fpo eval run --task Grid", "GridWorld/two_walls"),
        ("fpo train --resume-", "--resume-or-start"),
        ("fpo li", "list"),
    ] {
        let count = words.split(' ').count() - 1;
        let (last, before) = {
            let mut back = words.rsplit(' ');
            (back.next().unwrap(), back.next().unwrap())
        };
        let line = format!(
            "source ./fpo.bash; COMP_WORDS=({words}); COMP_CWORD={count}; \
             _fpo fpo '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &line]).current_dir(dir.path()).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(text.lines().any(|word| word == expected), "{words}: {text}");
    }
    fail(dir.path(), &["completions", "tcsh"], 2, &["tcsh", "bash"]);
}

#[test]
fn every_command_has_a_page_of_the_manual_with_its_examples() {
    let dir = tempdir().unwrap();
    let printed = succeed(dir.path(), &["man", "-o", "a/man1"]);
    let pages = fs::read_dir(dir.path().join("a/man1")).unwrap().count();
    assert!(printed.contains(&format!("wrote {pages} pages")), "{printed}");
    for name in ["fpo", "fpo-train", "fpo-list", "fpo-figure-gridworld"] {
        let page = fs::read_to_string(dir.path().join(format!("a/man1/{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains("Examples:"), "{name}: {page}");
    }
    let page = fs::read_to_string(dir.path().join("a/man1/fpo.1")).unwrap();
    assert_eq!(succeed(dir.path(), &["man"]), page);
    fs::write(dir.path().join("file"), "").unwrap();
    fail(dir.path(), &["man", "-o", "file"], 1, &["file: "]);
}
