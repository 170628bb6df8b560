//! A small part of `scripts/torture`: kills at file operations and at random moments, disk faults,
//! two processes in one folder, damaged files.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::process::Command;

use common::{root, stderr};

#[test]
fn a_run_survives_kills_disk_faults_rivals_and_damage() {
    let output = Command::new("python3")
        .arg(root().join("scripts/torture/torture.py"))
        .args([env!("CARGO_BIN_EXE_fpo"), "--quick"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", stderr(&output));
    for part in ["kills at", "at random moments", "disk faults", "pairs", "damaged files"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}
