//! The fused kernels against composed Candle operations in f64 and against finite differences, over
//! random sizes and every choice of the objective, on every instruction set of this processor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod problem;

use candle_core::DType;
use fpo_core::{Activation, Compute, Isa, Learner};
use problem::{Outcome, Problem, host};

/// Of the largest gradient in a network.
const TOLERANCE: f64 = 2e-5;

fn sets() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-12f64, |m, x| m.max(x.abs()));
    let difference =
        |(a, b): (&f64, &f64)| if a.is_finite() { (a - b).abs() } else { f64::INFINITY };
    found.iter().zip(expected).map(difference).fold(0.0, f64::max) / largest
}

#[test]
fn losses_diagnostics_and_gradients_equal_composed_operations_in_f64() {
    let mut worst = 0.0f64;
    for seed in 0..60 {
        let problem = Problem::random(seed);
        let expected = problem.outcome(Compute::Composed, DType::F64);
        for isa in sets() {
            let found = problem.outcome(Compute::Fused(isa), DType::F32);
            let Outcome { policy_gradient, value_gradient, stored, .. } = &found;
            let about = format!("seed {seed} on {}: {problem:?}", isa.name());
            for (what, found, expected) in [
                ("policy gradient", policy_gradient, &expected.policy_gradient),
                ("value gradient", value_gradient, &expected.value_gradient),
                ("stored losses", stored, &expected.stored),
            ] {
                let error = relative_error(found, expected);
                assert!(error < TOLERANCE, "{what} off by {error:.1e}, {about}");
                worst = worst.max(error);
            }
            for (k, (a, b)) in found.diagnostics.iter().zip(&expected.diagnostics).enumerate() {
                let error = (a - b).abs() / (1.0 + b.abs());
                assert!(error < TOLERANCE, "diagnostic {k} is {a}, not {b}, {about}");
            }
        }
    }
    assert!(worst > 0.0, "f32 and f64 cannot agree to the last bit");
}

/// Central differences of the composed loss in f64 along random directions.
#[test]
fn gradients_equal_finite_differences() {
    for seed in 100..112 {
        // A step across a kink of ReLU would spoil the difference.
        let mut problem = Problem::random(seed);
        problem.flow.activation = Activation::Silu;
        problem.value_activation = Activation::Silu;
        for isa in sets() {
            let found = problem.outcome(Compute::Fused(isa), DType::F32);
            for (net, gradient) in
                [("policy", &found.policy_gradient), ("value", &found.value_gradient)]
            {
                let size = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                for direction in 0..3 {
                    let (along, numeric) = problem.slope(net, gradient, direction);
                    assert!(
                        (along - numeric).abs() < 1e-4 * (size + 1e-3),
                        "{net} {}: {along} against {numeric}, seed {seed}: {problem:?}",
                        isa.name()
                    );
                }
            }
        }
    }
}

#[test]
fn avx2_and_avx512_give_the_same_bits() {
    if !Isa::Avx512.is_available() {
        return;
    }
    for seed in 200..210 {
        let problem = Problem::random(seed);
        let [a, b] =
            [Isa::Avx2, Isa::Avx512].map(|isa| problem.outcome(Compute::Fused(isa), DType::F32));
        assert!(a == b, "seed {seed}: {problem:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for seed in 300..304 {
        let problem = Problem { sequences: 40 + seed as usize % 7, ..Problem::random(seed) };
        for isa in sets() {
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| problem.outcome(Compute::Fused(isa), DType::F32))
            };
            let one = with(1);
            for threads in [2, 3, 16] {
                assert!(with(threads) == one, "{threads} threads, seed {seed}: {problem:?}");
            }
        }
    }
}

#[test]
fn samples_equal_composed_operations() {
    for seed in 400..420 {
        let problem = Problem::random(seed);
        let composed: Learner = problem.learner(Compute::Composed, DType::F64);
        let (obs, start) = problem.sampling();
        let at = |dtype| (obs.to_dtype(dtype).unwrap(), start.to_dtype(dtype).unwrap());
        let (obs64, start64) = at(DType::F64);
        let expected = host(&composed.policy.sample(&obs64, &start64).unwrap());
        for isa in sets() {
            let fused = problem.learner(Compute::Fused(isa), DType::F32);
            let (obs, start) = at(DType::F32);
            let found = host(&fused.policy.sample(&obs, &start).unwrap());
            let error = relative_error(&found, &expected);
            assert!(error < TOLERANCE, "{} off by {error:.1e}: {problem:?}", isa.name());
        }
    }
}
