//! Tests that `fpo eval` of several policies compares them over the same episodes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, fpo, small_config, stderr, succeed};
use fpo_cli::statistics::bootstrap::Resampling;
use fpo_cli::statistics::paired::paired_difference;
use fpo_cli::statistics::sample::{iqm, mean, median, standard_error};
use fpo_core::TensorFile;
use serde_json::{Value, json};
use tempfile::tempdir;

const TASK: &str = "GridWorld/two_walls";

/// Trains a small run in `folder/name`.
fn train(folder: &Path, name: &str, task: &str, settings: &[&str]) {
    let config = small_config(folder, task);
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let args = ["train", config.to_str().unwrap(), "--out", name];
    succeed(folder, &[&args, &settings[..]].concat());
}

fn report(folder: &Path, args: &[&str]) -> Value {
    let args = [&["eval", "--episodes", "24", "--json"], args].concat();
    serde_json::from_str(&succeed(folder, &args)).unwrap()
}

/// Returns the return of each episode that `fpo eval ARGS` plays, from its recording.
fn returns(folder: &Path, args: &[&str]) -> Vec<f64> {
    let args = [&["eval", "--episodes", "24", "--record", "steps.safetensors"], args].concat();
    succeed(folder, &args);
    let file =
        TensorFile::from_bytes(&fs::read(folder.join("steps.safetensors")).unwrap()).unwrap();
    let (rewards, ended) = (file.f32("reward").unwrap(), file.u32("ended").unwrap());
    let steps = rewards.len() / 24;
    let of_episode = |episode: usize| {
        let mut sum = 0.0;
        for step in 0..steps {
            sum += f64::from(rewards[step * 24 + episode]);
            if ended[step * 24 + episode] != 0 {
                break;
            }
        }
        sum
    };
    (0..24).map(of_episode).collect()
}

/// Returns `object` without the entry that names the policy.
fn unnamed(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("policy").unwrap();
    object
}

#[test]
fn several_policies_have_the_reports_that_each_has_alone_and_paired_differences_to_the_first() {
    let dir = tempdir().unwrap();
    let folder = dir.path();
    train(folder, "a", TASK, &["eval.seed=77"]);
    train(folder, "b", TASK, &["eval.seed=5", "train.seed=1", "algorithm.kind=ppo"]);
    train(folder, "c", TASK, &["train.seed=2", "train.total_steps=16384"]);
    let all = report(folder, &["a", "b", "c/policy.safetensors"]);
    let names: Vec<&Value> =
        all["policies"].as_array().unwrap().iter().map(|entry| &entry["policy"]).collect();
    assert_eq!(names, ["a", "b", "c/policy.safetensors"]);
    for (entry, alone) in [
        (&all["policies"][0], report(folder, &["a"])),
        (&all["policies"][1], report(folder, &["b", "--seed", "77"])),
        (&all["policies"][2], report(folder, &["c", "--seed", "77"])),
    ] {
        assert_eq!(unnamed(entry), alone, "the seed of all is that of the first");
    }

    let first = returns(folder, &["a"]);
    assert_eq!(all["differences"].as_array().unwrap().len(), 2);
    for (at, name) in ["b", "c"].iter().enumerate() {
        let own = returns(folder, &[name, "--seed", "77"]);
        assert_ne!(own, first);
        let expected = paired_difference(&own, &first, Resampling::default()).unwrap();
        let found = &all["differences"][at];
        assert_eq!(found["policy"], *names[at + 1]);
        assert_eq!(found["baseline"], "a");
        assert_eq!(found["mean"], expected.mean);
        assert_eq!(found["stderr"], expected.stderr.unwrap());
        let interval = expected.interval.unwrap();
        assert!(interval.low < interval.high);
        assert_eq!(found["interval"], json!([interval.low, interval.high]));
    }
    assert_eq!(all, report(folder, &["a", "b", "c/policy.safetensors"]), "the same numbers again");
    let other = report(folder, &["a", "b", "--seed", "3"]);
    assert_eq!(unnamed(&other["policies"][1]), report(folder, &["b", "--seed", "3"]));
}

