//! The passes of the algorithm over random problems and the paper's networks: stored losses,
//! diagnostics, gradients of both networks, actions and chains.

use candle_core::{DType, Device, Tensor};
use fpo_core::{Compute, DenoisingMdp, Learner};

use super::{PRECISION, TIMES, compute, paper_sized, relative_error, say};
use crate::device::{device, host};
use crate::problem::{Kind, Outcome, Problem};

/// Of the largest number of a tensor.
const FLOOR: f64 = 2e-5;
/// What no problem may bring f32 on the CPU to, or it would show nothing.
const WORST: f64 = 1e-2;

fn problems() -> Vec<Problem> {
    let kinds = [Kind::Flow, Kind::Chain(DenoisingMdp::default()), Kind::Gaussian];
    let paper = kinds.map(paper_sized).into_iter();
    let random = (800..816).map(Problem::random).chain((816..820).map(Problem::random_chain));
    let random = random.chain((820..823).map(Problem::random_gaussian));
    paper.chain(random).chain((824..828).map(|seed| Problem::random(seed).excluding())).collect()
}

#[test]
fn losses_diagnostics_and_gradients_of_a_step_agree() {
    let _guard = PRECISION.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut worst = [0.0f64; 4];
    for problem in problems() {
        let expected = problem.outcome(Compute::Composed, DType::F64);
        let single = problem.outcome(Compute::Composed, DType::F32);
        let found = problem.outcome_on(&device(), compute(), DType::F32);
        let parts = |o: &Outcome| {
            [&o.stored, &o.policy_gradient, &o.value_gradient, &o.diagnostics].map(Vec::clone)
        };
        let (found, single, expected) = (parts(&found), parts(&single), parts(&expected));
        let names = ["stored losses", "policy gradient", "value gradient", "diagnostics"];
        for (k, name) in names.into_iter().enumerate() {
            let by_rounding = relative_error(&single[k], &expected[k]);
            assert!(by_rounding < WORST, "{name}: nothing to compare with, {problem:?}");
            let error = relative_error(&found[k], &expected[k]);
            let allowed = FLOOR.max(TIMES * by_rounding);
            assert!(error < allowed, "{name} off by {error:.1e} of {allowed:.1e}, {problem:?}");
            worst[k] = worst[k].max(error);
        }
    }
    assert!(worst.iter().all(|&error| error > 0.0), "f32 and f64 cannot agree to the last bit");
    let [stored, policy, value, diagnostics] = worst;
    say(&format!(
        "passes: stored losses off by {stored:.1e}, policy gradient {policy:.1e}, value gradient \
         {value:.1e}, diagnostics {diagnostics:.1e}"
    ));
}

/// The action and, of DPPO, the chain.
fn acted(problem: &Problem, device: &Device, compute: Compute, dtype: DType) -> Vec<f64> {
    let learner: Learner = problem.learner_on(device, compute, dtype);
    let (obs, noise) = problem.sampling(learner.policy().noise_len());
    let at = |x: Tensor| x.to_dtype(dtype).unwrap().to_device(device).unwrap();
    let acted = learner.act(&at(obs), &at(noise)).unwrap();
    let chain = acted.chain.map(|chain| host(&chain)).unwrap_or_default();
    [host(&acted.action), chain].concat()
}

#[test]
fn actions_and_chains_agree() {
    let _guard = PRECISION.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut worst = 0.0f64;
    for problem in problems() {
        let expected = acted(&problem, &Device::Cpu, Compute::Composed, DType::F64);
        let single = acted(&problem, &Device::Cpu, Compute::Composed, DType::F32);
        let found = acted(&problem, &device(), compute(), DType::F32);
        let error = relative_error(&found, &expected);
        let allowed = FLOOR.max(TIMES * relative_error(&single, &expected));
        assert!(error < allowed, "off by {error:.1e} of {allowed:.1e}, {problem:?}");
        worst = worst.max(error);
    }
    assert!(worst > 0.0, "f32 and f64 cannot agree to the last bit");
    say(&format!("actions and chains: off by at most {worst:.1e}"));
}
