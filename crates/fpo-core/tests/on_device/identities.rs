//! Identities and finite differences in f64, on the device of the test run: what must hold whatever
//! the reference does.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use fpo_core::gae::AdvantageKind;
use fpo_core::path::Quantity;
use fpo_core::{
    Activation, DeviceNormalizer, FlowConfig, FlowPolicy, Learner, LearnerState, MinibatchTensors,
    Noise, Normalizer, NormalizerKind, Objective, OptimizerConfig, Purpose, RatioKind, Rollout,
    Transitions, ValueNet,
};

use crate::device::{f64_device as device, host};
use crate::losses::learner_loss as loss_of;

const OBS: usize = 3;
const ACT: usize = 2;
const STEPS: usize = 4;
const BATCH: usize = 3;
const SAMPLES: usize = 5;

fn normal(index: u64, shape: &[usize]) -> Tensor {
    let noise = Noise::new(11).normal_tensor(Purpose::LossNoise, index, shape, &device());
    noise.unwrap().to_dtype(DType::F64).unwrap()
}

fn policy(mode: Quantity, activation: Activation, dtype: DType) -> FlowPolicy {
    let mut config = FlowConfig::new(OBS, ACT);
    config.hidden = vec![7, 6];
    config.output_mode = mode;
    config.activation = activation;
    config.output_scale = 0.7;
    FlowPolicy::new(config, &Noise::new(1), dtype, &device()).unwrap()
}

fn learner(mode: Quantity, config: Objective, dtype: DType) -> Learner {
    let value =
        ValueNet::new(OBS, &[8, 5], Activation::Silu, &Noise::new(2), dtype, &device()).unwrap();
    let normalizer = Normalizer::new(NormalizerKind::Welford, OBS);
    let policy = Arc::new(policy(mode, Activation::Silu, dtype));
    Learner::new(policy, value, normalizer, OptimizerConfig::default(), config).unwrap()
}

fn times() -> Tensor {
    let mut t = vec![0.0; STEPS * BATCH * SAMPLES];
    Noise::new(3).fill_uniform(Purpose::LossTime, 0, &mut t);
    let t = Tensor::from_vec(t, (STEPS, BATCH, SAMPLES, 1), &device()).unwrap();
    t.to_dtype(DType::F64).unwrap()
}

/// A minibatch with a terminal and a truncated step, whose stored losses differ from the policy's
/// by noise of size `off`.
fn minibatch(learner: &Learner, off: f64) -> MinibatchTensors {
    let flags = |at: &[usize]| {
        let mut flags = vec![0.0f64; STEPS * BATCH];
        at.iter().for_each(|&i| flags[i] = 1.0);
        Tensor::from_vec(flags, (STEPS, BATCH), &device()).unwrap()
    };
    let (obs, action) = (normal(1, &[STEPS, BATCH, OBS]), normal(2, &[STEPS, BATCH, ACT]));
    let (eps, t) = (normal(3, &[STEPS, BATCH, SAMPLES, ACT]), times());
    let identity = learner.device_normalizer().unwrap();
    let loss_old =
        learner.policy().evaluate(&identity.normalize(&obs).unwrap(), &action, &eps, &t).unwrap();
    let shift = (normal(4, &[STEPS, BATCH, SAMPLES]) * off).unwrap();
    MinibatchTensors {
        obs,
        bootstrap_obs: normal(5, &[BATCH, OBS]),
        action,
        reward: normal(6, &[STEPS, BATCH]),
        terminated: flags(&[4]),
        truncated: flags(&[2, 10]),
        cut_value: normal(7, &[STEPS, BATCH]),
        stored: eps,
        t,
        loss_old: (loss_old.losses.detach() + shift).unwrap(),
    }
}

/// The minibatch as it is before losses are stored with it.
fn without_losses(batch: &MinibatchTensors) -> Transitions<Tensor, ()> {
    let Transitions { obs, bootstrap_obs, action, reward, terminated, .. } = batch.clone();
    let Transitions { truncated, cut_value, stored, t, .. } = batch.clone();
    let loss_old = ();
    Transitions {
        obs,
        bootstrap_obs,
        action,
        reward,
        terminated,
        truncated,
        cut_value,
        stored,
        t,
        loss_old,
    }
}

#[test]
fn the_noise_loss_is_one_minus_t_squared_times_the_velocity_loss() {
    for activation in [Activation::Silu, Activation::Relu] {
        let (obs, action) = (normal(1, &[STEPS, BATCH, OBS]), normal(2, &[STEPS, BATCH, ACT]));
        let (eps, t) = (normal(3, &[STEPS, BATCH, SAMPLES, ACT]), times());
        let loss = |mode| {
            host(&policy(mode, activation, DType::F64).cfm_loss(&obs, &action, &eps, &t).unwrap())
        };
        let (noise, velocity) = (loss(Quantity::Noise), loss(Quantity::Velocity));
        for ((noise, velocity), t) in noise.iter().zip(&velocity).zip(host(&t)) {
            let expected = (1.0 - t).powi(2) * velocity;
            assert!((noise - expected).abs() < 1e-13 * (1.0 + expected), "{noise} {expected}");
        }
    }
}

