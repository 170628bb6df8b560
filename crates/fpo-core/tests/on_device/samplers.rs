//! Samplers against exact solutions, on the device of the test run: orders, tolerances, laws, and
//! settings that cannot work.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use fpo_core::path::Path;
use fpo_core::sampler::{Grid, MAX_STEPS, Method, Sampler, Start};
use fpo_core::{Compute, Error, FlowConfig, FlowPolicy, Noise, Policy, Purpose, Result};

use crate::device::f64_device as device;
use crate::targets::{Mixture, values};

const FIXED: [(Method, f64); 4] =
    [(Method::Euler, 1.0), (Method::Midpoint, 2.0), (Method::Heun, 2.0), (Method::Rk4, 4.0)];

/// A random smooth network with inputs, all in `dtype`.
struct Case {
    policy: Arc<dyn Policy>,
    obs: Tensor,
    start: Tensor,
}

impl Case {
    fn new(dtype: DType) -> Case {
        let noise = Noise::new(7);
        let config = FlowConfig { output_scale: 2.0, ..FlowConfig::new(5, 3) };
        let policy = FlowPolicy::new(config, &noise, dtype, &device()).unwrap().frozen();
        let draw = |index, width| {
            let x = noise.normal_tensor(Purpose::Action, index, &[16, width], &device());
            x.unwrap().to_dtype(dtype).unwrap()
        };
        Case { policy, obs: draw(0, 5), start: draw(1, 3) }
    }

