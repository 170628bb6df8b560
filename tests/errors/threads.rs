//! A system that allows few threads or none.
//!
//! A limit of processes does not bind the administrator, as whom tests often run. Stacks that do
//! not fit into memory do: the standard library takes their size from `RUST_MIN_STACK`, and the
//! system then refuses a thread with the same error as where there are too many.

use std::path::Path;
use std::process::Output;

use tempfile::tempdir;

use crate::common::{fpo, small_config, stderr, succeed};

/// More than any processor can address, so that no thread starts.
const NONE: &str = "1000000000000000000";
const TASK: &str = "GridWorld/two_walls";

fn with_stacks(folder: &Path, bytes: &str, args: &[&str]) -> Output {
    let output = fpo(folder).args(args).env("RUST_MIN_STACK", bytes).output().unwrap();
    assert!(!stderr(&output).contains("panicked"), "fpo {args:?}: {}", stderr(&output));
    output
}

#[test]
fn what_computes_nothing_works_without_threads() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    for args in [&["config", config][..], &["envs"], &["envs", TASK], &["--help"], &["doctor"]] {
        let output = with_stacks(dir.path(), NONE, args);
        assert!(output.status.success(), "fpo {args:?}: {}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        if args == ["doctor"] {
            let line = text.lines().find(|line| line.starts_with("threads")).unwrap();
            assert!(line.contains("warning") && line.contains("computing on one"), "{text}");
        } else {
            assert_eq!(text, succeed(dir.path(), args), "fpo {args:?}");
        }
    }
}

#[test]
fn a_command_without_threads_computes_the_same_on_its_own_and_says_so() {
    let dir = tempdir().unwrap();
    let args = ["envs", TASK, "--rollout", "random", "--episodes", "3", "--json"];
    let expected = succeed(dir.path(), &args);
    let output = with_stacks(dir.path(), NONE, &args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let text = stderr(&output);
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    for word in ["does not let this process start", "computing on one; see `ulimit -u`"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn what_needs_threads_of_its_own_fails_with_one_line() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    for (args, words) in [
        (&["train", config, "--out", "run"][..], &["cannot wait for signals"][..]),
        (&["bench", "envs", "--threads", "3"], &["cannot start", "thread"]),
    ] {
        let output = with_stacks(dir.path(), NONE, args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "fpo {args:?}: {text}");
        let lines: Vec<_> = text.trim_end().lines().collect();
        assert_eq!(lines.len(), 2, "a note, and the error: {text}");
        for word in words {
            assert!(lines[1].contains(word), "fpo {args:?}: no {word:?} in {text}");
        }
    }
    assert!(!dir.path().join("run").exists(), "a run that cannot start leaves no folder");
}