#[test]
fn the_velocity_loss_is_the_mean_square_of_the_velocity_error() {
    let policy = policy(Quantity::Velocity, Activation::Silu, DType::F64);
    let (obs, action) = (normal(1, &[STEPS, BATCH, OBS]), normal(2, &[STEPS, BATCH, ACT]));
    let (eps, t) = (normal(3, &[STEPS, BATCH, 1, ACT]), times().narrow(2, 0, 1).unwrap());
    let loss = policy.cfm_loss(&obs, &action, &eps, &t).unwrap();
    let (eps, t) = (eps.squeeze(2).unwrap(), t.squeeze(2).unwrap());
    let x_t = (eps.broadcast_mul(&t).unwrap()
        + action.broadcast_mul(&(1.0 - &t).unwrap()).unwrap())
    .unwrap();
    let velocity = policy.velocity(&obs, &x_t, &t).unwrap();
    let error = (velocity - (eps - action).unwrap()).unwrap().sqr().unwrap().mean(2).unwrap();
    for (found, expected) in host(&loss).iter().zip(host(&error)) {
        assert!((found - expected).abs() < 1e-13, "{found} {expected}");
    }
}

#[test]
fn stored_losses_make_the_first_ratio_one_in_any_chunking() {
    let mut learner = learner(Quantity::Noise, Objective::default(), DType::F64);
    let mut batch = minibatch(&learner, 0.0);
    for chunk in [1, 3, 100] {
        batch.loss_old = learner.stored_losses(&without_losses(&batch), chunk).unwrap();
        let loss = loss_of(&learner, &batch, &learner.device_normalizer().unwrap());
        assert!(host(&loss.ratio).iter().all(|r| (r - 1.0).abs() < 1e-12), "chunk {chunk}");
    }
}

/// Central differences of the total loss along random directions of each network's parameters.
#[test]
fn the_gradient_of_the_whole_loss_equals_finite_differences() {
    for mode in [Quantity::Noise, Quantity::Velocity] {
        for ratio in [RatioKind::PerAction, RatioKind::PerSample] {
            let config = Objective { ratio, clip_epsilon: 0.2, ..Objective::default() };
            let learner = learner(mode, config, DType::F64);
            let batch = minibatch(&learner, 0.1);
            let identity = learner.device_normalizer().unwrap();
            let loss = loss_of(&learner, &batch, &identity);
            let beyond = host(&loss.ratio).iter().filter(|r| (*r - 1.0).abs() > 0.2).count();
            assert!(ratio == RatioKind::PerAction || beyond > 0, "the clip is at work");
            let grads = loss.total.backward().unwrap();
            let policy_loss = || {
                let loss = loss_of(&learner, &batch, &identity);
                loss.policy_loss.to_scalar::<f64>().unwrap()
            };
            // The value targets carry no gradient, so they are held at their first values.
            let targets = loss.value_terms.estimates.targets.clone();
            let mask = (1.0 - &batch.truncated).unwrap();
            let fixed_targets = |values: &Tensor| {
                let error = ((&targets - values).unwrap() * &mask).unwrap();
                let mean = error.sqr().unwrap().mean_all().unwrap();
                mean.to_scalar::<f64>().unwrap() * learner.objective().value_coefficient
            };
            for (what, params) in
                [("policy", learner.policy().params()), ("value", learner.value().params())]
            {
                let grad = grads.get(params.var()).unwrap();
                let start = params.flat().copy().unwrap();
                for seed in 0..4 {
                    let direction = normal(100 + seed, start.dims());
                    let along = |h: f64| {
                        params.var().set(&(&start + (&direction * h).unwrap()).unwrap()).unwrap();
                        match what {
                            "policy" => policy_loss(),
                            _ => fixed_targets(
                                &loss_of(&learner, &batch, &identity).value_terms.values,
                            ),
                        }
                    };
                    let h = 1e-6;
                    let numeric = (along(h) - along(-h)) / (2.0 * h);
                    let exact = host(&(grad * &direction).unwrap()).iter().sum::<f64>();
                    assert!(
                        (numeric - exact).abs() < 1e-6 * (1.0 + exact.abs()),
                        "{mode:?} {ratio:?} {what}: {numeric} {exact}"
                    );
                    params.var().set(&start).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_restored_learner_takes_the_same_steps() {
    let config = Objective { advantage: AdvantageKind::Vtrace, ..Objective::default() };
    let mut first = learner(Quantity::Noise, config, DType::F64);
    first.normalizer.update(&[1.0, 2.0, 3.0, -1.0, 0.5, 4.0]).unwrap();
    let tensors = minibatch(&first, 0.1);
    let bootstrap_obs = tensors.bootstrap_obs.unsqueeze(0).unwrap();
    let rollout = Rollout { bootstrap_obs, ..tensors };
    let step = |learner: &mut Learner, map: &DeviceNormalizer| {
        let minibatch = rollout.minibatch(&[0, 1, 2], STEPS).unwrap();
        learner.gradient_step(&minibatch, map).unwrap();
    };
    let map = first.device_normalizer().unwrap();
    for _ in 0..3 {
        step(&mut first, &map);
    }
    let state = LearnerState::capture(&first).unwrap();
    let mut second = learner(Quantity::Noise, config, DType::F64);
    state.restore(&mut second).unwrap();
    assert_eq!(first.normalizer, second.normalizer);
    for _ in 0..2 {
        step(&mut first, &map);
        step(&mut second, &map);
    }
    assert_eq!(first.gradient_steps(), second.gradient_steps());
    assert_eq!(host(first.policy().params().flat()), host(second.policy().params().flat()));
    assert_eq!(host(first.value().params().flat()), host(second.value().params().flat()));
}

#[test]
fn a_state_that_is_not_finite_is_not_captured() {
    let learner = learner(Quantity::Noise, Objective::default(), DType::F64);
    let flat = learner.value().params().flat();
    let infinite = (flat.ones_like().unwrap() / 0.0).unwrap();
    learner.value().params().var().set(&infinite).unwrap();
    let error = LearnerState::capture(&learner).unwrap_err().to_string();
    assert!(error.contains("value.0.weight"), "{error}");
}