    fn solve(&self, method: Method, grid: Grid) -> (Vec<f64>, usize) {
        let sampler = Sampler { grid, ..Sampler::new(method, 1) };
        let field = self.policy.field().unwrap();
        let solution = sampler.sample(field, &self.obs, &self.start, &Noise::new(0), 0).unwrap();
        assert_eq!(solution.x.dims(), self.start.dims());
        (values(&solution.x), solution.evaluations)
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn each_fixed_step_method_converges_with_its_order() {
    let case = Case::new(DType::F64);
    let (exact, _) = case.solve(Method::Rk4, Grid::Uniform(640));
    // The second grid is uneven, finer near the action.
    let uneven =
        |n: usize| Grid::Custom((0..=n).map(|k| ((n - k) as f64 / n as f64).powf(1.5)).collect());
    for (method, order) in FIXED {
        for (coarse, fine) in [(Grid::Uniform(40), Grid::Uniform(80)), (uneven(40), uneven(80))] {
            let error = |grid: &Grid| distance(&case.solve(method, grid.clone()).0, &exact);
            let observed = (error(&coarse) / error(&fine)).log2();
            println!("{} {:.3} ({:.1e} at 80 steps)", method.name(), observed, error(&fine));
            assert!((observed - order).abs() < 0.2, "{}: order {observed}", method.name());
        }
    }
}

#[test]
fn dopri5_meets_its_tolerance_and_works_harder_for_a_tighter_one() {
    let case = Case::new(DType::F64);
    let (exact, _) = case.solve(Method::Rk4, Grid::Uniform(640));
    let largest = exact.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let mut before = 0;
    for tolerance in [1e-3, 1e-5, 1e-7, 1e-9] {
        let method = Method::Dopri5 { rtol: tolerance, atol: tolerance };
        let (x, evaluations) = case.solve(method, Grid::Uniform(1));
        let error = distance(&x, &exact) / (tolerance * (1.0 + largest));
        println!("dopri5 {tolerance:.0e}: {error:.3} of the tolerance, {evaluations} evaluations");
        // Control is per step, so the sum over some ten steps may exceed one tolerance.
        assert!(error < 3.0, "{tolerance}: {error}");
        assert!(evaluations > before, "{tolerance}: {evaluations} evaluations");
        before = evaluations;
        let (stops, _) = case.solve(method, Grid::Custom(vec![1.0, 0.7, 0.1, 0.0]));
        assert!(distance(&stops, &exact) < 3.0 * tolerance * (1.0 + largest));
    }
}

#[test]
fn dopri5_gives_up_after_a_stated_number_of_steps_and_says_where() {
    let start = Tensor::ones((2, 1), DType::F64, &device()).unwrap();
    let mut asked = 0;
    let steep = |x: &Tensor, _: f64| {
        asked += 1;
        Ok((x * -1e6)?)
    };
    let sampler = Sampler::new(Method::Dopri5 { rtol: 1e-6, atol: 1e-6 }, 1);
    let error = sampler.integrate(Path::Linear, steep, &start, &Noise::new(0), 0).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    let text = error.to_string();
    for word in ["1000 steps", "rtol 0.000001", "reached t = 0."] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(asked <= 7 * MAX_STEPS, "{asked} evaluations");

    let nowhere = |x: &Tensor, _: f64| -> Result<Tensor> { Ok((x * f64::NAN)?) };
    let error = sampler
        .integrate(Path::Linear, nowhere, &start, &Noise::new(0), 0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("reached t = 1,") && error.contains("NaN"), "{error}");
}

#[test]
fn euler_on_the_policys_own_steps_is_what_the_policy_samples() {
    for (dtype, allowed) in [(DType::F64, 1e-13), (DType::F32, 2e-6)] {
        let case = Case::new(dtype);
        let (x, evaluations) = case.solve(Method::Euler, Grid::Uniform(10));
        assert_eq!(evaluations, 10);
        let policy = case.policy.as_ref();
        for compute in [Compute::best(&device(), dtype), Compute::Composed] {
            let backend = compute.for_policy(policy).unwrap();
            let own = values(&backend.act(policy, &case.obs, &case.start).unwrap().action);
            assert!(distance(&x, &own) < allowed, "{dtype:?} {}", distance(&x, &own));
        }
        let (other, _) = case.solve(Method::Euler, Grid::Uniform(9));
        assert!(distance(&x, &other) > 1e-4);
    }
}

#[test]
fn methods_ask_for_the_velocity_as_often_as_they_say() {
    let case = Case::new(DType::F32);
    for (method, a_step) in [
        (Method::Euler, 1),
        (Method::Midpoint, 2),
        (Method::Heun, 2),
        (Method::Rk4, 4),
        (Method::Sde { churn: 1.0 }, 1),
    ] {
        assert_eq!(case.solve(method, Grid::Uniform(5)).1, 5 * a_step, "{}", method.name());
    }
}

#[test]
fn ode_samplers_carry_noise_to_the_closed_form_solution_of_a_gaussian() {
    // In one dimension the flow keeps quantiles, so x(0) = mean + std·x(1).
    let target = Mixture { parts: vec![(1.0, 0.7, 0.4)] };
    let start = Tensor::new(&[[-2.0f64], [-0.3], [0.0], [1.5]], &device()).unwrap();
    let exact: Vec<f64> = values(&start).iter().map(|x| 0.7 + 0.4 * x).collect();
    for path in [Path::Linear, Path::Cosine] {
        for (method, allowed) in [
            (Method::Euler, 4e-2),
            (Method::Midpoint, 1e-3),
            (Method::Heun, 1e-3),
            (Method::Rk4, 1e-6),
            (Method::Dopri5 { rtol: 1e-7, atol: 1e-7 }, 1e-6),
        ] {
            let velocity = |x: &Tensor, t: f64| target.velocity(path, x, t);
            let sampler = Sampler::new(method, 40);
            let end = sampler.integrate(path, velocity, &start, &Noise::new(0), 0).unwrap();
            let error = distance(&values(&end.x), &exact);
            println!("{path:?} {}: {error:.1e}", method.name());
            assert!(error < allowed, "{path:?} {}: {error}", method.name());
        }
    }
}

#[test]
fn sde_without_churn_has_the_bits_of_euler() {
    let case = Case::new(DType::F32);
    let grid = Grid::Uniform(6);
    let euler = case.solve(Method::Euler, grid.clone());
    assert_eq!(case.solve(Method::Sde { churn: 0.0 }, grid.clone()), euler);
    assert_ne!(case.solve(Method::Sde { churn: 0.1 }, grid), euler);
}

#[test]
fn sde_ends_with_the_law_of_the_ode_whatever_its_churn() {
    // Two modes of unequal weight and width; exact moments and probabilities are known.
    let target = Mixture { parts: vec![(0.3, -1.0, 0.3), (0.7, 0.8, 0.5)] };
    const SAMPLES: usize = 40_000;
    let noise = Noise::new(11);
    let start = noise.normal_tensor(Purpose::Action, 0, &[SAMPLES, 1], &device()).unwrap();
    let start = start.to_dtype(DType::F64).unwrap();
    for (path, method) in [
        (Path::Linear, Method::Heun),
        (Path::Linear, Method::Sde { churn: 0.5 }),
        (Path::Linear, Method::Sde { churn: 1.0 }),
        (Path::Linear, Method::Sde { churn: 4.0 }),
        (Path::Cosine, Method::Sde { churn: 1.0 }),
        (Path::Cosine, Method::Sde { churn: 4.0 }),
    ] {
        let velocity = |x: &Tensor, t: f64| target.velocity(path, x, t);
        let sampler = Sampler::new(method, 1000);
        let end = sampler.integrate(path, velocity, &start, &noise, 3).unwrap();
        let x = values(&end.x);
        let mean = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x)).sum::<f64>() / SAMPLES as f64;
        // Four standard errors for the samples, and 0.008 for the finite steps.
        let allowed = |variance: f64| 4.0 * (variance / SAMPLES as f64).sqrt() + 0.008;
        let (first, second, fourth) = (target.moment(1), target.moment(2), target.moment(4));
        let found = [mean(&|x| x), mean(&|x| x * x)];
        println!("{path:?} {method:?}: {found:?}, exact {:?}", [first, second]);
        assert!((found[0] - first).abs() < allowed(second - first * first), "{method:?} mean");
        assert!((found[1] - second).abs() < allowed(fourth - second * second), "{method:?} square");
        for edge in [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5] {
            let below = mean(&|x| f64::from(u8::from(x < edge)));
            let exact = target.below(edge);
            println!("  below {edge}: {below:.4}, exact {exact:.4}");
            assert!((below - exact).abs() < allowed(exact * (1.0 - exact)), "{method:?} {edge}");
        }
    }
}

