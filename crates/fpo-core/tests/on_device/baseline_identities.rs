//! Identities and finite differences in f64 of the baselines, Gaussian PPO and DPPO, on the device
//! of the test run.

use std::f64::consts::TAU;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use fpo_core::path::{Path, Quantity};
use fpo_core::{
    Activation, ChainPolicy, DenoisingMdp, DeviceNormalizer, FlatParams, FlowConfig, FlowPolicy,
    GaussianConfig, GaussianPolicy, MinibatchLoss, MinibatchTensors, Noise, Objective, Policy,
    Purpose, RatioKind, ScoredSteps, Squash, SquashedNormal, ValueNet,
};

use crate::device::{f64_device as device, host};

const OBS: usize = 3;
const ACT: usize = 2;
const STEPS: usize = 4;
const BATCH: usize = 3;
const FLOW_STEPS: usize = 5;
const ROWS: usize = STEPS * BATCH;

fn normal(index: u64, shape: &[usize]) -> Tensor {
    let noise = Noise::new(11).normal_tensor(Purpose::LossNoise, index, shape, &device());
    noise.unwrap().to_dtype(DType::F64).unwrap()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{f} {e}");
    }
}

fn gaussian() -> GaussianPolicy {
    let config = GaussianConfig { hidden: vec![7, 6], ..GaussianConfig::new(OBS, ACT) };
    GaussianPolicy::new(config, &Noise::new(1), DType::F64, &device()).unwrap()
}

fn flow() -> FlowPolicy {
    let config = FlowConfig {
        hidden: vec![7, 6],
        flow_steps: FLOW_STEPS,
        output_scale: 0.7,
        ..FlowConfig::new(OBS, ACT)
    };
    FlowPolicy::new(config, &Noise::new(1), DType::F64, &device()).unwrap()
}

fn value_net() -> ValueNet {
    let (silu, noise) = (Activation::Silu, Noise::new(2));
    ValueNet::new(OBS, &[8, 5], silu, &noise, DType::F64, &device()).unwrap()
}

fn identity() -> DeviceNormalizer {
    let zero = Tensor::zeros(OBS, DType::F64, &device()).unwrap();
    DeviceNormalizer::new(zero.clone(), zero.ones_like().unwrap())
}

/// A minibatch with a terminal and a truncated step.
fn minibatch(action: Tensor, eps: Tensor, loss_old: Tensor) -> MinibatchTensors {
    let flags = |at: &[usize]| {
        let mut flags = vec![0.0f64; ROWS];
        at.iter().for_each(|&i| flags[i] = 1.0);
        Tensor::from_vec(flags, (STEPS, BATCH), &device()).unwrap()
    };
    MinibatchTensors {
        obs: normal(1, &[STEPS, BATCH, OBS]),
        bootstrap_obs: normal(5, &[BATCH, OBS]),
        action,
        reward: normal(6, &[STEPS, BATCH]),
        terminated: flags(&[4]),
        truncated: flags(&[2, 10]),
        cut_value: normal(8, &[STEPS, BATCH]),
        t: loss_old.zeros_like().unwrap().unsqueeze(3).unwrap(),
        stored: eps,
        loss_old,
    }
}

/// Actions of the policy itself, their stored losses off by noise of size `off`.
fn batch_of(policy: &dyn Policy, off: f64) -> MinibatchTensors {
    let obs = normal(1, &[STEPS, BATCH, OBS]);
    let policy = policy.frozen();
    let noise = normal(7, &[ROWS, policy.noise_len()]);
    let acted = policy.act(&obs.reshape((ROWS, OBS)).unwrap(), &noise).unwrap();
    let action = acted.action.reshape((STEPS, BATCH, ACT)).unwrap();
    let eps = match acted.chain {
        Some(chain) => chain.reshape((STEPS, BATCH, (), ACT)).unwrap(),
        None => normal(3, &[STEPS, BATCH, 4, ACT]),
    };
    let t = Tensor::zeros((STEPS, BATCH, 1, 1), DType::F64, &device()).unwrap();
    let stored = policy.evaluate(&obs, &action, &eps, &t).unwrap().losses;
    let shift = (normal(4, stored.dims()) * off).unwrap();
    minibatch(action, eps, (stored + shift).unwrap())
}

fn dppo(mdp: DenoisingMdp) -> ChainPolicy {
    ChainPolicy::new(flow(), mdp).unwrap()
}

/// Every ratio for itself, clipped at `clip_epsilon`.
fn objective(clip_epsilon: f64, entropy_coefficient: f64) -> Objective {
    let ratio = RatioKind::PerSample;
    Objective { ratio, clip_epsilon, entropy_coefficient, ..Objective::default() }
}

fn loss_of(
    policy: &dyn Policy,
    value: &ValueNet,
    objective: &Objective,
    batch: &MinibatchTensors,
) -> MinibatchLoss {
    crate::losses::loss_of(policy, value, objective, batch, &identity())
}

