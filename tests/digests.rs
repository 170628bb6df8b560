//! Compares digests of short runs of every method with a table, so that whoever changes a bit of
//! what is trained learns it here.
//!
//! For each run the table `tests/golden/digests.json` holds a digest of the policy's tensors
//! (names, shapes and bytes, not the metadata) and a digest of the values of each metric over the
//! run, except the metrics of `time/`. Only metrics that the table lists count, so that a metric
//! that is added later changes nothing. A change that is meant to change numbers records the table
//! anew and says why.
//!
//! The table holds for processors with AVX2 or AVX-512 and for the C library that it names, because
//! `tanh` and logarithms differ between versions of that library. Runs of composed operations also
//! depend on the width of the processor's vectors. Elsewhere the test says that it was skipped.
//!
//! ```console
//! $ FPO_DIGESTS=record cargo test --test digests          # writes the table
//! $ FPO_DIGESTS_PROGRAM=other/fpo cargo test --test digests # compares two builds, on any machine
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{metrics, root};
use fpo_core::{Data, Isa, TensorFile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tempfile::tempdir;

/// A run: its name, the configuration's files below `configs/`, and what overrides them.
struct Run {
    name: &'static str,
    files: &'static [&'static str],
    set: &'static [&'static str],
    composed: bool,
}

const fn run(
    name: &'static str,
    files: &'static [&'static str],
    set: &'static [&'static str],
) -> Run {
    Run { name, files, set, composed: false }
}

const GRID: &str = "gridworld/two_walls.toml";
const CHEETAH: &str = "desk/cheetah_run.toml";

const RUNS: [Run; 15] = [
    run("gridworld fpo", &[GRID], &[]),
    run("gridworld fpo++", &[GRID, "gridworld/methods/fpo++.toml"], &["algorithm.ema_warmup=1"]),
    run("gridworld ppo", &[GRID, "gridworld/methods/ppo.toml"], &[]),
    run("gridworld dppo", &[GRID, "gridworld/methods/dppo.toml"], &[]),
    run(
        "gridworld fpo, cosine path, predicted action",
        &[GRID],
        &["policy.path=cosine", "policy.prediction=data", "normalizer.kind=welford"],
    ),
    run(
        "gridworld dppo, final half",
        &[GRID, "gridworld/methods/dppo.toml"],
        &["algorithm.scored_steps=final_half", "policy.path=cosine"],
    ),
    Run { composed: true, ..run("gridworld fpo, composed", &[GRID], &["train.kernels=composed"]) },
    Run {
        composed: true,
        ..run(
            "gridworld ppo, composed",
            &[GRID, "gridworld/methods/ppo.toml"],
            &["train.kernels=composed"],
        )
    },
    run("cheetah fpo, clip", &[CHEETAH, "desk/methods/fpo_clip.toml"], &[]),
    run("cheetah fpo, spo", &[CHEETAH], &[]),
    run("cheetah fpo++", &[CHEETAH, "desk/methods/fpo++.toml"], &[]),
    run("cheetah ppo", &[CHEETAH, "desk/methods/ppo.toml"], &[]),
    run("cheetah dppo", &[CHEETAH, "desk/methods/dppo.toml"], &[]),
    run(
        "cheetah fpo, official",
        &[CHEETAH],
        &["normalizer.kind=official", "normalizer.update=after", "algorithm.advantage=vtrace"],
    ),
    run(
        "cheetah fpo, cut episodes bootstrap",
        &[CHEETAH],
        &["algorithm.truncation=bootstrap", "train.overlap=on"],
    ),
];

/// Three iterations of GridWorld, two of CheetahRun, whose episodes end inside them.
const SHORT_GRID: &[&str] = &["train.total_steps=6144", "eval.count=2", "eval.episodes=16"];
const SHORT_CHEETAH: &[&str] = &[
    "env.num_envs=32",
    "env.episode_length=50",
    "train.num_minibatches=4",
    "train.num_epochs=2",
    "train.total_steps=3840",
    "eval.count=2",
    "eval.episodes=4",
];

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Digests {
    policy: String,
    metrics: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Table {
    /// The C library, as `getconf GNU_LIBC_VERSION` names it.
    library: String,
    /// The widest vectors of the processor, which composed runs depend on.
    vectors: String,
    runs: BTreeMap<String, Digests>,
    /// The report of a policy played by another sampler.
    dopri5: String,
}

fn table_path() -> PathBuf {
    root().join("tests/golden/digests.json")
}

fn library() -> Option<String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

fn vectors() -> String {
    Isa::ALL.iter().rev().find(|isa| isa.is_available()).unwrap().name().into()
}

/// Returns the first half of a digest, which is enough to tell numbers apart.
fn hex(hasher: Sha256) -> String {
    hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the digest of a policy's tensors.
fn policy_digest(path: &Path) -> String {
    let file = TensorFile::from_bytes(&fs::read(path).unwrap()).unwrap();
    let mut hasher = Sha256::new();
    for (name, array) in file.arrays() {
        let Data::F32(values) = &array.data else { panic!("{name} is not f32") };
        hasher.update(format!("{name} {:?}\n", array.shape));
        values.iter().for_each(|x| hasher.update(x.to_le_bytes()));
    }
    hex(hasher)
}

/// Returns the digest of the values of each metric that is not a time.
fn metric_digests(run: &Path) -> BTreeMap<String, String> {
    let rows = metrics(run);
    // The hash of the parameters is no number; the policy's digest covers what it does.
    let counts = |key: &&String| !key.starts_with("time/") && *key != "params";
    let keys = rows.iter().flat_map(|row| row.keys()).filter(counts);
    let digest = |key: &String| {
        let mut hasher = Sha256::new();
        for row in &rows {
            let value = row.get(key).map(|value| value.as_f64().unwrap());
            hasher.update(format!("{value:?}\n"));
        }
        hex(hasher)
    };
    keys.map(|key| (key.clone(), digest(key))).collect()
}

/// Trains `run` with `program` below `folder`. Returns the folder of the run.
fn train(program: &Path, folder: &Path, run: &Run, more: &[&str]) -> PathBuf {
    let out = folder.join(run.name.replace(' ', "-"));
    let mut command = Command::new(program);
    command.current_dir(folder).arg("train");
    command.args(run.files.iter().map(|file| root().join("configs").join(file)));
    let short = if run.files[0] == GRID { SHORT_GRID } else { SHORT_CHEETAH };
    for set in short.iter().chain(run.set).chain(more) {
        command.args(["--set", set]);
    }
    let output = command.arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}: {}", run.name, common::stderr(&output));
    out
}

fn digests(run: &Path) -> Digests {
    Digests { policy: policy_digest(&run.join("policy.safetensors")), metrics: metric_digests(run) }
}

fn runs() -> impl Iterator<Item = &'static Run> {
    RUNS.iter().filter(|run| cfg!(feature = "mujoco") || run.files[0] == GRID)
}