#[test]
fn sde_forgets_its_start_at_the_rate_of_its_churn() {
    // For a standard normal target the correlation of x(1) and x(0) is
    // exp(−∫ g²/(2σ²) dt) with g² = 2·churn·t(1−t), σ² = t² + (1−t)²: exp(−churn·(π−2)/4).
    // On the cosine path, where that target keeps σ² = 1 and g² = 2·churn·α·σ, it is
    // exp(−∫ churn·α·σ dt) = exp(−churn/π).
    let target = Mixture { parts: vec![(1.0, 0.0, 1.0)] };
    const SAMPLES: usize = 40_000;
    let noise = Noise::new(12);
    let start = noise.normal_tensor(Purpose::Action, 0, &[SAMPLES, 1], &device()).unwrap();
    let start = start.to_dtype(DType::F64).unwrap();
    let cases =
        [(Path::Linear, 1.0), (Path::Linear, 4.0), (Path::Cosine, 1.0), (Path::Cosine, 4.0)];
    for (path, churn) in cases {
        let velocity = |x: &Tensor, t: f64| target.velocity(path, x, t);
        let sampler = Sampler::new(Method::Sde { churn }, 150);
        let end = sampler.integrate(path, velocity, &start, &noise, 0).unwrap();
        let (a, b) = (values(&start), values(&end.x));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let found = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
        let exact = match path {
            Path::Linear => (-churn * (std::f64::consts::PI - 2.0) / 4.0).exp(),
            Path::Cosine => (-churn / std::f64::consts::PI).exp(),
        };
        // Four standard errors of a correlation, and 0.005 for the finite steps.
        let allowed = 4.0 * (1.0 - exact * exact) / (SAMPLES as f64).sqrt() + 0.005;
        println!("{path:?} churn {churn}: correlation {found:.4}, exact {exact:.4}");
        assert!((found - exact).abs() < allowed, "churn {churn}: {found}, exact {exact}");
    }
}

