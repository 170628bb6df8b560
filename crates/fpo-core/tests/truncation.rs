//! Minibatches in which the step limit cut episodes: what is reported and learnt of their steps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod losses;
#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use candle_core::{DType, Tensor};
use fpo_core::gae::Truncation;
use fpo_core::{Compute, Isa, Learner, Rollout, StepMetrics};
use losses::learner_loss;
use problem::{Problem, host};

/// What rounding may change of a diagnostic in single precision.
const SINGLE: f64 = 2e-5;
const CHOICES: [Truncation; 3] = [Truncation::Mask, Truncation::Exclude, Truncation::Bootstrap];

/// Composed operations in f64, and the kernels of every instruction set, each with what rounding
/// may change.
fn computes() -> Vec<(Compute, DType, f64)> {
    let fused = Isa::ALL.into_iter().filter(|isa| isa.is_available());
    let fused = fused.map(|isa| (Compute::Fused(isa), DType::F32, SINGLE));
    [(Compute::Composed, DType::F64, 1e-10)].into_iter().chain(fused).collect()
}

/// A problem with unrolls long enough for some cuts and some steps without.
fn problem(seed: u64, truncation: Truncation) -> Problem {
    let mut problem = Problem { unroll_length: 30, sequences: 4, ..Problem::random(seed) };
    problem.objective.truncation = truncation;
    problem
}

/// The diagnostics of the problem's minibatch under `learner`.
fn diagnostics(problem: &Problem, learner: &mut Learner, dtype: DType) -> Vec<f64> {
    let rollout = problem.rollout(learner, dtype).0;
    let picks = problem.picks();
    let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
    let normalizer = learner.device_normalizer().unwrap();
    host(&learner.loss(&minibatch, &normalizer).unwrap().diagnostics)
}

/// The root mean square of the errors, and `1 − Var(errors) / Var(targets)`.
fn by_hand(errors: &[f64], targets: &[f64]) -> [f64; 2] {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let mean_square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    let variance = |x: &[f64]| mean_square(&x.iter().map(|y| y - mean(x)).collect::<Vec<_>>());
    [mean_square(errors).sqrt(), 1.0 - variance(errors) / variance(targets)]
}

#[test]
fn value_errors_are_reported_of_the_steps_that_have_a_target() {
    let columns =
        ["value_error", "explained_variance"].map(|name| StepMetrics::column(name).unwrap());
    let mut shown = [0.0f64; 2];
    for (seed, truncation) in (780..784).flat_map(|seed| CHOICES.map(|choice| (seed, choice))) {
        let problem = problem(seed, truncation);
        let mut learner = problem.learner(Compute::Composed, DType::F64);
        let rollout = problem.rollout(&mut learner, DType::F64).0;
        let picks = problem.picks();
        let batch = rollout.minibatch(&picks, problem.unroll_length).unwrap().gather().unwrap();
        let normalizer = learner.device_normalizer().unwrap();
        let terms = learner_loss(&learner, &batch, &normalizer).value_terms;
        let (values, targets) = (host(&terms.values), host(&terms.estimates.targets));
        let errors: Vec<f64> = targets.iter().zip(values).map(|(r, v)| r - v).collect();

        let cut = host(&batch.truncated);
        let counts = |step: usize| truncation == Truncation::Bootstrap || cut[step] == 0.0;
        let counted = |x: &[f64]| -> Vec<f64> {
            (0..x.len()).filter(|&step| counts(step)).map(|step| x[step]).collect()
        };
        let expected = by_hand(&counted(&errors), &counted(&targets));
        let among_all = by_hand(&errors, &targets);
        for (compute, dtype, tolerance) in computes() {
            let mut learner = problem.learner(compute, dtype);
            let found = diagnostics(&problem, &mut learner, dtype);
            for (&column, expected) in columns.iter().zip(expected) {
                let (found, allowed) = (found[column], tolerance * (1.0 + expected.abs()));
                let about = format!("{compute:?}, column {column}, {problem:?}");
                assert!((found - expected).abs() < allowed, "{found}, not {expected}: {about}");
            }
        }
        for ((shown, expected), among_all) in shown.iter_mut().zip(expected).zip(among_all) {
            *shown = shown.max((among_all - expected).abs() / (1.0 + expected.abs()));
        }
    }
    // Cut steps whose errors count as 0 would have changed both by ten times what rounding may.
    assert!(shown.iter().all(|&change| change > 10.0 * SINGLE), "{shown:?}");
}

#[test]
fn a_minibatch_of_nothing_but_cut_steps_moves_nothing_where_they_are_excluded() {
    for seed in 784..788 {
        let problem = problem(seed, Truncation::Exclude);
        for (compute, dtype, _) in computes() {
            let mut learner = problem.learner(compute, dtype);
            let rollout = problem.rollout(&mut learner, dtype).0;
            let all: Tensor = rollout.truncated.ones_like().unwrap();
            let terminated = all.zeros_like().unwrap();
            let rollout = Rollout { truncated: all, terminated, ..rollout };
            let picks = problem.picks();
            let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
            let normalizer = learner.device_normalizer().unwrap();
            let loss = learner.loss(&minibatch, &normalizer).unwrap();
            let about = format!("{compute:?}, {problem:?}");
            assert!(host(&loss.diagnostics).iter().all(|x| x.is_finite()), "{about}");
            for (params, loss) in
                [(learner.policy().params(), loss.policy), (learner.value().params(), loss.value)]
            {
                let grads = loss.backward().unwrap();
                let gradient = host(grads.get(params.var()).unwrap());
                assert!(gradient.iter().all(|&slope| slope == 0.0), "{about}");
            }
        }
    }
}

#[test]
fn targets_that_do_not_vary_have_no_explained_variance() {
    for (seed, truncation) in (788..792).flat_map(|seed| CHOICES.map(|choice| (seed, choice))) {
        for (compute, dtype, _) in computes() {
            let mut problem = problem(seed, truncation);
            // Without a future, the targets are the rewards.
            (problem.objective.gamma, problem.objective.gae_lambda) = (0.0, 0.0);
            let explained = |rewards: &dyn Fn(&Tensor) -> Tensor| {
                let mut learner = problem.learner(compute, dtype);
                let rollout = problem.rollout(&mut learner, dtype).0;
                let (reward, truncated) = (rewards(&rollout.reward), &rollout.truncated);
                let truncated = truncated.zeros_like().unwrap();
                let rollout = Rollout { reward, truncated, ..rollout };
                let picks = problem.picks();
                let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
                let normalizer = learner.device_normalizer().unwrap();
                let row = learner.loss(&minibatch, &normalizer).unwrap().diagnostics;
                let norm = Tensor::ones(1, row.dtype(), row.device()).unwrap();
                let row = Tensor::cat(&[&row, &norm], 0).unwrap();
                StepMetrics::collect(&[row], 0).unwrap().mean("explained_variance")
            };
            let about = format!("{compute:?}, {problem:?}");
            assert!(explained(&|rewards| rewards.clone()).is_finite(), "{about}");
            for reward in [0.0, 0.1, -37.3] {
                let found = explained(&|rewards| rewards.affine(0.0, reward).unwrap());
                assert!(found.is_nan(), "{found} for {reward}: {about}");
            }
        }
    }
}
