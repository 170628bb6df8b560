//! Tests that a step of the environments takes one copy to the policy's device and one back.
//!
//! What is brought to the device once per rollout, such as the statistics of the observations, does
//! not depend on its length, so that two lengths tell it from what every step brings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::ops::ControlFlow;

use candle_core::Device;
use fpo_cli::config::Config;
use fpo_cli::training::collector::Plan;
use fpo_cli::training::trainer::Trainer;
use fpo_core::{Noise, Transfers};

fn trainer(algorithm: &str, kernels: &str) -> Trainer {
    let text = format!(
        "[env]\ntask = \"Classic/Pendulum\"\nnum_envs = 6\n\
         [train]\nunroll_length = 4\nbatch_size = 6\nnum_minibatches = 2\ndevice = \"cpu\"\n\
         kernels = {kernels:?}\n[policy]\nhidden = [8]\n[value]\nhidden = [8]\n\
         [algorithm]\nkind = {algorithm:?}\n"
    );
    Trainer::new(Config::from_toml_str(&text, "run").unwrap(), &Device::Cpu).unwrap()
}

/// Copies while a rollout of `length` steps is collected.
fn copies(trainer: &mut Trainer, length: usize, overlap: bool) -> Transfers {
    let num_samples = trainer.config.algorithm.num_samples;
    let plan = Plan { length, unroll_length: 4, num_samples, overlap, noise_correlation: 0.0 };
    let Trainer { collector, learner, .. } = trainer;
    let before = Transfers::so_far();
    collector.collect(learner, &Noise::new(0), plan, &mut |_| ControlFlow::Continue(())).unwrap();
    Transfers::so_far().since(before)
}

/// One test, because tests of one process would count each other's copies.
#[test]
fn a_step_of_the_environments_takes_one_copy_to_the_device_and_one_back() {
    // A flow, a Gaussian, and a chain, of which training keeps the states too.
    for algorithm in ["fpo", "ppo", "dppo"] {
        for kernels in ["composed", "auto"] {
            let mut trainer = trainer(algorithm, kernels);
            for (overlap, turns) in [(false, 1), (true, 2)] {
                let what = format!("{algorithm}, {kernels}, overlap {overlap}");
                let [short, long] = [8, 20].map(|length| copies(&mut trainer, length, overlap));
                assert_eq!(
                    long.since(short),
                    Transfers { to_device: 12 * turns, to_host: 12 * turns }
                );
                assert_eq!(short.to_host, 8 * turns, "{what}: nothing else comes back");
                let once = short.to_device - 8 * turns;
                assert!((2..=8).contains(&once), "{what}: {once} copies once per rollout");
            }
        }
    }
}
