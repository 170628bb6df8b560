//! Runs that several ranks make together: the bits of one process, whatever their number, and what
//! follows where one of them cannot go on.
//!
//! The ranks are threads of this process, so that no MPI is needed. `tests/ranks/mpi.rs` makes the
//! same runs under the `mpirun` of the PyPI wheels, where they are installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;
#[path = "ranks/faults.rs"]
mod faults;
#[path = "ranks/fixture.rs"]
mod fixture;
#[path = "ranks/mpi.rs"]
mod mpi;

use fixture::{Run, digests, on_ranks, resume_on_ranks, train_alone};
use fpo_cli::terminal::failure::{STOPPED, USAGE, describe, exit_code};
use fpo_core::Threads;
use tempfile::tempdir;

const GRID: &str = "gridworld/two_walls.toml";

/// Two iterations of GridWorld with more sub-sequences than one rank's share is a multiple of.
const SHORT_GRID: &[&str] = &["train.total_steps=4096", "eval.count=2", "eval.episodes=7"];

fn grid(files: &[&'static str], set: &[&'static str]) -> Run {
    Run { files: [&[GRID], files].concat(), set: [SHORT_GRID, set].concat() }
}

/// Every method, and what else computes in ways of its own.
fn runs() -> Vec<Run> {
    let mut runs = vec![
        grid(&[], &["eval.count=3"]),
        grid(&["gridworld/methods/fpo++.toml"], &["algorithm.ema_warmup=1"]),
        grid(
            &["gridworld/methods/fpo_entropy.toml"],
            &["train.total_steps=16384", "algorithm.reward_scaling=returns"],
        ),
        grid(&["gridworld/methods/ppo.toml"], &[]),
        grid(&["gridworld/methods/dppo.toml"], &["policy.path=cosine", "policy.source_std_to=0.5"]),
        grid(&[], &["train.kernels=composed", "algorithm.target_divergence=1e-3"]),
    ];
    if cfg!(feature = "mujoco") {
        let set = vec![
            "env.num_envs=9",
            "env.episode_length=30",
            "train.batch_size=6",
            "train.unroll_length=10",
            "train.num_minibatches=3",
            "train.num_epochs=2",
            "train.total_steps=360",
            "eval.count=2",
            "eval.episodes=3",
            "algorithm.truncation=bootstrap",
            "train.overlap=on",
            "algorithm.noise_correlation=0.3",
        ];
        runs.push(Run { files: vec!["desk/cheetah_run.toml"], set });
    }
    runs
}

#[test]
fn any_number_of_ranks_has_the_bits_of_one_process() {
    let dir = tempdir().unwrap();
    for (number, run) in runs().iter().enumerate() {
        let alone = dir.path().join(format!("{number}-alone"));
        train_alone(run, &alone).unwrap();
        let expected = digests(&alone);
        for size in 2..=4 {
            let out = dir.path().join(format!("{number}-{size}"));
            for ended in on_ranks(Threads::ranks(size), run, &out) {
                ended.unwrap();
            }
            assert_eq!(digests(&out), expected, "{:?} {:?} on {size} ranks", run.files, run.set);
        }
    }
}

#[test]
fn a_run_goes_on_with_any_number_of_ranks() {
    let dir = tempdir().unwrap();
    let all = ["train.total_steps=8192", "eval.count=0"];
    let run = grid(&[], &all);
    let alone = dir.path().join("alone");
    train_alone(&run, &alone).unwrap();
    // A run of one iteration is prolonged by one each time.
    let part = dir.path().join("part");
    train_alone(&grid(&[], &["train.total_steps=2048", "eval.count=0"]), &part).unwrap();
    for (size, steps) in [(2, 4096), (3, 6144), (1, 8192)] {
        let ended = resume_on_ranks(Threads::ranks(size), &part, steps);
        ended.into_iter().for_each(|ended| ended.unwrap());
    }
    let [found, expected] = [digests(&part), digests(&alone)];
    for file in ["policy", "learner.safetensors", "envs.safetensors"] {
        assert_eq!(found[file], expected[file], "{file}");
    }
}

