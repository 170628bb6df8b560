//! Tests that rollouts are collected in memory that is allocated once.
//!
//! The sizes are chosen so that the smallest tensor of a rollout, its rewards, is larger than
//! anything that a single step allocates. Every allocation of that size or more is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use fpo_cli::config::Config;
use fpo_cli::training::collector::Plan;
use fpo_cli::training::trainer::Trainer;
use fpo_core::Noise;

const RUN: &str = "[env]\ntask = \"Classic/Cartpole\"\nnum_envs = 8\n\
    [train]\nunroll_length = 512\nbatch_size = 8\nnum_minibatches = 4\ndevice = \"cpu\"\n\
    [policy]\nhidden = [8]\n[value]\nhidden = [8]\n[algorithm]\nnum_samples = 3\n";
/// Bytes of the rewards of 2048 steps of 8 environments.
const LARGE: usize = 2048 * 8 * size_of::<f32>();

/// Counts the large allocations of all threads.
struct Counting;

static LARGE_ONES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGE_ONES.fetch_add(usize::from(layout.size() >= LARGE), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn large<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = LARGE_ONES.load(Ordering::Relaxed);
    let result = work();
    (LARGE_ONES.load(Ordering::Relaxed) - before, result)
}

/// One test, because tests of one process would count each other's allocations.
#[test]
fn only_the_first_rollout_allocates_memory_for_rollouts() {
    let config = Config::from_toml_str(RUN, "run").unwrap();
    let mut trainer = Trainer::new(config, &Device::Cpu).unwrap();
    let noise = Noise::new(0);
    for overlap in [false, true] {
        let plan = Plan {
            length: trainer.config.iteration_length(),
            unroll_length: trainer.config.train.unroll_length,
            num_samples: trainer.config.algorithm.num_samples,
            overlap,
            noise_correlation: 0.0,
        };
        let draws = fpo_cli::training::build::sample_draws(&trainer.config);
        let Trainer { collector, learner, .. } = &mut trainer;
        for iteration in 0..3 {
            let (collecting, collected) = large(|| {
                collector
                    .collect(learner, &noise, plan, &mut |_| ControlFlow::Continue(()))
                    .unwrap()
            });
            let (storage, first_step) = (collected.storage, collected.first_step);
            let (completing, rollout) =
                large(|| learner.complete(storage, draws, &noise, first_step).unwrap());
            assert_eq!(rollout.reward.elem_count() * size_of::<f32>(), LARGE);
            if iteration > 0 || overlap {
                assert_eq!(collecting, 0, "iteration {iteration}");
                // The one allocation is the learner's, for the stored losses.
                assert!(completing <= 1, "iteration {iteration}: {completing}");
            } else {
                // The eight are observations, actions, rewards, two flags, values at cuts, noise
                // and times. The observations after each unroll are too few to count.
                assert_eq!(collecting, 8, "the counter misses something");
            }
        }
    }
}
