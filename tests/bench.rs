//! Tests `fpo bench` and `fpo doctor` from the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use common::{fail, fpo, root, succeed};
use serde_json::Value;
use tempfile::tempdir;

/// A case that takes no time: GridWorld needs no simulator.
const SMALL: [&str; 8] =
    ["bench", "envs", "--tasks", "two_walls", "--envs", "4", "--quick", "--threads=1"];

#[test]
fn a_bench_prints_a_table_and_writes_what_compare_reads() {
    let dir = tempdir().unwrap();
    let text = succeed(dir.path(), &[&SMALL[..], &["--json", "a.json"]].concat());
    for word in ["peak GFLOP/s", "env step", "steps/s", "GridWorld/two_walls"] {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
    let file = std::fs::read(dir.path().join("a.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    assert!(file["machine"]["peak_gflops"][0]["gflops"].as_f64().unwrap() > 0.1);
    let result = &file["results"][0];
    assert_eq!((&result["name"], &result["envs"]), (&"env_step".into(), &4.into()));
    assert_eq!(result["task"], "GridWorld/two_walls");
    assert!(result["steps_per_s"].as_f64().unwrap() > 0.0);

    let text = succeed(dir.path(), &["bench", "--compare", "a.json", "a.json"]);
    assert!(text.contains("1.00") && text.contains("within the spread"), "{text}");
    assert!(!text.contains("note:"), "a run does not differ from itself:\n{text}");
}

#[test]
fn json_on_standard_output_is_all_there_is() {
    let dir = tempdir().unwrap();
    let text = succeed(dir.path(), &[&SMALL[..], &["--json", "-"]].concat());
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["results"].as_array().unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file named -");
}

#[test]
fn what_is_measured_keeps_to_the_threads_that_are_asked_for() {
    let dir = tempdir().unwrap();
    let (free, one_thread) = SMALL.split_at(7);
    for (more, variable) in [(one_thread, "0"), (&[], "1")] {
        let args = [free, more, &["--json", "-"]].concat();
        let output = fpo(dir.path()).args(args).env("RAYON_NUM_THREADS", variable).output();
        let file: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let threads = |list: &Value| -> Vec<_> {
            list.as_array().unwrap().iter().map(|entry| entry["threads"].as_u64()).collect()
        };
        assert_eq!(threads(&file["results"]), [Some(1)], "{more:?}");
        let peaks = threads(&file["machine"]["peak_gflops"]);
        assert!(!peaks.is_empty() && peaks.iter().all(|&count| count == Some(1)), "{peaks:?}");
    }
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is() {
    let dir = tempdir().unwrap();
    let tasks = ["bench", "envs", "--tasks", "GridWorld/two_wals"];
    fail(dir.path(), &tasks, 2, &["GridWorld/two_wals", "`GridWorld/two_walls`"]);
    let transitions = ["bench", "learner", "--sizes", "official", "--transitions", "100"];
    fail(dir.path(), &transitions, 2, &["--transitions 100", "30"]);
    fail(dir.path(), &["bench", "learner", "--sizes", "tiny"], 1, &["tiny", "No such file"]);
    fail(dir.path(), &["bench", "wheels"], 2, &["wheels", "learner"]);
    fail(dir.path(), &["bench", "envs", "--envs", "0"], 2, &["--envs", "0"]);
    fail(dir.path(), &["bench", "envs", "--auto-reset", "never"], 2, &["`fresh` or `first`"]);
    fail(dir.path(), &["bench", "learner", "--devices", "tpu"], 2, &["tpu", "`cuda`"]);
}

/// A training and networks that take no time, for `fpo bench ranks`.
const TINY: &str = "[env]\ntask = 'GridWorld/two_walls'\nnum_envs = 8\n\
                    [train]\nunroll_length = 4\nbatch_size = 4\nnum_minibatches = 2\n\
                    num_epochs = 1\n[value]\nhidden = [8]\n";

fn cost_model(folder: &std::path::Path, args: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new("python3");
    command.arg(root().join("scripts/cost_model.py")).args(args).current_dir(folder);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &common::stderr(&output);
    (output.status.code().unwrap(), text)
}

#[test]
fn what_one_process_measures_foretells_many_hosts() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("tiny.toml"), TINY).unwrap();
    let args = ["bench", "ranks", "--sizes", "tiny.toml", "--config", "tiny.toml", "--repeats=2"];
    let text = succeed(dir.path(), &[&args[..], &["--json", "one.json"]].concat());
    for word in ["gradient step", "tiny.toml, 16 transitions", "1 rank", "iteration"] {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
    let file: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("one.json")).unwrap()).unwrap();
    let names: Vec<_> = file["results"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
    assert_eq!(names, ["gradient_step", "iteration"]);
    assert_eq!(file["results"][1]["shape"]["gradient_steps"], 2);

    assert_eq!(cost_model(dir.path(), &["--check"]).0, 0);
    let (code, text) = cost_model(dir.path(), &["one.json", "--hosts", "1,8", "--fastest"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "network: 2 µs a message, 100 Gbit/s");
    assert_eq!(lines[1], "gradient step (tiny.toml, 16 transitions)");
    assert!(lines[3].starts_with('1') && lines[3].ends_with("1.0       100 %"), "{text}");
    assert!(lines[4].starts_with('8') && !lines[4].ends_with("100 %"), "{text}");
    assert_eq!(lines[5], "iteration (tiny.toml, 16 transitions, 2 gradient steps)");
    let longer = ["one.json", "--hosts", "4", "--gradient-steps", "64"];
    assert!(cost_model(dir.path(), &longer).1.contains("64 gradient steps"));

    std::fs::write(dir.path().join("bad.json"), "{\"results\": 3}").unwrap();
    for (args, code, words) in [
        (&["none.json"][..], 1, "none.json: No such file"),
        (&["bad.json"], 1, "bad.json is not what `fpo bench ranks --json` writes"),
        (&["one.json", "one.json"], 1, "one.json has no measurements of several ranks"),
        (&["one.json", "--hosts", "0"], 2, "--hosts: 0 must be greater than 0"),
        (&[], 2, "BENCH.json is needed"),
    ] {
        let found = cost_model(dir.path(), args);
        assert!(found.0 == code && found.1.contains(words), "{args:?}: {found:?}");
    }
}

#[test]
fn ranks_are_measured_by_themselves() {
    let dir = tempdir().unwrap();
    for more in [&["learner"][..], &["--threads", "2"], &["--devices", "cpu"]] {
        let words = ["`fpo bench ranks` is made by itself", "--repeats"];
        fail(dir.path(), &[&["bench", "ranks"], more].concat(), 2, &words);
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_in_a_cpu_build_says_how_to_build_it() {
    let dir = tempdir().unwrap();
    let args = ["bench", "learner", "--devices", "cpu,cuda"];
    fail(dir.path(), &args, 1, &["cuda", "--features cuda"]);
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_measured() {
    let dir = tempdir().unwrap();
    let args = [&SMALL[..], &["--json", "nowhere/a.json"]].concat();
    fail(dir.path(), &args, 1, &["cannot write nowhere/a.json"]);
}

#[test]
fn a_file_that_is_no_benchmark_is_not_compared() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("bad.json"), "{\"machine\": 3").unwrap();
    std::fs::write(dir.path().join("other.json"), "{\"name\": \"x\"}").unwrap();
    for name in ["bad.json", "other.json"] {
        let words = [name, "not what `fpo bench --json` writes"];
        fail(dir.path(), &["bench", "--compare", name, name], 1, &words);
    }
    fail(dir.path(), &["bench", "--compare", "none.json", "none.json"], 1, &["none.json"]);
    fail(dir.path(), &["bench", "--compare", "bad.json"], 2, &["--compare"]);
}

#[test]
fn the_doctor_says_what_is_there_as_text_and_as_json() {
    let dir = tempdir().unwrap();
    let text = succeed(dir.path(), &["doctor"]);
    for word in ["cpu", "cuda", "mujoco", "threads", "features"] {
        assert!(text.lines().any(|line| line.starts_with(word)), "no {word} in\n{text}");
    }
    let report: Value = serde_json::from_str(&succeed(dir.path(), &["doctor", "--json"])).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let mujoco = checks.iter().find(|check| check["name"] == "mujoco").unwrap();
    let expected = if cfg!(feature = "mujoco") { "ok" } else { "absent" };
    assert_eq!(mujoco["state"], expected);
    assert_eq!(report["machine"]["fpo"], env!("CARGO_PKG_VERSION"));
    assert!(report.get("caches").is_none(), "nothing is measured unasked");
}

#[test]
fn the_doctor_measures_the_caches_when_asked() {
    let dir = tempdir().unwrap();
    let text = succeed(dir.path(), &["doctor", "--caches"]);
    for word in ["cpu ", "1 thread, ", "L1 ", "memory ", "A kernel that does fewer"] {
        assert!(text.lines().any(|line| line.starts_with(word)), "no {word:?} in\n{text}");
    }
    let text = succeed(dir.path(), &["doctor", "--caches", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert!(report["machine"]["fpo"].is_string(), "the rest is there as well");
    let threads = std::thread::available_parallelism().unwrap().get();
    let teams = report["caches"]["teams"].as_array().unwrap();
    let counts: Vec<_> = teams.iter().map(|team| team["peak"]["threads"].as_u64()).collect();
    let expected = [1, threads as u64].map(Some);
    assert_eq!(counts, expected[..if threads > 1 { 2 } else { 1 }]);
    for level in teams.iter().flat_map(|team| team["levels"].as_array().unwrap()) {
        for name in ["read_bytes", "gb_per_s", "multiply_adds_per_byte"] {
            assert!(level[name].as_f64().unwrap() > 0.0, "{name} of {level}");
        }
    }
    assert_eq!(teams[0]["levels"][0]["level"], "L1");
}

#[test]
fn the_doctor_warns_of_more_threads_than_the_machine_has() {
    let dir = tempdir().unwrap();
    let many = std::thread::available_parallelism().unwrap().get() + 3;
    let mut command = fpo(dir.path());
    command.arg("doctor").env("RAYON_NUM_THREADS", many.to_string());
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("threads")).unwrap();
    let variable = format!("RAYON_NUM_THREADS={many}");
    assert!(line.contains("warning") && line.contains(&variable), "{text}");
}

#[test]
fn a_device_named_twice_is_measured_once_whichever_way_the_flag_is_spelt() {
    let dir = tempdir().unwrap();
    for flag in ["--devices", "--device"] {
        let args = ["bench", "launch", flag, "cpu,cpu", "--repeats", "2", "--json", "-"];
        let file: Value = serde_json::from_str(&succeed(dir.path(), &args)).unwrap();
        let operation = |result: &Value| result["operation"].as_str().unwrap().to_owned();
        let measured: Vec<_> = file["results"].as_array().unwrap().iter().map(operation).collect();
        let once = ["affine", "matrix product", "round trip from and to host memory"];
        assert_eq!(measured, once);
        assert!(file.get("against_cpu").is_none(), "the CPU has nothing to be compared with");
    }
}
