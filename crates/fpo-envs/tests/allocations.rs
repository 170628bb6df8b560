//! A step that ends no episode allocates no memory, whatever the task.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use driver::{options, random_actions, runner};
use fpo_envs::{VecEnvOptions, tasks};

thread_local! {
    /// Number of allocations of this thread so far. Those of the test runner's threads do not
    /// count.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps to the contract of `alloc`, which is that of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `alloc` above, which is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

#[test]
fn steps_within_an_episode_allocate_nothing() {
    // A single thread does all the work, so that all of its allocations are counted.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for spec in tasks() {
        let counted = pool.install(|| {
            let chunk = VecEnvOptions { chunk: Some(2), ..options(12, 4, 10_000) };
            let mut envs = runner(&spec, &chunk);
            envs.reset();
            let mut counted = Vec::new();
            for step in 0..30 {
                let actions = random_actions(&spec, 12, step);
                let before = ALLOCATIONS.get();
                envs.step(&actions);
                let allocations = ALLOCATIONS.get() - before;
                let ended = envs.terminated.iter().chain(&envs.truncated).any(|&end| end);
                // The first step makes the worker.
                if step > 0 && !ended {
                    counted.push(allocations);
                }
            }
            counted
        });
        assert!(!counted.is_empty(), "{}", spec.name);
        assert!(counted.iter().all(|&n| n == 0), "{}: {counted:?}", spec.name);
    }
}
