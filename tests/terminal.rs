//! Tests of what reaches a person's terminal and shell: text from files cannot give orders to the
//! terminal or flood it, and commands can be pasted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{fail, fpo, small_config, stderr, succeed, without_digest};
use serde_json::Value;
use tempfile::tempdir;

const TASK: &str = "GridWorld/two_walls";
/// Sets the window's title, turns the direction of text, clears the screen, and begins a new line.
const HOSTILE: &str = "a\u{1b}]0;x\u{7}\u{202e}\u{9b}2J\r\nfpo: all is well";
const SPELLED_OUT: &str = "a\\u{1b}]0;x\\u{7}\\u{202e}\\u{9b}2J\\r\\nfpo: all is well";

/// Asserts that `text` holds nothing that a terminal would obey or hide.
fn assert_plain(text: &str) {
    let is_hidden = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{202e}';
    assert!(!text.contains(is_hidden), "{text:?}");
}

/// The bytes of a policy file whose metadata names another task.
fn with_task(bytes: &[u8], task: &str) -> Vec<u8> {
    let bytes = without_digest(bytes);
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    // The metadata is JSON inside JSON.
    let inner = |text: &str| {
        let once = Value::from(text).to_string();
        Value::from(once).to_string().trim_matches('"').to_string()
    };
    let header = header.replace(&inner(TASK), &inner(task));
    let padding = " ".repeat(header.len().next_multiple_of(8) - header.len());
    let header = header + &padding;
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat()
}

#[test]
fn a_name_in_a_policy_file_is_spelled_out_and_cut_in_errors() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let bytes = fs::read(dir.path().join("run/policy.safetensors")).unwrap();
    fs::write(dir.path().join("x.safetensors"), with_task(&bytes, HOSTILE)).unwrap();
    let text = fail(dir.path(), &["eval", "x.safetensors"], 1, &[SPELLED_OUT]);
    assert_plain(&text);
    // One line says that there is no digest, the next what is wrong.
    assert_eq!(text.lines().count(), 2, "{text}");
    for name in ["x".repeat(1_000_000), "x ".repeat(500_000)] {
        fs::write(dir.path().join("x.safetensors"), with_task(&bytes, &name)).unwrap();
        let text =
            fail(dir.path(), &["eval", "x.safetensors"], 1, &["unknown task `x", " characters)"]);
        assert!(text.len() < 4000, "{} bytes", text.len());
    }
}

#[test]
fn text_in_a_configuration_or_a_sweep_is_spelled_out() {
    let dir = tempdir().unwrap();
    let hostile = Value::from(HOSTILE).to_string();
    let config = format!("[env]\ntask = {hostile}\n");
    fs::write(dir.path().join("c.toml"), &config).unwrap();
    assert_plain(&fail(dir.path(), &["train", "c.toml"], 2, &[SPELLED_OUT]));
    fs::write(dir.path().join("k.toml"), format!("[env]\n{hostile} = 1\n")).unwrap();
    assert_plain(&fail(dir.path(), &["train", "k.toml"], 2, &[SPELLED_OUT]));
    fs::write(dir.path().join("i.toml"), format!("include = [{hostile}]\n")).unwrap();
    assert_plain(&fail(dir.path(), &["train", "i.toml"], 1, &[SPELLED_OUT]));
    let config = small_config(dir.path(), TASK);
    let sweep = format!(
        "seeds = [1]\n[tasks]\nA = {:?}\n[methods]\n{hostile} = []\n",
        config.to_str().unwrap()
    );
    fs::write(dir.path().join("s.toml"), sweep).unwrap();
    let list = succeed(dir.path(), &["sweep", "s.toml", "--dry-run"]);
    assert_plain(&list);
    assert!(list.contains(SPELLED_OUT) && list.lines().count() == 2, "{list}");
    // A program that reads the configuration gets it as it is.
    let printed = succeed(dir.path(), &["config", "c.toml"]);
    let table: toml::Table = toml::from_str(&printed).unwrap();
    assert_eq!(table["env"]["task"].as_str(), Some(HOSTILE));
}

