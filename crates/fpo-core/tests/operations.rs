//! How many buffers the composed operations write: on a GPU each is at least one kernel launch.
//!
//! A concatenation is one buffer (and, on a GPU, one copy per part). The count runs in f64, because
//! f32 on the CPU takes Adam's in-place path, which a GPU does not. `--nocapture` prints it by
//! phase and operation.
//!
//! The bounds stand just above what was counted: a change that makes the path longer fails here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod counting;
#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use candle_core::{DType, Device, Tensor, Var};
use counting::{Tally, buffers};
use fpo_core::gae::AdvantageKind;
use fpo_core::{
    Activation, AdvantageNormalization, Compute, FlowConfig, Objective, RatioKind, Transfers,
};
use problem::Problem;

/// The networks and the unroll of the paper; the other sizes do not change the count.
fn paper() -> Problem {
    Problem {
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
        time: None,
        samples: 2,
        unroll_length: 30,
        unrolls: 1,
        envs: 3,
        sequences: 3,
        hidden: Default::default(),
    }
}

fn the_counter_counts() {
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
}

/// One test, because tests of one process would count each other's buffers.
#[test]
fn the_composed_path_stays_as_short_as_it_is() {
    the_counter_counts();
    let problem = paper();
    let mut learner = problem.learner(Compute::Composed, DType::F64);
    let rollout = problem.rollout(&mut learner, DType::F64).0;
    let picks = problem.picks();
    let normalizer = learner.device_normalizer().unwrap();
    let minibatch = rollout.minibatch(&picks, 30).unwrap();
    let (obs, start) = problem.sampling(problem.flow.action_dim);
    let at = |x: Tensor| x.to_dtype(DType::F64).unwrap();
    let (obs, start) = (at(obs), at(start));
    let acting = learner.policy().frozen();
    // The first calls bring constants to the device and join Adam's moments.
    learner.gradient_step(&minibatch, &normalizer).unwrap();
    acting.act(&obs, &start).unwrap();

    let before = Transfers::so_far();
    let (step, _) = buffers(|| learner.gradient_step(&minibatch, &normalizer).unwrap());
    let (sample, _) = buffers(|| acting.act(&obs, &start).unwrap());
    let moved = Transfers::so_far().since(before);
    assert_eq!(moved, Transfers { to_device: 1, to_host: 0 }, "the places of the minibatch");

    let (steps, _) = Tally::of(|| learner.gradient_step(&minibatch, &normalizer).unwrap());
    let (samples, _) = Tally::of(|| acting.act(&obs, &start).unwrap());
    steps.print("a gradient step");
    samples.print("sampling in 10 Euler steps");
    for (what, count, tally, bound) in [
        ("a gradient step", step, steps, STEP),
        ("sampling in 10 Euler steps", sample, samples, SAMPLE),
    ] {
        assert!(count <= bound, "{what} writes {count} buffers, more than {bound}");
        assert!(count > bound / 2, "the counter misses something: {what} writes {count}");
        assert_eq!(tally.total(), count, "the tally of {what}");
    }
}

/// Buffers of a gradient step.
const STEP: usize = 298;
/// Buffers of a sampling call.
const SAMPLE: usize = 121;
