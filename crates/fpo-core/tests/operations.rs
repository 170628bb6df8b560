//! How many buffers the composed operations write: on a GPU each is at least one kernel launch.
//!
//! Candle counts no operations, but every operation that computes puts its result into a new
//! storage behind an `Arc`, while views share theirs; so the allocations of exactly that size and
//! alignment count the buffers written, uploads and zeroed gradients included. A concatenation is
//! one buffer (and, on a GPU, one copy per part). The count runs in f64, because f32 on the CPU
//! takes Adam's in-place path, which a GPU does not.
//!
//! The bounds stand just above what was counted: a change that makes the path longer fails here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Storage, Tensor, Var};
use fpo_core::gae::AdvantageKind;
use fpo_core::{Activation, AdvantageNormalization, Compute, FlowConfig, Objective, RatioKind};
use problem::Problem;

/// Counts the storages that are made.
struct Counting;

static STORAGES: AtomicUsize = AtomicUsize::new(0);

/// What `Arc<RwLock<Storage>>` allocates: two counters and the storage.
const STORAGE: Layout = match Layout::new::<[usize; 2]>().extend(Layout::new::<RwLock<Storage>>()) {
    Ok((layout, _)) => layout.pad_to_align(),
    Err(_) => panic!("too large"),
};

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        STORAGES.fetch_add(usize::from(layout == STORAGE), Ordering::Relaxed);
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

fn buffers<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = STORAGES.load(Ordering::Relaxed);
    let result = work();
    (STORAGES.load(Ordering::Relaxed) - before, result)
}

/// One test, because tests of one process would count each other's buffers.
#[test]
fn the_composed_path_stays_as_short_as_it_is() {
    let x = Tensor::zeros((4, 6), DType::F64, &Device::Cpu).unwrap();
    let (count, var) = buffers(|| Var::from_tensor(&x).unwrap());
    assert_eq!(count, 1, "a variable is a copy");
    let (count, _) = buffers(|| x.narrow(0, 1, 2).unwrap().unsqueeze(1).unwrap().t().unwrap());
    assert_eq!(count, 0, "views write nothing");
    let (count, loss) =
        buffers(|| var.affine(2.0, 1.0).unwrap().silu().unwrap().sum_all().unwrap());
    assert_eq!(count, 3, "an affine map, an activation and a sum");
    let (count, _) = buffers(|| loss.backward().unwrap());
    assert!(count > 6, "candle zeroes and adds each gradient: {count}");

    // The networks and the unroll of the paper; the other sizes do not change the count.
    let problem = Problem {
        seed: 0,
        kind: problem::Kind::Flow,
        flow: FlowConfig::new(17, 6),
        value_hidden: vec![256; 5],
        value_activation: Activation::Silu,
        objective: Objective {
            ratio: RatioKind::PerAction,
            advantage: AdvantageKind::Vtrace,
            normalize_advantages: AdvantageNormalization::Minibatch,
            ..Objective::default()
        },
        own_surrogate: None,
        rounding: None,
        samples: 2,
        unroll_length: 30,
        unrolls: 1,
        envs: 3,
        sequences: 3,
    };
    let mut learner = problem.learner(Compute::Composed, DType::F64);
    let rollout = problem.rollout(&mut learner, DType::F64).0;
    let picks = problem.picks();
    let normalizer = learner.device_normalizer().unwrap();
    let minibatch = rollout.minibatch(&picks, 30).unwrap();

    let (gather, tensors) = buffers(|| minibatch.gather().unwrap());
    let (loss, step) = buffers(|| learner.loss(&minibatch, &normalizer).unwrap());
    let (policy, _) = buffers(|| step.policy.backward().unwrap());
    let (value, _) = buffers(|| step.value.backward().unwrap());
    let (whole, _) = buffers(|| learner.gradient_step(&minibatch, &normalizer).unwrap());
    let (obs, start) = problem.sampling(problem.flow.action_dim);
    let at = |x: Tensor| x.to_dtype(DType::F64).unwrap();
    let (obs, start) = (at(obs), at(start));
    let acting = learner.policy().frozen();
    let (sample, _) = buffers(|| acting.act(&obs, &start).unwrap());
    drop(tensors);
    println!(
        "buffers written: gradient step {whole} (gather {gather}, rest of the loss {}, backward \
         of the policy {policy}, of the value network {value}, optimiser {}), sampling {sample}",
        loss - gather,
        whole - loss - policy - value,
    );
    for (what, count, bound) in
        [("a gradient step", whole, 730), ("sampling in 10 Euler steps", sample, 180)]
    {
        assert!(count <= bound, "{what} writes {count} buffers, more than {bound}");
        assert!(count > bound / 2, "the counter misses something: {what} writes {count}");
    }
}
