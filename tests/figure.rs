//! Tests `fpo figure gridworld`: both kinds of file, the numbers beside them, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;

use common::{fpo, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::tempdir;

fn train(folder: &Path, task: &str, kind: &str, out: &str) {
    let config = small_config(folder, task);
    let kind = format!("algorithm.kind={kind}");
    succeed(folder, &["train", config.to_str().unwrap(), "--set", &kind, "--out", out]);
}

#[test]
fn a_flow_and_a_gaussian_are_drawn_side_by_side() {
    let dir = tempdir().unwrap();
    train(dir.path(), "GridWorld/two_walls", "fpo", "flow");
    train(dir.path(), "GridWorld/two_walls", "ppo", "gaussian");
    let args = ["figure", "gridworld", "flow", "gaussian", "--samples", "60", "--json", "-o"];
    let draw = |file: &str| -> Value {
        serde_json::from_str(&succeed(dir.path(), &[&args[..], &[file]].concat())).unwrap()
    };
    let read = |file: &str| std::fs::read(dir.path().join(file)).unwrap();

    let report = draw("a.svg");
    let svg = String::from_utf8(read("a.svg")).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..80]);
    assert!(svg.trim_end().ends_with("</svg>"));
    for word in ["flow", "gaussian", "saddle", "goal"] {
        assert!(svg.contains(word), "no {word}");
    }
    draw("b.svg");
    assert!(read("a.svg") == read("b.svg"), "the same command gives the same bytes");
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    // The figure draws the distribution, even for a policy whose evaluations take its mean.
    for run in runs {
        let states = run["states"].as_array().unwrap();
        assert!(states.iter().all(|state| state["dip"].as_f64().unwrap() > 0.0), "{run}");
        let one_cell = |state: &Value| {
            let whole = |axis: &str| {
                state[axis].as_object().unwrap().values().any(|share| share.as_f64() == Some(1.0))
            };
            whole("vertical") && whole("horizontal")
        };
        assert!(!states.iter().all(one_cell), "one action at every state: {run}");
    }

    let report = draw("a.png");
    let png = read("a.png");
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    // The header chunk holds width and height.
    let size = |at: usize| u64::from(u32::from_be_bytes(png[at..at + 4].try_into().unwrap()));
    assert_eq!(
        (report["width"].as_u64(), report["height"].as_u64()),
        (Some(size(16)), Some(size(20)))
    );
    assert!(png.len() > 50_000, "a picture of one colour would be {} bytes", png.len());
}

#[test]
fn what_cannot_be_drawn_is_told_in_one_line() {
    let dir = tempdir().unwrap();
    train(dir.path(), "GridWorld/two_walls", "fpo", "grid");
    train(dir.path(), "Classic/MultiGoal", "fpo", "goals");
    for (run, file, word) in [
        ("grid", "a.pdf", ".svg"),
        ("goals", "a.svg", "Classic/MultiGoal"),
        ("nowhere", "a.svg", "nowhere"),
    ] {
        let args = ["figure", "gridworld", run, "-o", file];
        let output = fpo(dir.path()).args(args).output().unwrap();
        let text = stderr(&output);
        assert!(!output.status.success(), "{run} {file}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.contains(word), "no {word} in {text}");
        assert!(!dir.path().join(file).exists());
    }
    let args = ["figure", "gridworld", "grid", "-o", "a.svg", "--title", "a", "--title", "b"];
    let output = fpo(dir.path()).args(args).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--title is given 2 times for 1 run: "), "{text}");
}