#[test]
fn a_run_that_starts_from_a_policy_does_so_on_all_ranks() {
    let dir = tempdir().unwrap();
    let first = dir.path().join("first");
    train_alone(&grid(&[], &["eval.count=0"]), &first).unwrap();
    let init: &'static str =
        Box::leak(format!("train.init={}", toml::Value::from(first.to_str().unwrap())).into());
    let run = grid(&[], &["train.seed=5", init]);
    let (alone, together) = (dir.path().join("alone"), dir.path().join("together"));
    train_alone(&run, &alone).unwrap();
    on_ranks(Threads::ranks(3), &run, &together).into_iter().for_each(|ended| ended.unwrap());
    assert_eq!(digests(&together), digests(&alone));
}

#[test]
fn a_divergence_that_the_run_comes_back_from_is_the_same_on_ranks() {
    let dir = tempdir().unwrap();
    let run = grid(
        &[],
        &[
            "optimizer.learning_rate=30.0",
            "algorithm.clip_epsilon=0.99",
            "train.on_divergence=rollback",
            "train.rollback_factor=1e-5",
            "checkpoint.interval_s=0",
            "train.total_steps=8192",
        ],
    );
    let (alone, together) = (dir.path().join("alone"), dir.path().join("together"));
    train_alone(&run, &alone).unwrap();
    on_ranks(Threads::ranks(2), &run, &together).into_iter().for_each(|ended| ended.unwrap());
    let rows = common::metrics(&together);
    assert!(rows.last().unwrap()["train/rollbacks"].as_f64().unwrap() > 0.0, "it did diverge");
    assert_eq!(digests(&together), digests(&alone));
}

#[test]
fn a_run_whose_time_is_up_is_saved_and_goes_on() {
    let dir = tempdir().unwrap();
    let run = grid(&[], &["train.total_steps=100000000", "eval.count=0", "train.stop_after=1s"]);
    let out = dir.path().join("run");
    let ended = on_ranks(Threads::ranks(2), &run, &out);
    assert_eq!(exit_code(ended[0].as_ref().unwrap_err()), STOPPED);
    assert!(ended[1].is_ok());
    let checkpoints = std::fs::read_dir(out.join("checkpoints")).unwrap();
    let last = checkpoints.map(|entry| entry.unwrap().file_name()).max().unwrap();
    let steps: u64 = last.to_str().unwrap().trim_start_matches("step_").parse().unwrap();
    let ended = resume_on_ranks(Threads::ranks(3), &out, steps + 2048);
    ended.into_iter().for_each(|ended| ended.unwrap());
}

#[test]
fn ranks_with_different_configurations_do_not_begin() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    let same = grid(&[], &[]);
    let seed = grid(&[], &["train.seed=7"]);
    let batch = grid(&[], &["train.batch_size=8", "train.num_minibatches=8"]);
    for (other, words) in
        [(seed, "`train.seed` is 0 on rank 0 and 7 on rank 2"), (batch, "`train.batch_size` is ")]
    {
        let runs = [&same, &same, &other];
        let ended = fixture::on_ranks_of_their_own(Threads::ranks(3), &runs, &out);
        let error = ended[0].as_ref().unwrap_err();
        assert!(describe(error).starts_with(words), "{error:?}");
        assert_eq!(exit_code(error), USAGE);
        assert!(ended[1..].iter().all(|ended| ended.is_ok()), "rank 0 alone speaks");
        assert!(!out.exists());
    }
}

#[test]
fn a_configuration_that_one_rank_cannot_read_is_named_with_the_rank() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("run");
    let (same, wrong) = (grid(&[], &[]), grid(&[], &["train.batch_sizes=7"]));
    let ended = fixture::on_ranks_of_their_own(Threads::ranks(2), &[&same, &wrong], &out);
    let text = describe(ended[0].as_ref().unwrap_err());
    assert!(text.starts_with("rank 1: ") && text.contains("train.batch_sizes"), "{text}");
    assert!(ended[1].is_ok() && !out.exists());
}

#[test]
fn more_ranks_than_environments_are_refused() {
    let dir = tempdir().unwrap();
    let run = grid(&[], &["env.num_envs=2"]);
    let ended = on_ranks(Threads::ranks(3), &run, &dir.path().join("run"));
    let error = ended[0].as_ref().unwrap_err();
    assert_eq!(describe(error), "env.num_envs is 2, too few for 3 ranks");
    assert_eq!(exit_code(error), USAGE);
    assert!(ended[1..].iter().all(|ended| ended.is_ok()));
}
