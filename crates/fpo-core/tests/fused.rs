//! The fused kernels against composed Candle operations in f64 and against finite differences, over
//! random sizes and every choice of the objective, on every instruction set of this processor.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use fpo_core::path::{Path, Quantity};
use fpo_core::surrogate::Surrogate;
use fpo_core::{Activation, Compute, DenoisingMdp, Isa, Learner, Result, ScoredSteps, SourceWidth};
use problem::{Kind, Outcome, Problem, host};

/// Of the largest gradient in a network.
const TOLERANCE: f64 = 2e-5;
/// What no problem may bring single precision to, or it would show nothing.
const WORST: f64 = 1e-2;

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

/// How far the gradient of either network moves, in f64, when the parameters move as little as f32
/// rounds. It is large only where a sample lies at a kink of ReLU or of the surrogate, and either
/// side is right.
fn kink(problem: &Problem, expected: &Outcome) -> f64 {
    let moved = (0..12).map(|k| {
        let problem = Problem { rounding: Some(k), ..problem.clone() };
        let moved = problem.outcome(Compute::Composed, DType::F64);
        let policy = relative_error(&moved.policy_gradient, &expected.policy_gradient);
        policy.max(relative_error(&moved.value_gradient, &expected.value_gradient))
    });
    moved.fold(0.0, f64::max)
}

/// Compares all that the kernels make of the problems with composed operations in f64.
fn compare(problems: impl Iterator<Item = Problem>) {
    let mut worst = 0.0f64;
    for problem in problems {
        let seed = problem.seed;
        let exact = problem.outcome(Compute::Composed, DType::F64);
        let single = problem.outcome(Compute::Composed, DType::F32);
        for isa in sets() {
            let found = problem.outcome(Compute::Fused(isa), DType::F32);
            let Outcome { policy_gradient, value_gradient, stored, .. } = &found;
            let about = format!("seed {seed} on {}: {problem:?}", isa.name());
            for (what, found, single, expected) in [
                ("policy", policy_gradient, &single.policy_gradient, &exact.policy_gradient),
                ("value", value_gradient, &single.value_gradient, &exact.value_gradient),
                ("stored losses", stored, &single.stored, &exact.stored),
            ] {
                // Where large losses make single precision worse than that, no worse than it.
                let mut allowed = TOLERANCE.max(1.5 * relative_error(single, expected));
                let error = relative_error(found, expected);
                if error >= allowed && what != "stored losses" {
                    allowed = allowed.max(1.5 * kink(&problem, &exact));
                }
                assert!(allowed < WORST, "{what}: nothing to compare with, {about}");
                assert!(error < allowed, "{what} off by {error:.1e} of {allowed:.1e}, {about}");
                worst = worst.max(error);
            }
            for (k, (a, b)) in found.diagnostics.iter().zip(&exact.diagnostics).enumerate() {
                let off = |a: f64| (a - b).abs() / (1.0 + b.abs());
                let allowed = TOLERANCE.max(1.5 * off(single.diagnostics[k]));
                assert!(off(*a) < allowed, "diagnostic {k} is {a}, not {b}, {about}");
            }
        }
    }
    assert!(worst > 0.0, "f32 and f64 cannot agree to the last bit");
}

#[test]
fn losses_diagnostics_and_gradients_equal_composed_operations_in_f64() {
    let flows = (0..60).map(Problem::random);
    let chains = (500..520).map(Problem::random_chain);
    compare(flows.chain(chains).chain((600..624).map(Problem::random_gaussian)));
}

#[test]
fn steps_without_a_part_in_the_update_are_left_out_by_kernels_and_composed_operations_alike() {
    let flows = (700..720).map(Problem::random);
    let chains = (720..728).map(Problem::random_chain);
    let problems = flows.chain(chains).chain((728..732).map(Problem::random_gaussian));
    compare(problems.map(Problem::excluding));
}

/// A problem whose source is learned, or its frame for odd seeds.
fn learned(seed: u64) -> Problem {
    match seed % 2 {
        0 => Problem::random(seed).with_source(0.8, SourceWidth::Learned),
        _ => Problem::random(seed).in_frames(0.8),
    }
}

