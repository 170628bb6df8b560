//! Tests that a run whose environments step in halves, each while the policy acts for the other,
//! has the same bits as a run whose environments step all at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::ops::ControlFlow;
use std::path::Path;

use candle_core::Device;
use fpo_cli::config::Config;
use fpo_cli::run::dir::RunDir;
use fpo_cli::run::metrics::Metrics;
use fpo_cli::training::trainer::Trainer;
use fpo_cli::training::{checkpoint, policy_file};

/// Iterations of a run.
const ITERATIONS: usize = 3;

/// Builds a trainer with an odd number of environments, whose episodes end within a rollout.
/// Their actions' noise hangs together in time.
fn trainer(overlap: &str, kernels: &str) -> Trainer {
    let task = if cfg!(feature = "mujoco") { "CheetahRun" } else { "GridWorld/two_walls" };
    let text = format!(
        "[env]\ntask = {task:?}\nnum_envs = 37\nepisode_length = 11\n\
         [train]\nunroll_length = 8\nbatch_size = 37\nnum_minibatches = 2\nnum_epochs = 1\n\
         device = \"cpu\"\noverlap = {overlap:?}\nkernels = {kernels:?}\n\
         [algorithm]\nnoise_correlation = 0.5\n[value]\nhidden = [32]\n"
    );
    Trainer::new(Config::from_toml_str(&text, "run").unwrap(), &Device::Cpu).unwrap()
}

/// Returns an iteration's metrics without its times.
fn iterate(trainer: &mut Trainer) -> Metrics {
    let mut metrics = trainer.iterate(&mut |_| ControlFlow::Continue(())).unwrap();
    metrics.retain(|(key, _)| !key.starts_with("time/"));
    assert!(metrics.iter().any(|(key, value)| key == "rollout/episodes" && *value > 0.0));
    metrics
}

/// Metrics of all iterations, the policy's bytes and the environments' state.
type Outcome = (Vec<Metrics>, Vec<u8>, fpo_envs::VecEnvState);

fn outcome(metrics: Vec<Metrics>, trainer: &Trainer) -> Outcome {
    (metrics, policy_file::trained(trainer).unwrap(), trainer.collector.stage.envs.save())
}

fn run(overlap: &str, kernels: &str, threads: usize) -> Outcome {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut trainer = trainer(overlap, kernels);
        let metrics = (0..ITERATIONS).map(|_| iterate(&mut trainer)).collect();
        outcome(metrics, &trainer)
    })
}

#[test]
fn halves_have_the_bits_of_the_whole_on_any_number_of_threads() {
    let whole = run("off", "auto", 2);
    assert!(whole == run("auto", "auto", 2), "on the CPU, auto is off");
    for threads in [1, 2, 3] {
        assert!(whole == run("off", "auto", threads), "off, {threads} threads");
        assert!(whole == run("on", "auto", threads), "on, {threads} threads");
    }
    assert!(run("off", "composed", 2) == run("on", "composed", 2), "composed operations");
}

/// Runs one iteration with `before`, saves, and runs the other iterations with `after`.
fn resumed(folder: &Path, before: &str, after: &str) -> Outcome {
    let (run, _) = RunDir::create(folder).unwrap();
    let mut first = trainer(before, "auto");
    let mut metrics = vec![iterate(&mut first)];
    checkpoint::save(&run, &first, 0.0).unwrap();
    let mut second = trainer(after, "auto");
    let files = checkpoint::newest(&run, &mut fpo_cli::terminal::reporter::Notes).unwrap().unwrap();
    checkpoint::restore(&files, &mut second).unwrap();
    metrics.extend((1..ITERATIONS).map(|_| iterate(&mut second)));
    outcome(metrics, &second)
}

#[test]
fn a_run_in_halves_can_go_on_without_them_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run("off", "auto", 2);
    for (before, after) in [("on", "off"), ("off", "on"), ("on", "on")] {
        let folder = folder.path().join(format!("{before}-{after}"));
        assert!(whole == resumed(&folder, before, after), "{before}, then {after}");
    }
}

#[test]
fn the_times_of_an_iteration_in_halves_add_up() {
    let mut trainer = trainer("on", "auto");
    let metrics = trainer.iterate(&mut |_| ControlFlow::Continue(())).unwrap();
    let seconds = |part: &str| {
        let key = format!("time/{part}_s");
        metrics.iter().find(|(found, _)| *found == key).unwrap().1
    };
    let parts = ["env", "sample", "gae", "policy", "value", "optim", "other"].map(seconds);
    assert!(parts.iter().all(|&part| part > 0.0), "{parts:?}");
    let (sum, whole) = (parts.iter().sum::<f64>(), seconds("iteration"));
    assert!((sum / whole - 1.0).abs() < 1e-6, "{sum} of {whole}");
}
