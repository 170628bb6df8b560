//! Tests of configurations as the program gets them: from pipes, with values unset, and those that
//! would train nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{fail, fpo, metrics, small_config, stderr, succeed};
use tempfile::tempdir;

const TASK: &str = "GridWorld/two_walls";

/// Runs `fpo ARGS` with `text` on its standard input and returns what it printed.
fn piped(folder: &Path, args: &[&str], text: &str) -> String {
    let mut command = fpo(folder);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "fpo {args:?} failed:\n{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_configuration_can_come_from_a_pipe_and_include_files_of_the_working_directory() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let text = fs::read_to_string(&config).unwrap();
    let expected = succeed(dir.path(), &["config", config.to_str().unwrap()]);
    assert_eq!(piped(dir.path(), &["config", "/dev/stdin"], &text), expected);
    let including = "include = ['small.toml']\ntrain.num_epochs = 3\n";
    let with_three = expected.replace("num_epochs = 2", "num_epochs = 3");
    assert_eq!(piped(dir.path(), &["config", "/dev/stdin"], including), with_three);

    let script = format!("'{}' config <(printf \"{including}\")", env!("CARGO_BIN_EXE_fpo"));
    let output =
        Command::new("bash").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), with_three);

    let sweep = "seeds = [1]\n[tasks]\nA = 'small.toml'\n[methods]\nm = []\n";
    let listed = piped(dir.path(), &["sweep", "/dev/stdin", "--dry-run"], sweep);
    assert!(listed.contains("A · m · seed 1"), "{listed}");
}

#[test]
fn files_that_include_each_other_for_ever_or_too_deeply_end_with_one_line() {
    let dir = tempdir().unwrap();
    for k in 0..3000 {
        let text = format!("include = ['{}.toml']", k + 1);
        fs::write(dir.path().join(format!("{k}.toml")), text).unwrap();
    }
    let text =
        fail(dir.path(), &["config", "0.toml"], 2, &["0.toml", "64.toml", "more than 64 deep"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    fs::write(dir.path().join("9.toml"), "include = ['7.toml']").unwrap();
    fail(dir.path(), &["config", "0.toml"], 2, &["in a ring: 7.toml → 8.toml → 9.toml → 7.toml"]);
}

#[test]
fn a_value_that_a_file_sets_can_be_unset_by_an_override_and_by_a_sweep() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    let lines = "[algorithm]\nkind = 'fpo++'\nlog_ratio_clamp = 3.0\n";
    fs::write(dir.path().join("plus.toml"), lines).unwrap();
    let unset = ["--set", "algorithm.log_ratio_clamp=none", "--set", "algorithm.loss_max=none"];
    let files = ["config", config, "plus.toml"];
    assert!(succeed(dir.path(), &files).contains("log_ratio_clamp = 3.0"));
    let printed = succeed(dir.path(), &[&files[..], &unset].concat());
    assert!(!printed.contains("log_ratio_clamp"), "{printed}");
    assert!(printed.contains("loss_max = \"none\""), "{printed}");

    let sweep = "seeds = [1]\n[tasks]\nA = 'small.toml'\n[methods]\nm = 'plus.toml'\n\
                 [set]\nalgorithm.log_ratio_clamp = 'none'\n\
                 [grid]\nalgorithm.loss_max = ['none', 5.0]\n";
    fs::write(dir.path().join("s.toml"), sweep).unwrap();
    succeed(dir.path(), &["sweep", "s.toml", "--out", "s"]);
    let rows = fs::read_to_string(dir.path().join("s/results.jsonl")).unwrap();
    let mut found: Vec<String> = rows
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["status"], "finished");
            assert!(row["config"].get("algorithm.log_ratio_clamp").is_none(), "{row}");
            row["config"]["algorithm.loss_max"].to_string()
        })
        .collect();
    found.sort();
    assert_eq!(found, ["\"none\"", "5.0"]);
}

#[test]
fn a_run_that_unsets_a_preset_resumes_with_what_it_had() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    let plus = ["train", config, "--set", "algorithm.kind=fpo++", "--out", "run"];
    let unset = ["--set", "algorithm.loss_max=none"];
    succeed(dir.path(), &[&plus[..], &unset].concat());
    let more = ["train", "--resume", "run", "--set", "train.total_steps=4096"];
    succeed(dir.path(), &more);
    let written = fs::read_to_string(dir.path().join("run/config.toml")).unwrap();
    assert!(written.contains("loss_max = \"none\""), "{written}");
    let args = [&plus[..], &["--resume-or-start", "--set", "train.total_steps=4096"]].concat();
    let words = ["`algorithm.loss_max` is \"none\" there and the default here"];
    fail(dir.path(), &args, 2, &words);
}

#[test]
fn a_minibatch_of_one_step_is_refused_or_has_no_explained_variance() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let one = ["env.num_envs=4", "train.batch_size=1", "train.unroll_length=1"];
    let one: Vec<&str> = one.iter().flat_map(|text| ["--set", text]).collect();
    let args = [&["train", config.to_str().unwrap(), "--out", "run"][..], &one].concat();
    fail(dir.path(), &args, 2, &["one step a minibatch", "algorithm.normalize_advantages"]);
    assert!(!dir.path().join("run").exists(), "a run that cannot start leaves no folder");
    let raw = ["--set", "algorithm.normalize_advantages=none", "--set", "train.total_steps=40"];
    for kernels in ["auto", "composed"] {
        let kernels = format!("train.kernels={kernels}");
        succeed(dir.path(), &[&args[..], &raw, &["--set", &kernels]].concat());
        let rows = metrics(&dir.path().join("run"));
        let last = rows.last().unwrap();
        assert!(last.contains_key("train/value_error"), "{last:?}");
        assert!(!last.contains_key("train/explained_variance"), "{last:?}");
        assert!(last["train/policy_loss"].as_f64().unwrap() != 0.0, "{last:?}");
        fs::remove_dir_all(dir.path().join("run")).unwrap();
    }
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let rows = metrics(&dir.path().join("run"));
    assert!(rows.last().unwrap()["train/explained_variance"].as_f64().unwrap() < 1.0);
}