/// Central differences along random directions against `gradient`.
fn check_slopes(params: &FlatParams, gradient: &Tensor, scalar: &dyn Fn() -> f64) {
    let start = params.flat().copy().unwrap();
    for seed in 0..4 {
        let direction = normal(100 + seed, start.dims());
        let along = |h: f64| {
            params.var().set(&(&start + (&direction * h).unwrap()).unwrap()).unwrap();
            scalar()
        };
        let h = 1e-6;
        let numeric = (along(h) - along(-h)) / (2.0 * h);
        let exact: f64 = host(&(gradient * &direction).unwrap()).iter().sum();
        assert!((numeric - exact).abs() < 1e-6 * (1.0 + exact.abs()), "{numeric} {exact}");
        params.var().set(&start).unwrap();
    }
}

/// Both networks' gradients of `total`; the value targets are held at their first values.
fn check_gradients(
    batch: &MinibatchTensors,
    policy: &FlatParams,
    value: &FlatParams,
    loss: &dyn Fn() -> (MinibatchLoss, f64),
) {
    let (first, _) = loss();
    let grads = first.total.backward().unwrap();
    check_slopes(policy, grads.get(policy.var()).unwrap(), &|| loss().1);
    let mask = (1.0 - &batch.truncated).unwrap();
    let targets = first.value_terms.estimates.targets.clone();
    check_slopes(value, grads.get(value.var()).unwrap(), &|| {
        let error = ((&targets - loss().0.value_terms.values).unwrap() * &mask).unwrap();
        0.25 * error.sqr().unwrap().mean_all().unwrap().to_scalar::<f64>().unwrap()
    });
}

#[test]
fn the_gradient_of_gaussian_ppo_equals_finite_differences() {
    let (policy, value) = (gaussian(), value_net());
    let batch = batch_of(&policy, 0.2);
    let objective = objective(0.1, 0.3);
    let loss = || {
        let loss = loss_of(&policy, &value, &objective, &batch);
        let (_, entropy) = loss.entropy.as_ref().unwrap();
        let policy = (&loss.policy_loss + entropy).unwrap().to_scalar::<f64>().unwrap();
        (loss, policy)
    };
    let ratios = host(&loss().0.ratio);
    assert!(ratios.iter().any(|r| (r - 1.0).abs() > 0.1), "the clip is at work");
    check_gradients(&batch, policy.params(), value.params(), &loss);
}

#[test]
fn the_gradient_of_dppo_equals_finite_differences() {
    for steps in [ScoredSteps::All, ScoredSteps::FinalHalf] {
        let (policy, value) = (dppo(DenoisingMdp { sigma: 0.3, steps }), value_net());
        let batch = batch_of(&policy, 0.3);
        let objective = objective(0.2, 0.0);
        let loss = || {
            let loss = loss_of(&policy, &value, &objective, &batch);
            let policy = loss.policy_loss.to_scalar::<f64>().unwrap();
            (loss, policy)
        };
        let ratios = host(&loss().0.ratio);
        assert!(ratios.iter().any(|r| (r - 1.0).abs() > 0.2), "the clip is at work");
        check_gradients(&batch, policy.params(), value.params(), &loss);
    }
}

#[test]
fn stored_likelihoods_make_the_first_ratio_one() {
    let value = value_net();
    let final_half = DenoisingMdp { steps: ScoredSteps::FinalHalf, ..DenoisingMdp::default() };
    let policies: [(Arc<dyn Policy>, usize); 3] = [
        (Arc::new(gaussian()), 1),
        (Arc::new(dppo(DenoisingMdp::default())), 5),
        (Arc::new(dppo(final_half)), 3),
    ];
    for (policy, ratios) in policies {
        let batch = batch_of(policy.as_ref(), 0.0);
        let loss = loss_of(policy.as_ref(), &value, &objective(0.1, 0.01), &batch);
        assert_eq!(loss.ratio.dims(), [STEPS, BATCH, ratios]);
        close(&host(&loss.ratio), &vec![1.0; ROWS * ratios], 1e-9);
    }
}

#[test]
fn the_density_of_a_squashed_action_integrates_to_one() {
    let n = 20_000;
    let width = 2.0 / n as f64;
    let inside: Vec<f64> = (0..n).map(|i| (-1.0 + width * (i as f64 + 0.5)).atanh()).collect();
    let u = Tensor::from_vec(inside, (n, 1), &device()).unwrap();
    for (mean, std) in [(0.0, 0.5), (0.8, 0.3), (-1.5, 0.6)] {
        let mean = u.zeros_like().unwrap().affine(1.0, mean).unwrap();
        let std = u.zeros_like().unwrap().affine(1.0, std).unwrap();
        let density = SquashedNormal { mean, std, squash: Squash::Tanh };
        let density = density.log_prob(&u).unwrap().exp().unwrap();
        let integral = host(&density).iter().sum::<f64>() * width;
        assert!((integral - 1.0).abs() < 1e-6, "{integral}");
    }
}

