//! What learners are after 1, 10 and 100 updates, each of an own rollout, with stored losses,
//! gradient steps and Adam: the distance of the parameters from those of the reference, as a share
//! of how far the reference has moved. Between f32 and f64 on the CPU that share is 1e-5 to 8e-5
//! after any of these numbers of updates.

use std::ops::ControlFlow;

use candle_core::{DType, Device};
use fpo_core::{
    Compute, DenoisingMdp, FlowConfig, MinibatchSchedule, Noise, Objective, ScoredSteps,
};

use super::{PRECISION, TIMES, compute, say};
use crate::device::{device, host};
use crate::problem::{Kind, Problem};

/// Numbers of updates, and the share that the distance may always have.
const MILESTONES: [(u64, f64); 3] = [(1, 3e-4), (10, 3e-4), (100, 3e-4)];
/// A share from which on f32 on the CPU would have lost the reference, too.
const LOST: f64 = 1e-2;

/// A learner and a rollout of 320 transitions, cut into two minibatches.
fn problem(kind: Kind, seed: u64) -> Problem {
    Problem {
        seed,
        kind,
        flow: FlowConfig { hidden: vec![32; 2], ..FlowConfig::new(5, 3) },
        value_hidden: vec![64; 2],
        objective: Objective { reward_scale: 1.0, ..Objective::default() },
        samples: 4,
        unroll_length: 20,
        unrolls: 2,
        envs: 8,
        sequences: 8,
        hidden: Default::default(),
        ..Problem::random(950)
    }
}

/// The parameters of both networks at the start and after each milestone.
fn course(kind: Kind, device: &Device, compute: Compute, dtype: DType) -> Vec<[Vec<f64>; 2]> {
    let first = problem(kind, 950);
    let mut learner = first.learner_on(device, compute, dtype);
    let schedule = MinibatchSchedule {
        unroll_length: first.unroll_length,
        batch_size: first.sequences,
        num_minibatches: 2,
        num_epochs: 1,
        max_divergence: None,
    };
    let mut course = Vec::new();
    let (last, _) = MILESTONES[MILESTONES.len() - 1];
    for update in 0..=last {
        if update == 0 || MILESTONES.iter().any(|&(milestone, _)| milestone == update) {
            let networks = [learner.policy().params(), learner.value().params()];
            course.push(networks.map(|params| host(params.flat())));
        }
        let (rollout, _) = problem(kind, 951 + update).rollout(&mut learner, dtype);
        learner
            .update(&rollout, schedule, &Noise::new(update), &mut |_| ControlFlow::Continue(()))
            .unwrap();
    }
    course
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let square = |(a, b): (&f64, &f64)| {
        if a.is_finite() { (a - b) * (a - b) } else { f64::INFINITY }
    };
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

fn compare(name: &str, kind: Kind) {
    let _guard = PRECISION.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    let expected = course(kind, &Device::Cpu, Compute::Composed, DType::F64);
    let single = course(kind, &Device::Cpu, Compute::Composed, DType::F32);
    let found = course(kind, &device(), compute(), DType::F32);
    let mut shares = Vec::new();
    for (k, (updates, floor)) in (1..).zip(MILESTONES) {
        for (net, network) in ["policy", "value network"].into_iter().enumerate() {
            let moved = distance(&expected[k][net], &expected[0][net]);
            let off = |course: &[[Vec<f64>; 2]]| distance(&course[k][net], &expected[k][net]);
            let (error, rounding) = (off(&found) / moved, off(&single) / moved);
            let about = format!("{name}, {network}, after {updates} updates");
            assert!(rounding < LOST, "{about}: nothing to compare with, {rounding:.1e}");
            let allowed = floor.max(TIMES * rounding);
            assert!(error < allowed, "{about}: off by {error:.1e} of {allowed:.1e}");
            assert!(error > 0.0, "{about}: f32 and f64 cannot agree to the last bit");
            shares.push(format!("{error:.1e} (cpu {rounding:.1e})"));
        }
    }
    say(&format!("{name} after 1, 10, 100 updates, policy and value: {}", shares.join(", ")));
}

#[test]
fn a_flow_policy_is_where_the_reference_is() {
    compare("fpo", Kind::Flow);
}

#[test]
fn a_chain_is_where_the_reference_is() {
    compare("dppo", Kind::Chain(DenoisingMdp { sigma: 0.5, steps: ScoredSteps::All }));
}

#[test]
fn a_gaussian_policy_is_where_the_reference_is() {
    compare("ppo", Kind::Gaussian);
}