#[test]
fn rows_of_results_are_spelled_out_in_reports_of_every_format() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let sweep =
        format!("seeds = [1]\n[tasks]\nA = {:?}\n[methods]\nm = []\n", config.to_str().unwrap());
    fs::write(dir.path().join("s.toml"), sweep).unwrap();
    succeed(dir.path(), &["sweep", "s.toml", "--out", "s"]);
    let row = fs::read_to_string(dir.path().join("s/results.jsonl")).unwrap();
    let row: Value = serde_json::from_str(&row).unwrap();
    for (field, value) in [
        ("task", Value::from(HOSTILE)),
        ("method", Value::from(HOSTILE)),
        ("method", Value::from("x".repeat(1_000_000))),
        ("settings", serde_json::json!({HOSTILE: HOSTILE})),
        ("config", serde_json::json!({HOSTILE: HOSTILE})),
    ] {
        let mut row = row.clone();
        row[field] = value;
        fs::write(dir.path().join("r.jsonl"), format!("{row}\n")).unwrap();
        let text = succeed(dir.path(), &["report", "r.jsonl"]);
        assert_plain(&text);
        assert!(text.len() < 20_000, "{field}: {} bytes", text.len());
        let args =
            ["report", "r.jsonl", "-o", "r.html", "-o", "r.md", "-o", "r.csv", "-o", "r.json"];
        succeed(dir.path(), &args);
        for file in ["r.html", "r.md", "r.csv", "r.json"] {
            assert_plain(&fs::read_to_string(dir.path().join(file)).unwrap());
        }
    }
}

/// Runs `command` in a shell that knows the program as `fpo`.
fn paste(folder: &Path, command: &str) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_fpo");
    let script = format!("fpo() {{ '{program}' \"$@\"; }}\n{command}");
    Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap()
}

#[test]
fn printed_commands_can_be_pasted() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let config = config.to_str().unwrap();
    for (out, shown) in [
        ("my run 2", "'my run 2'"),
        ("-x", "./-x"),
        ("it's $HOME", "'it'\\''s $HOME'"),
        ("a\nb", "$'a\\012b'"),
    ] {
        let out = format!("--out={out}");
        let output = fpo(dir.path()).args(["train", config, &out]).output().unwrap();
        let text = stderr(&output);
        let play = text.lines().last().unwrap().strip_prefix("play it: ").unwrap();
        assert_eq!(play, format!("fpo eval {shown}"));
        let played = paste(dir.path(), &format!("{play} --episodes 1"));
        assert!(played.status.success(), "{}", stderr(&played));

        let args = ["train", config, &out, "--resume-or-start", "--set", "train.total_steps=4096"];
        let text = fail(dir.path(), &args, 2, &["another configuration"]);
        let (_, command) = text.split_once("change it by `").unwrap();
        let (command, _) = command.split_once(" …`").unwrap();
        assert_eq!(command, format!("fpo train --resume {shown} --set"));
        let resumed = paste(dir.path(), &format!("{command} train.total_steps=4096"));
        assert!(resumed.status.success(), "{}", stderr(&resumed));
    }
    let report = succeed(dir.path(), &["report", "my run 2", "./-x"]);
    assert!(report.contains("$ fpo report 'my run 2' ./-x"), "{report}");
}

#[test]
fn a_stopped_run_prints_a_command_that_goes_on_with_it() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--out", "my run", "--stop-at-eof"];
    let long = ["--set", "train.total_steps=1e8"];
    let output =
        fpo(dir.path()).args(args).args(long).stdin(std::process::Stdio::null()).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{text}");
    let expected = "fpo: stopped and saved; go on with: fpo train --resume 'my run'";
    assert_eq!(text.lines().last(), Some(expected), "{text}");
}
