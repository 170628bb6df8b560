//! Tests what `fpo sweep` says of wrong sweep files: one clear error that names file and field, the
//! right exit code, and nothing made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, root, small_config, succeed};
use tempfile::tempdir;

const TASKS: &str = "[tasks]\nA = \"small.toml\"\n";
const METHODS: &str = "[methods]\nfpo = []\n";

/// What is wrong with a file, the file, and words of the message.
type Mistake = (&'static str, String, &'static [&'static str]);

fn mistakes() -> Vec<Mistake> {
    let good = |more: &str| format!("seeds = [1]\n{TASKS}{METHODS}{more}");
    let seeds = |seeds: &str| format!("{seeds}\n{TASKS}{METHODS}");
    vec![
        ("no TOML", "seeds = [1\n[tasks".into(), &["s.toml:2:", "array"]),
        ("no seeds", seeds(""), &["`seeds`", "not set", "{ from = 1, count = 3 }"]),
        ("a seed below 0", seeds("seeds = [-1]"), &["`seeds`", "[-1]", "from 0"]),
        ("one number for seeds", seeds("seeds = 3"), &["`seeds`", "found `3`"]),
        ("an empty list of seeds", seeds("seeds = []"), &["`seeds`", "found none"]),
        ("a seed twice", seeds("seeds = [4, 4]"), &["`seeds`", "found 4 twice"]),
        ("a range without a count", seeds("seeds = { from = 1 }"), &["`seeds`", "count = 3"]),
        ("a misspelled table", good("[grids]\n"), &["`grids`", "did you mean `grid`?"]),
        ("no tasks", format!("seeds = [1]\n{METHODS}"), &["`tasks`", "[tasks]"]),
        ("no methods", format!("seeds = [1]\n{TASKS}"), &["task `A`", "[methods]"]),
        (
            "a task that is a number",
            format!("seeds = [1]\n{METHODS}[tasks]\nA = 5\n"),
            &["`tasks.A`", "integer `5`", "a file name or a list"],
        ),
        (
            "an unknown base",
            format!("seeds = [1]\n{METHODS}[tasks]\nA = {{ base = \"desk\" }}\n[bases.dusk]\n"),
            &["`tasks.A`", "no base `desk`", "dusk"],
        ),
        (
            "an unknown key of a task",
            format!("seeds = [1]\n{METHODS}[tasks]\nA = {{ file = \"small.toml\" }}\n"),
            &["`tasks.A.file`", "did you mean `files`?"],
        ),
        (
            "an unknown environment",
            format!("seeds = [1]\n{METHODS}[tasks]\nA = {{ set.env.task = \"Chetah\" }}\n"),
            &["Chetah"],
        ),
        (
            "an unknown field",
            good("[grid]\noptimizer.learning_rat = [1e-3]\n"),
            &["optimizer.learning_rat", "the settings of s.toml", "optimizer.learning_rate"],
        ),
        (
            "a value out of range",
            good("[set]\nalgorithm.clip_epsilon = -0.1\n"),
            &["algorithm.clip_epsilon", "[set] of s.toml", "-0.1"],
        ),
        (
            "a value of the wrong type",
            good("[grid]\ntrain.num_epochs = [\"many\"]\n"),
            &["train.num_epochs", "the settings of s.toml", "whole number"],
        ),
        ("a single value in the grid", good("[grid]\na.b = 3\n"), &["`grid.a.b`", "[set]"]),
        ("an empty axis", good("[grid]\na.b = []\n"), &["`grid.a.b`", "empty list"]),
        (
            "a condition on a method that is not there",
            good("[grid]\na.b = { values = [1], only.method = \"pop\" }\n"),
            &["`grid.a.b.only.method`", "no method `pop`", "fpo"],
        ),
        (
            "a condition of an unknown kind",
            good("[grid]\na.b = { values = [1], only.methods = \"fpo\" }\n"),
            &["`grid.a.b.only.methods`", "did you mean `method`?"],
        ),
        ("seeds in the fields", good("[set]\ntrain.seed = 3\n"), &["`set.train.seed`", "`seeds`"]),
        ("seeds in the grid", good("[grid]\ntrain.seed = [3]\n"), &["`grid.train.seed`"]),
        (
            "a draw without draws",
            good("[random]\nfields.a.b = { uniform = [0.0, 1.0] }\n"),
            &["`random.draws`", "not set"],
        ),
        ("nothing to draw", good("[random]\ndraws = 2\n"), &["`random.fields`", "no field"]),
        (
            "bounds the wrong way round",
            good("[random]\ndraws = 2\nfields.a.b = { uniform = [1.0, 0.0] }\n"),
            &["`random.fields.a.b`", "the smaller one first"],
        ),
        (
            "a logarithm of 0",
            good("[random]\ndraws = 2\nfields.a.b = { log_uniform = [0.0, 1.0] }\n"),
            &["`random.fields.a.b`", "above 0"],
        ),
        (
            "two laws for one field",
            good("[random]\ndraws = 2\nfields.a.b = { uniform = [0, 1], choices = [1] }\n"),
            &["`random.fields.a.b`", "expected one of"],
        ),
        (
            "settings that set nothing",
            good("[[settings]]\nonly.method = \"fpo\"\n"),
            &["`settings[1].set`", "not set"],
        ),
        ("settings that are a table", good("[settings]\n"), &["`settings`", "[[settings]]"]),
        (
            "two methods that are the same",
            format!("seeds = [1]\n{TASKS}{METHODS}fpo2 = []\n"),
            &["the same configuration", "A · fpo · seed 1", "A · fpo2 · seed 1"],
        ),
        (
            "more runs than anybody waits for",
            good(&format!(
                "[grid]\na.b = [{0}]\na.c = [{0}]\na.d = [{0}]\n",
                vec!["1"; 50].join(",")
            )),
            &["more than 100000 runs"],
        ),
        (
            "the seed of evaluations",
            format!("seeds = [1000000]\n{TASKS}{METHODS}"),
            &["`train.seed`", "`seeds` of s.toml", "1000000"],
        ),
    ]
}

#[test]
fn a_wrong_file_gets_one_error_with_file_and_field_and_nothing_is_made() {
    let dir = tempdir().unwrap();
    small_config(dir.path(), "GridWorld/two_walls");
    let mistakes = mistakes();
    assert!(mistakes.len() >= 15);
    for (what, text, words) in mistakes {
        fs::write(dir.path().join("s.toml"), text).unwrap();
        for args in [&["sweep", "s.toml"][..], &["sweep", "s.toml", "--dry-run"]] {
            let error = fail(dir.path(), args, 2, words);
            assert_eq!(error.trim().lines().count(), 1, "{what}: {error}");
        }
        assert!(!dir.path().join("runs").exists(), "{what}");
    }
}

#[test]
fn files_that_are_missing_or_damaged_fail_with_their_names() {
    let dir = tempdir().unwrap();
    small_config(dir.path(), "GridWorld/two_walls");
    fail(dir.path(), &["sweep", "none.toml"], 1, &["cannot read none.toml"]);
    let text = format!("seeds = [1]\n{METHODS}[tasks]\nA = \"none.toml\"\n");
    fs::write(dir.path().join("s.toml"), text).unwrap();
    fail(dir.path(), &["sweep", "s.toml"], 1, &["cannot read none.toml"]);
    fs::write(dir.path().join("s.toml"), format!("seeds = [1]\n{TASKS}{METHODS}")).unwrap();
    let args = ["sweep", "s.toml", "--done", "rows.jsonl"];
    fail(dir.path(), &args, 1, &["rows.jsonl"]);
    fs::write(dir.path().join("rows.jsonl"), "{\"format\":7}\n").unwrap();
    fail(dir.path(), &args, 1, &["rows.jsonl:1: format 7"]);
    fs::create_dir_all(dir.path().join("run")).unwrap();
    fs::write(dir.path().join("run/config.toml"), "").unwrap();
    fail(dir.path(), &["sweep", "s.toml", "--out", "run"], 2, &["run is a run, not a sweep"]);
    fail(dir.path(), &["sweep", "s.toml", "--jobs", "0"], 2, &["--jobs"]);
}

#[test]
fn the_published_rows_are_of_the_published_sweeps() {
    if !cfg!(feature = "mujoco") {
        return;
    }
    let rows = |name: &str| root().join("docs/results").join(name).with_extension("jsonl");
    for (sweep, done) in [
        ("conditioning", "conditioning"),
        ("conditioning_energy", "conditioning_energy"),
        ("conditioning_frames", "conditioning_frames"),
        ("conditioning_gaussian", "conditioning_gaussian"),
        ("desk_ablation", "desk_ablation"),
        ("desk_benchmark", "desk_benchmark"),
        ("desk_finalists", "desk_tuning"),
        ("desk_long", "desk_long"),
        ("desk_long_mean_ratio", "desk_long_mean_ratio"),
        ("desk_mean_ratio", "desk_mean_ratio"),
        ("desk_paper", "desk_paper"),
        ("desk_spin_further", "desk_spin_further"),
        ("desk_ten_seeds", "desk_ten_seeds"),
        ("desk_tuning", "desk_tuning"),
        ("first_look", "first_look"),
        ("gridworld_ways", "gridworld_ways"),
        ("ppo_search", "ppo_search"),
    ] {
        let path = root().join("configs/sweeps").join(sweep).with_extension("toml");
        let (path, done) = (path.to_str().unwrap().to_owned(), rows(done));
        let args = ["sweep", &path, "--dry-run", "--done", done.to_str().unwrap()];
        let text = succeed(Path::new("."), &args);
        assert!(text.contains(", 0 to make"), "a file below {sweep}.toml has changed: {text}");
    }
}

#[test]
fn the_published_sweeps_are_what_they_say() {
    let sweeps = root().join("configs/sweeps");
    let list = |name: &str| {
        let path = sweeps.join(name);
        succeed(Path::new("."), &["sweep", path.to_str().unwrap(), "--dry-run"])
    };
    if !cfg!(feature = "mujoco") {
        return;
    }
    let text = list("first_look.toml");
    assert!(text.contains("16 runs") && text.contains("CheetahRun · fpo++ · seed 11"), "{text}");
    let text = list("conditioning.toml");
    assert!(text.contains("90 runs") && text.contains("DrawnGoal-3-minimal · ppo · seed 33"));
    assert!(list("conditioning_frames.toml").contains("135 runs"));
    assert!(list("conditioning_energy.toml").contains("9 runs"));
    assert!(list("conditioning_gaussian.toml").contains("15 runs"));
    let text = list("desk_long.toml");
    assert!(text.contains("24 runs") && text.contains("FishSwim · ppo · seed 35"), "{text}");
    assert_eq!(text.matches(" 9,999,360 steps").count(), 20, "{text}");
    assert_eq!(text.matches(" 2,995,200 steps").count(), 4, "{text}");
    assert!(list("desk_ablation.toml").contains("72 runs"));
    assert!(list("gridworld_ways.toml").contains("30 runs"));
    assert!(list("desk_paper.toml").contains("60 runs"));
    assert!(list("desk_mean_ratio.toml").contains("50 runs"));
    assert!(list("desk_ten_seeds.toml").contains("200 runs"));
    let text = list("desk_spin_further.toml");
    assert!(text.contains("20 runs") && text.contains("FingerSpin · fpo_nats · seed 53"), "{text}");
    assert!(list("desk_long_mean_ratio.toml").contains("12 runs"));
    let text = list("ppo_search.toml");
    assert!(text.contains("24 runs"), "{text}");
    // The draws are those of the day on which the file was written.
    assert!(text.contains("CheetahRun · ppo · clip_epsilon=0.1 · entropy_coefficient=0.00811"));
}