#[test]
fn what_is_hidden_is_hidden_from_kernels_and_composed_operations_alike() {
    let flows = (900..916).map(Problem::random);
    let chains = (916..924).map(Problem::random_chain);
    let gaussians = (924..930).map(Problem::random_gaussian);
    let learned = (930..934).map(learned);
    let own = (934..938).map(|seed| Problem::random(seed).maximising(Arc::new(ExponentialWeights)));
    compare(flows.chain(chains).chain(gaussians).chain(learned).chain(own).map(Problem::hiding));
}

#[test]
fn losses_in_nats_with_any_source_equal_composed_operations_in_f64() {
    let fixed = (800..812).map(|seed| Problem::random(seed).with_source(0.6, SourceWidth::Fixed));
    compare(fixed.chain((812..836).map(learned)));
}

/// A loss of predicted noise has no weight at the end where the input is the noise itself.
#[test]
fn losses_without_weight_leave_a_learned_width_its_gradient() {
    let problems = (846..852).flat_map(|seed| {
        [0.0, 1.0].map(|time| {
            let mut problem = learned(seed);
            (problem.flow.output_mode, problem.time) = (Quantity::Noise, Some(time));
            problem
        })
    });
    compare(problems);
}

/// `exp(A)`, bounded, times the log ratio: good actions are regressed on more than bad ones.
#[derive(Debug)]
struct ExponentialWeights;

impl Surrogate for ExponentialWeights {
    fn evaluate(&self, log_ratio: &Tensor, advantages: &Tensor) -> Result<Tensor> {
        let weights = advantages.exp()?.clamp(0.0, 5.0)?.unsqueeze(2)?;
        Ok(log_ratio.broadcast_mul(&weights)?)
    }
}

/// The kernels of the value network with a composed loss of the policy on top.
#[test]
fn a_surrogate_of_ones_own_takes_the_kernels_advantages() {
    let own = |problem: Problem| problem.maximising(Arc::new(ExponentialWeights));
    let flows = (740..752).map(Problem::random);
    let chains = (752..756).map(Problem::random_chain);
    let gaussians = (756..759).map(Problem::random_gaussian);
    let excluding = (760..766).map(|seed| Problem::random(seed).excluding());
    compare(flows.chain(chains).chain(gaussians).chain(excluding).map(own));

    let problem = Problem::random(740);
    let named = problem.outcome(Compute::Composed, DType::F64);
    let own = own(problem).outcome(Compute::Composed, DType::F64);
    assert_ne!(named.policy_gradient, own.policy_gradient);
    assert_eq!(named.value_gradient, own.value_gradient);
}

/// On the linear path the first of 21 steps of a predicted noise has a gain of −1e-15: where α is
/// raised to 0.05, the step keeps 20/21 of the state and has nothing to add.
#[test]
fn a_chain_whose_first_step_ignores_the_prediction_has_the_composed_losses_and_gradients() {
    let problems = (770..774).map(|seed| {
        let mut problem = Problem::random_chain(seed);
        problem.flow.path = Path::Linear;
        problem.flow.prediction = Quantity::Noise;
        problem.flow.flow_steps = 21;
        problem.kind = Kind::Chain(DenoisingMdp { sigma: 0.5, steps: ScoredSteps::All });
        let (_, gain) = problem.flow.parametrization().step(1.0, 20.0 / 21.0);
        assert!(gain.abs() < 1e-14, "a gain of {gain}");
        problem
    });
    let problems: Vec<Problem> = problems.collect();
    for problem in &problems {
        for isa in sets() {
            let found = problem.outcome(Compute::Fused(isa), DType::F32);
            let Outcome { policy_gradient, value_gradient, diagnostics, stored } = found;
            for numbers in [policy_gradient, value_gradient, diagnostics, stored] {
                assert!(numbers.iter().all(|x| x.is_finite()), "{}: {problem:?}", isa.name());
            }
        }
    }
    compare(problems.into_iter());
}