#[test]
fn sde_noise_depends_on_seed_and_index_and_not_on_threads() {
    let case = Case::new(DType::F32);
    let sampler = Sampler::new(Method::Sde { churn: 1.0 }, 6);
    let draw = |threads: usize, seed: u64, index: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let noise = Noise::new(seed);
        let end = pool.install(|| {
            let field = case.policy.field().unwrap();
            sampler.sample(field, &case.obs, &case.start, &noise, index)
        });
        values(&end.unwrap().x)
    };
    assert_eq!(draw(1, 0, 5), draw(3, 0, 5));
    assert_ne!(draw(1, 0, 5), draw(1, 1, 5));
    assert_ne!(draw(1, 0, 5), draw(1, 0, 6));
}

#[test]
fn starts_are_the_stream_of_their_purpose_or_zeros() {
    let noise = Noise::new(2);
    let mut sampler = Sampler::new(Method::Heun, 4);
    let (mut out, mut stream) = ([9.0; 12], [0.0; 12]);
    sampler.fill_start(&noise, Purpose::EvalAction, 3, &mut out);
    noise.fill_normal(Purpose::EvalAction, 3, &mut stream);
    assert_eq!(out, stream);
    sampler.start = Start::Zero;
    sampler.fill_start(&noise, Purpose::EvalAction, 3, &mut out);
    assert_eq!(out, [0.0; 12]);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let custom = |times: &[f64]| (Method::Heun, Grid::Custom(times.to_vec()));
    let dopri5 = |rtol, atol| (Method::Dopri5 { rtol, atol }, Grid::Uniform(1));
    let sde = |churn| (Method::Sde { churn }, Grid::Uniform(4));
    for ((method, grid), words) in [
        ((Method::Euler, Grid::Uniform(0)), "sampler grid: 0 steps; allowed: 1 to 100000"),
        ((Method::Euler, Grid::Uniform(100_001)), "100001 steps"),
        (custom(&[]), "no times"),
        (custom(&[1.0]), "the last time is 1; it must be 0"),
        (custom(&[0.9, 0.5, 0.0]), "the first time is 0.9; it must be 1"),
        (custom(&[f64::NAN, 0.0]), "the first time is NaN"),
        (custom(&[1.0, 0.5, 0.1]), "the last time is 0.1; it must be 0"),
        (custom(&[1.0, 0.5, 0.5, 0.0]), "time 3 of 4 is 0.5; it must be below the one before"),
        (custom(&[1.0, 0.2, 0.6, 0.0]), "time 3 of 4 is 0.6; it must be below the one before"),
        (custom(&[1.0, f64::NAN, 0.0]), "time 2 of 3 is NaN"),
        (dopri5(-1e-3, 1e-3), "dopri5: rtol is -0.001; allowed: 0 or more, below 1"),
        (dopri5(1.0, 1e-3), "rtol is 1;"),
        (dopri5(f64::NAN, 1e-3), "rtol is NaN"),
        (dopri5(1e-3, 0.0), "atol is 0; allowed: above 0, finite"),
        (dopri5(1e-3, f64::INFINITY), "atol is inf"),
        (sde(-0.5), "sde: churn is -0.5; allowed: 0 or more, finite"),
        (sde(f64::INFINITY), "churn is inf"),
    ] {
        let sampler = Sampler { method, grid, start: Start::Noise };
        let start = Tensor::zeros((1, 1), DType::F32, &device()).unwrap();
        let still = |x: &Tensor, _: f64| Ok(x.clone());
        let integrated =
            sampler.integrate(Path::Linear, still, &start, &Noise::new(0), 0).map(drop);
        for error in [sampler.validate().unwrap_err(), integrated.unwrap_err()] {
            assert!(matches!(error, Error::Invalid(_)), "{error:?}");
            assert!(error.to_string().contains(words), "no {words:?} in {error}");
        }
    }
}