#[test]
fn the_entropy_equals_the_mean_negative_log_density_of_samples() {
    let n = 200_000;
    let fill = |x: [f64; ACT]| Tensor::new(&[x], &device()).unwrap().broadcast_as((n, ACT));
    for squash in [Squash::Tanh, Squash::None] {
        let (mean, std) = (fill([0.3, -1.0]).unwrap(), fill([0.7, 0.2]).unwrap());
        let normals = SquashedNormal { mean, std, squash };
        let entropy = host(&normals.entropy(&normal(20, &[n, ACT])).unwrap());
        let samples = normals.sample(&normal(21, &[n, ACT])).unwrap();
        let surprise = host(&normals.log_prob(&samples).unwrap().neg().unwrap());
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / n as f64;
            (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64)
        };
        let (a, b) = (moments(&entropy), moments(&surprise));
        let error = ((a.1 + b.1) / n as f64).sqrt();
        assert!((a.0 - b.0).abs() < 4.0 * error, "{squash:?}: {} {} ± {error}", a.0, b.0);
        if squash == Squash::None {
            let exact = 0.5 * 2.0 * (1.0 + TAU.ln()) + (0.7f64 * 0.2).ln();
            close(&entropy[..3], &[exact; 3], 1e-12);
        }
    }
}

#[test]
fn the_mode_is_the_sample_without_noise_and_deviations_keep_their_least() {
    let (policy, obs) = (gaussian(), normal(1, &[BATCH, OBS]));
    let zero = Tensor::zeros((BATCH, ACT), DType::F64, &device()).unwrap();
    assert_eq!(host(&policy.mode(&obs).unwrap()), host(&policy.sample(&obs, &zero).unwrap()));
    let flat = policy.params().flat();
    policy.params().var().set(&(flat.ones_like().unwrap() * -100.0).unwrap()).unwrap();
    let std = policy.distribution(&obs).unwrap().std;
    close(&host(&std), &[1e-3; BATCH * ACT], 1e-9);
}

#[test]
fn a_chain_without_noise_ends_in_the_samplers_action() {
    let (policy, obs) = (flow(), normal(1, &[BATCH, OBS]));
    let start = normal(2, &[BATCH, 1, ACT]);
    let still = Tensor::zeros((BATCH, FLOW_STEPS, ACT), DType::F64, &device()).unwrap();
    let noise = Tensor::cat(&[&start, &still], 1).unwrap();
    let chain = dppo(DenoisingMdp::default()).states(&obs, &noise).unwrap();
    assert_eq!(chain.dims(), [BATCH, FLOW_STEPS + 1, ACT]);
    let (first, last) = (chain.narrow(1, 0, 1).unwrap(), chain.narrow(1, FLOW_STEPS, 1).unwrap());
    assert_eq!(host(&first), host(&start));
    let action = policy.sample(&obs, &start.squeeze(1).unwrap()).unwrap();
    close(&host(&last), &host(&action), 1e-14);
}

#[test]
fn a_transition_is_as_likely_as_the_noise_it_was_drawn_with_on_any_path() {
    let obs = normal(1, &[BATCH, OBS]);
    let noise = normal(2, &[BATCH, FLOW_STEPS + 1, ACT]);
    let mdp = DenoisingMdp { sigma: 0.3, ..DenoisingMdp::default() };
    for path in [Path::Linear, Path::Cosine] {
        for prediction in [Quantity::Velocity, Quantity::Noise, Quantity::Data] {
            let config = FlowConfig { path, prediction, ..flow().config().clone() };
            let seed = Noise::new(1);
            let policy = FlowPolicy::new(config, &seed, DType::F64, &device()).unwrap();
            let policy = ChainPolicy::new(policy, mdp).unwrap();
            let chain = policy.states(&obs, &noise).unwrap();
            let found = policy.negative_log_likelihood(&obs, &chain).unwrap();
            let drawn = noise.narrow(1, 1, FLOW_STEPS).unwrap().sqr().unwrap().sum(2).unwrap();
            let constant = 0.5 * ACT as f64 * TAU.ln();
            let expected = (drawn * 0.5).unwrap().affine(1.0, constant).unwrap();
            // The guard widens σ by 1e-6, so squares shrink by 2e-6/0.3.
            close(&host(&found), &host(&expected.contiguous().unwrap()), 1e-5);
        }
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let message = |result: fpo_core::Result<()>| result.unwrap_err().to_string();
    for sigma in [0.0, -1.0, f64::NAN] {
        let mdp = DenoisingMdp { sigma, ..DenoisingMdp::default() };
        assert!(message(mdp.validate()).contains("sigma"));
    }
    let config = GaussianConfig { min_std: 0.0, ..GaussianConfig::new(OBS, ACT) };
    assert!(message(config.validate()).contains("min_std"));
    let config = GaussianConfig { hidden: vec![], ..GaussianConfig::new(OBS, ACT) };
    assert!(message(config.validate()).contains("hidden"));
    // Neither all 5 steps nor the 3 that would be scored.
    let chain = normal(2, &[BATCH, FLOW_STEPS, ACT]);
    let obs = normal(1, &[BATCH, OBS]);
    let short = dppo(DenoisingMdp::default()).negative_log_likelihood(&obs, &chain);
    assert!(short.unwrap_err().to_string().contains("5 states"));
}
