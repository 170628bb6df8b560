//! Runs the `fpo` program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value};

/// The program with `folder` as its working directory.
pub fn fpo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fpo"));
    command.current_dir(folder);
    command
}

/// Runs `fpo ARGS`, which must succeed, and returns what it printed.
pub fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = fpo(folder).args(args).output().unwrap();
    assert!(output.status.success(), "fpo {args:?} failed:\n{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `fpo ARGS`, which must end with `code`, without a panic and with a text on standard error
/// that holds all of `words`; returns that text.
pub fn fail(folder: &Path, args: &[&str], code: i32, words: &[&str]) -> String {
    let output = fpo(folder).args(args).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "fpo {args:?}: {text}");
    assert!(!text.contains("panicked"), "fpo {args:?}: {text}");
    assert!(output.stdout.is_empty(), "fpo {args:?} printed something before it failed");
    for word in words {
        assert!(text.contains(word), "fpo {args:?}: no {word:?} in {text}");
    }
    text
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of a run's `metrics.jsonl`.
pub fn metrics(run: &Path) -> Vec<Map<String, Value>> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes of a policy file without its digest, as version 0.1.0 wrote them; spaces take its
/// place at the end of the header.
#[allow(dead_code, reason = "not every test program needs it")]
pub fn without_digest(bytes: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let (header, numbers) = bytes[8..].split_at(length);
    let entry = b",\\\"sha256\\\":\\\"";
    let at = header.windows(entry.len()).position(|window| window == entry).unwrap();
    // 64 digits, and the quotation mark behind them with its backslash.
    let end = at + entry.len() + 64 + 2;
    let spaces = vec![b' '; end - at];
    [&bytes[..8], &header[..at], &header[end..], &spaces, numbers].concat()
}

/// A configuration small enough to train in a second, as a file in `folder`.
pub fn small_config(folder: &Path, task: &str) -> PathBuf {
    let path = folder.join("small.toml");
    let text = format!(
        "[env]\ntask = \"{task}\"\nnum_envs = 16\n\
         [train]\ntotal_steps = 2048\nunroll_length = 8\nbatch_size = 16\nnum_minibatches = 4\n\
         num_epochs = 2\n\
         [value]\nhidden = [128, 128]\n\
         [eval]\ncount = 2\nepisodes = 8\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}