/// Central differences of the composed loss in f64 along random directions.
#[test]
fn gradients_equal_finite_differences() {
    let flows = (100..112).map(Problem::random);
    let chains = (520..526).map(Problem::random_chain);
    let gaussians = (630..636).map(Problem::random_gaussian);
    let learned = (840..846).map(learned);
    for mut problem in flows.chain(chains).chain(gaussians).chain(learned) {
        // A step across a kink of ReLU would spoil the difference.
        let seed = problem.seed;
        problem.flow.activation = Activation::Silu;
        problem.value_activation = Activation::Silu;
        // Its gradient goes straight through, which is not the derivative.
        problem.objective.log_ratio_max = None;
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
    let flows = (200..210).map(Problem::random);
    let gaussians = (640..646).map(Problem::random_gaussian);
    let learned = (850..854).map(learned);
    let chains = (530..534).map(Problem::random_chain);
    for problem in flows.chain(chains).chain(gaussians).chain(learned) {
        let seed = problem.seed;
        let [a, b] =
            [Isa::Avx2, Isa::Avx512].map(|isa| problem.outcome(Compute::Fused(isa), DType::F32));
        assert!(a == b, "seed {seed}: {problem:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let flows = (300..304).map(Problem::random);
    let gaussians = (650..653).map(Problem::random_gaussian);
    let learned = (860..862).map(learned);
    let chains = (540..542).map(Problem::random_chain);
    for problem in flows.chain(chains).chain(gaussians).chain(learned) {
        let seed = problem.seed;
        let problem = Problem { sequences: 40 + seed as usize % 7, ..problem };
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

/// Actions and, of DPPO, the stored chains.
#[test]
fn samples_and_chains_equal_composed_operations() {
    let chains = (540..560).map(Problem::random_chain);
    let gaussians = (660..680).map(Problem::random_gaussian);
    let fixed = (870..873).map(|seed| Problem::random(seed).with_source(0.6, SourceWidth::Fixed));
    let sources = fixed.chain((873..880).map(learned));
    let wide =
        (880..884).map(|seed| Problem::random_chain(seed).with_source(1.5, SourceWidth::Fixed));
    let flows = (400..420).map(Problem::random).chain(sources);
    for problem in flows.chain(chains).chain(wide).chain(gaussians) {
        let composed: Learner = problem.learner(Compute::Composed, DType::F64);
        let (obs, noise) = problem.sampling(composed.policy().noise_len());
        let act = |learner: &Learner, dtype| {
            let (obs, noise) = (obs.to_dtype(dtype).unwrap(), noise.to_dtype(dtype).unwrap());
            let acted = learner.act(&obs, &noise).unwrap();
            (host(&acted.action), acted.chain.map(|chain| host(&chain)).unwrap_or_default())
        };
        let expected = act(&composed, DType::F64);
        for isa in sets() {
            let fused = problem.learner(Compute::Fused(isa), DType::F32);
            let found = act(&fused, DType::F32);
            for (found, expected) in [(&found.0, &expected.0), (&found.1, &expected.1)] {
                let error = relative_error(found, expected);
                assert!(error < TOLERANCE, "{} off by {error:.1e}: {problem:?}", isa.name());
            }
        }
    }
}

#[test]
fn tensors_of_other_shapes_are_refused_and_not_read() {
    let flow = Problem::random(400);
    let (obs_dim, dim) = (flow.flow.obs_dim, flow.flow.action_dim);
    let zeros = |shape: (usize, usize)| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    for problem in [flow, Problem::random_chain(400), Problem::random_gaussian(400)] {
        for isa in sets() {
            let learner = problem.learner(Compute::Fused(isa), DType::F32);
            let noise = zeros((4, learner.policy().noise_len()));
            assert!(learner.act(&zeros((4, obs_dim)), &noise).is_ok());
            for obs in [(1, obs_dim), (4, 2 * obs_dim), (5, obs_dim)] {
                assert!(learner.act(&zeros(obs), &noise).is_err(), "{obs:?}");
            }
            let wide = zeros((4, learner.policy().noise_len() + dim));
            assert!(learner.act(&zeros((4, obs_dim)), &wide).is_err());
        }
    }
}

/// Twelve actions of eight samples make as many rows as twenty-four of four.
#[test]
fn one_learner_takes_any_number_of_samples() {
    let losses = |learner: &mut Learner, samples| {
        let problem = Problem { samples, ..Problem::random(400) };
        let (_, stored) = problem.rollout(learner, DType::F32);
        host(&stored)
    };
    let problem = Problem { envs: 30, ..Problem::random(400) };
    for isa in sets() {
        let mut kept = problem.learner(Compute::Fused(isa), DType::F32);
        for samples in [8, 4, 8] {
            let mut new = problem.learner(Compute::Fused(isa), DType::F32);
            assert_eq!(losses(&mut kept, samples), losses(&mut new, samples));
        }
    }
}
