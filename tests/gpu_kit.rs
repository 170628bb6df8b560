//! The kit for machines with an NVIDIA card, staged from the program under test: what `check.sh`
//! says and does where there is no card. A script stands in for the program of device tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{root, stderr};
use serde_json::Value;
use tempfile::tempdir;

/// Says that the golden numbers are there, and that both of its tests passed.
const PASSES: &str = "ls \"$FPO_GOLDEN_HOME\"/algorithm/f_fpo_loss.safetensors || exit 9\n\
     echo \"parity on $FPO_TEST_DEVICE\"; echo 'test golden_a ... ok'; echo 'test b ... ok'; echo\n\
     echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'\n";
const FAILS: &str = "echo 'test a ... ok'; echo 'test parity::b ... FAILED'; echo\n\
     echo 'failures:'; echo; echo '---- parity::b stdout ----'\n\
     echo \"thread 'parity::b' panicked at src/b.rs:1:2:\"; echo 'off by 3.0e-1 of 2e-5'\n\
     echo; echo 'failures:'; echo '    parity::b'; echo\n\
     echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out'\n\
     exit 101\n";
const NEVER_ENDS: &str = "echo 'test golden_a ... ok'; sleep 600\n";

/// Stages a kit of the program under test in `folder`, with a script as its device tests.
fn stage(folder: &Path, tests: &str) -> PathBuf {
    let script = folder.join("on_device");
    fs::write(&script, format!("#!/bin/sh\n{tests}")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let kit = folder.join("kit");
    let output = Command::new(root().join("scripts/gpu/stage.sh"))
        .args([kit.as_path(), Path::new(env!("CARGO_BIN_EXE_fpo")), &script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    kit
}

/// Runs the kit's check with `args`; returns its output and its report.
fn check(folder: &Path, kit: &Path, args: &[&str]) -> (Output, Value) {
    let output = Command::new(kit.join("check.sh"))
        .current_dir(folder)
        .args(["--out", "report"])
        .args(args)
        .env("CUDA_HOME", folder.join("toolkit"))
        .output()
        .unwrap();
    let text = fs::read_to_string(folder.join("report/report.json"));
    let text = text.unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (output, serde_json::from_str(&text).unwrap())
}

fn part<'a>(report: &'a Value, name: &str) -> &'a Value {
    let parts = report["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
}

#[test]
fn without_a_card_what_is_missing_is_named_and_the_cpu_is_checked() {
    let dir = tempdir().unwrap();
    let kit = stage(dir.path(), PASSES);
    fs::create_dir_all(dir.path().join("toolkit/lib64")).unwrap();
    fs::write(dir.path().join("toolkit/lib64/libfound.so.3"), "").unwrap();
    let manifest = r#"{"cuda_needs": ["libnowhere.so.7", "libfound.so.3"], "glibc": "2.17"}"#;
    fs::write(kit.join("manifest.json"), manifest).unwrap();
    let (output, report) = check(dir.path(), &kit, &["--quick"]);

    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let missing = report["missing"].to_string();
    assert!(missing.contains("libnowhere.so.7") && !missing.contains("libfound"), "{missing}");
    assert!(missing.contains("no CUDA programs"), "{missing}");
    // Whether or not the machine of this test has them, these are always looked for.
    for name in [
        "libcuda.so.1",
        "libcublas.so.13",
        "libcublasLt.so.13",
        "libcurand.so.10",
        "libnvrtc.so.13",
    ] {
        let found = report["libraries"].get(name).is_some();
        assert!(found || missing.contains(name), "{name} is not looked for: {report}");
    }
    let found = report["libraries"]["libfound.so.3"].as_str().unwrap();
    assert!(found.ends_with("toolkit/lib64/libfound.so.3"), "{found}");
    assert!(report["verdict"].as_str().unwrap().contains("could not be run on cuda"), "{report}");

    for name in ["doctor", "tests", "bench", "paper"] {
        let part = part(&report, name);
        assert_eq!((&part["status"], &part["device"]), (&"passed".into(), &"cpu".into()), "{part}");
    }
    assert_eq!(part(&report, "tests")["line"].as_str().unwrap()[..15], *"2 passed on cpu");
    assert_eq!(part(&report, "bench")["data"]["results"].as_array().unwrap().len(), 3);
    let paper = &part(&report, "paper")["data"];
    assert_eq!(paper["iterations"], 3);
    let shares = paper["phases"].as_object().unwrap().values().map(|x| x.as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 0.1, "phases are all of the iteration: {paper}");
    for name in ["first start", "launches", "tf32"] {
        assert_eq!(part(&report, name)["status"], "skipped", "{name} needs a card");
    }
    let text = fs::read_to_string(dir.path().join("report/report.md")).unwrap();
    for words in ["cannot run on cuda", "libnowhere.so.7", "| phase |", "parity on cpu"] {
        assert!(text.contains(words), "no {words:?} in\n{text}");
    }
}

#[test]
fn a_check_of_the_cpu_passes() {
    let dir = tempdir().unwrap();
    let kit = stage(dir.path(), PASSES);
    let args = ["--device", "cpu", "--quick", "--parts", "doctor,tests"];
    let (output, report) = check(dir.path(), &kit, &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["parts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_part_that_fails_is_told_and_does_not_stop_the_others() {
    let dir = tempdir().unwrap();
    let kit = stage(dir.path(), FAILS);
    let args = ["--device", "cpu", "--quick", "--parts", "tests,bench"];
    let (output, report) = check(dir.path(), &kit, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let tests = part(&report, "tests");
    assert_eq!(tests["status"], "failed");
    assert_eq!(tests["line"], "1 passed, 1 failed: parity::b");
    assert!(tests["text"].as_str().unwrap().contains("off by 3.0e-1 of 2e-5"), "{tests}");
    assert_eq!(part(&report, "bench")["status"], "passed");
    assert_eq!(report["verdict"], "failed: tests");
}

#[test]
fn a_part_that_does_not_end_is_ended_and_what_no_longer_fits_is_left_out() {
    let dir = tempdir().unwrap();
    let kit = stage(dir.path(), NEVER_ENDS);
    let args = ["--device", "cpu", "--quick", "--parts", "tests,bench", "--limit", "7"];
    let (output, report) = check(dir.path(), &kit, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let tests = part(&report, "tests")["line"].as_str().unwrap();
    assert!(tests.contains("did not end within") && tests.contains("begun: 1 tests"), "{tests}");
    let bench = part(&report, "bench");
    assert_eq!(bench["status"], "skipped");
    assert!(bench["line"].as_str().unwrap().contains("it needs 5"), "{bench}");
}

#[test]
fn wrong_flags_are_said_before_anything_runs() {
    let dir = tempdir().unwrap();
    let kit = stage(dir.path(), PASSES);
    for (args, words) in [
        (["--device", "tpu"], "none of cpu, cuda"),
        (["--parts", "wheels"], "no part 'wheels'; there are doctor,"),
    ] {
        let output = Command::new(kit.join("check.sh")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
    }
    let output = Command::new(root().join("scripts/gpu/stage.sh"))
        .args([kit.as_path(), Path::new("nothing"), Path::new("nothing")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("nothing is no file"), "{}", stderr(&output));
}