/// Returns the report of the first run's policy, whose actions an adaptive sampler draws.
fn dopri5(program: &Path, run: &Path) -> String {
    let mut command = Command::new(program);
    command.args(["eval"]).arg(run).args(["--sampler", "dopri5", "--episodes", "16", "--json"]);
    let output = command.args(["--seed", "7"]).output().unwrap();
    assert!(output.status.success(), "{}", common::stderr(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

/// Returns the table of the digests of `program`.
fn record(program: &Path) -> Table {
    let dir = tempdir().unwrap();
    let folders: Vec<_> = runs().map(|run| train(program, dir.path(), run, &[])).collect();
    let digests = runs().zip(&folders).map(|(run, at)| (run.name.into(), digests(at)));
    let (runs, dopri5) = (digests.collect(), dopri5(program, &folders[0]));
    Table { library: library().unwrap_or_default(), vectors: vectors(), runs, dopri5 }
}

/// Compares the runs of two tables; `composed` says whether those of composed operations count.
fn compare(expected: &Table, found: &Table, composed: bool) {
    let mut different = Vec::new();
    for run in runs().filter(|run| composed || !run.composed) {
        let (expected, found) = (&expected.runs[run.name], &found.runs[run.name]);
        if expected.policy != found.policy {
            different.push(format!("{}: the policy", run.name));
        }
        for (key, digest) in &expected.metrics {
            if found.metrics.get(key) != Some(digest) {
                different.push(format!("{}: {key}", run.name));
            }
        }
    }
    // A report may say more than it did when the table was recorded, but not something else.
    let report = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
    let found_report = report(&found.dopri5);
    let same = report(&expected.dopri5).iter().all(|(key, x)| found_report.get(key) == Some(x));
    if composed && !same {
        different.push(format!("dopri5: {} instead of {}", found.dopri5, expected.dopri5));
    }
    assert!(different.is_empty(), "these have other digests:\n{}", different.join("\n"));
}

#[test]
fn runs_have_the_digests_of_the_table() {
    let program = Path::new(env!("CARGO_BIN_EXE_fpo"));
    let asked = std::env::var_os("FPO_DIGESTS");
    assert!(asked.as_ref().is_none_or(|what| what == "record"), "FPO_DIGESTS={asked:?}: record");
    if asked.is_some() {
        let recorder = std::env::var_os("FPO_DIGESTS_PROGRAM").map(PathBuf::from);
        let table = record(recorder.as_deref().unwrap_or(program));
        let text = serde_json::to_string_pretty(&table).unwrap();
        fs::write(table_path(), text + "\n").unwrap();
        return;
    }
    let table: Table = serde_json::from_str(&fs::read_to_string(table_path()).unwrap()).unwrap();
    if let Some(other) = std::env::var_os("FPO_DIGESTS_PROGRAM").map(PathBuf::from) {
        let expected = record(&other);
        compare(&expected, &record(program), true);
        return;
    }
    if library().as_ref() != Some(&table.library) || vectors() == Isa::Portable.name() {
        println!("digests: skipped, the table holds for AVX2 and {}", table.library);
        return;
    }
    let same_vectors = vectors() == table.vectors;
    if !same_vectors {
        println!("digests: composed runs skipped, the table's are of {}", table.vectors);
    }
    compare(&table, &record(program), same_vectors);
}

/// A run that goes on from a checkpoint ends with the digests of one that was never interrupted.
#[test]
fn a_resumed_run_has_the_digests_of_an_uninterrupted_one() {
    let (dir, program) = (tempdir().unwrap(), Path::new(env!("CARGO_BIN_EXE_fpo")));
    let keep = ["checkpoint.interval_s=0", "checkpoint.keep=100"];
    let run = train(program, dir.path(), &RUNS[0], &keep);
    let whole = digests(&run);
    // The run is brought to the state in which a kill after the second iteration would leave it.
    let mut checkpoints: Vec<_> =
        fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    checkpoints.sort();
    assert!(checkpoints.len() >= 4, "{checkpoints:?}");
    for later in &checkpoints[3..] {
        fs::remove_dir_all(later).unwrap();
    }
    fs::remove_file(run.join("policy.safetensors")).unwrap();
    let resumed = Command::new(program).args(["train", "--resume"]).arg(&run).output().unwrap();
    assert!(resumed.status.success(), "{}", common::stderr(&resumed));
    assert_eq!(digests(&run), whole);
}