#[test]
fn the_report_of_one_policy_says_what_its_returns_say() {
    let dir = tempdir().unwrap();
    let folder = dir.path();
    train(folder, "run", TASK, &[]);
    let (report, returns) = (report(folder, &["run"]), returns(folder, &["run"]));
    let values = || returns.iter().copied();
    assert_eq!(report["return_mean"], mean(values()));
    assert_eq!(report["return_stderr"], standard_error(&returns).unwrap());
    assert_eq!(report["return_median"], median(values()));
    assert_eq!(report["return_iqm"], iqm(values()));
    let [low, high] = [0, 1].map(|end| report["return_iqm_interval"][end].as_f64().unwrap());
    assert!(low <= iqm(values()) && iqm(values()) <= high && low < high, "{report}");
    assert!(report.get("returns").is_none(), "{report}");
    let one = succeed(folder, &["eval", "run", "--episodes", "1", "--json"]);
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&one["return_stderr"], &one["return_iqm_interval"]), (&Value::Null, &Value::Null));
}

#[test]
fn several_policies_print_a_line_each_and_a_line_for_each_difference() {
    let dir = tempdir().unwrap();
    let folder = dir.path();
    train(folder, "a", TASK, &["eval.seed=77"]);
    fs::rename(folder.join("a"), folder.join("first")).unwrap();
    fs::copy(folder.join("first/policy.safetensors"), folder.join("b.safetensors")).unwrap();
    let args = ["eval", "first", "b.safetensors", "first", "--episodes", "8"];
    let text = succeed(folder, &args);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines[0], "GridWorld/two_walls, the same 8 episodes of seed 77 for each policy");
    for (line, name) in lines[1..4].iter().zip(["first        ", "b.safetensors", "first        "])
    {
        assert!(line.starts_with(&format!("{name}  return ")), "{line}");
        for word in [" ± ", ", median ", ", IQM ", " [", "], length ", ", success ", "8 episodes"]
        {
            assert!(line.contains(word), "no {word:?} in {line}");
        }
    }
    assert_eq!(lines[4], "b.safetensors − first: +0.00 ± 0.00 [+0.00, +0.00]", "itself");
    assert_eq!(lines[5], "first − first: +0.00 ± 0.00 [+0.00, +0.00]");
    let text = succeed(folder, &["eval", "first", "first", "--episodes", "1"]);
    let head = text.lines().next().unwrap();
    assert_eq!(head, "GridWorld/two_walls, the same episode of seed 77 for each policy");
}

#[test]
fn policies_that_do_not_play_the_same_episodes_are_one_error_that_names_both() {
    let dir = tempdir().unwrap();
    let folder = dir.path();
    train(folder, "a", TASK, &[]);
    train(folder, "open", "GridWorld/cshape", &[]);
    train(folder, "short", TASK, &["env.episode_length=50"]);
    let fails = |args: &[&str], code: i32, words: &[&str]| {
        let text = fail(folder, &[&["eval"], args].concat(), code, words);
        assert_eq!(text.trim_end().lines().count(), 1, "one line, not {text}");
    };
    fails(
        &["a", "open"],
        2,
        &["a plays task GridWorld/two_walls, open task GridWorld/cshape", "--task"],
    );
    fails(&["a", "short"], 2, &["a plays episodes of 100 control steps, short episodes of 50"]);
    fails(&["a", "a", "--record", "x.st"], 2, &["--record", "one policy, and 2 are given"]);
    assert!(!folder.join("x.st").exists());
    fails(&["a", "nowhere.safetensors"], 1, &["nowhere.safetensors"]);
    fails(&["a", "a/policy.safetensors", "--best"], 2, &["--best", "a/policy.safetensors"]);
    train(folder, "gauss", TASK, &["algorithm.kind=ppo"]);
    let flags = ["a", "gauss", "--sampler", "heun"];
    fails(&flags, 2, &["gauss/policy.safetensors", "--sampler does not apply"]);

    let both = report(folder, &["a", "open", "--task", "GridWorld/cshape"]);
    assert_eq!(both["policies"][0]["task"], "GridWorld/cshape");
    assert_eq!(both["policies"][1]["task"], "GridWorld/cshape");
}

#[test]
fn only_the_first_runs_seed_is_asked_for() {
    let dir = tempdir().unwrap();
    let folder = dir.path();
    train(folder, "a", TASK, &["eval.seed=77"]);
    train(folder, "damaged", TASK, &[]);
    fs::write(folder.join("damaged/config.toml"), "[eval]\nsed = 1\n").unwrap();
    let output = |args: &[&str]| fpo(folder).arg("eval").args(args).output().unwrap();
    let second = output(&["a", "damaged", "--episodes", "4"]);
    assert!(second.status.success());
    assert_eq!(stderr(&second), "");
    let first = output(&["damaged", "a", "--episodes", "4"]);
    assert!(stderr(&first).contains("using seed 1000000"), "{}", stderr(&first));
    assert!(String::from_utf8_lossy(&first.stdout).contains("seed 1000000"));
}
