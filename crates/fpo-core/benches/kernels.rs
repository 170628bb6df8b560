//! The parts of an iteration at the sizes of the paper's CheetahRun, fused and composed.
//!
//! `cargo bench -p fpo-core` runs all of them, `cargo bench -p fpo-core -- sample` those with that
//! word in their name. A gradient step takes 3,840 transitions, an eighth of the paper's minibatch.

#![allow(missing_docs, reason = "criterion's macros make public items without them")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot start should say where")]

use std::sync::Arc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fpo_core::{
    Activation, Adam, AdamConfig, Compute, FlowConfig, FlowPolicy, Isa, Learner, Noise, Normalizer,
    NormalizerKind, Objective, OptimizerConfig, PhaseTimes, Policy, Purpose, Rollout, Transitions,
    ValueNet,
};

const OBS: usize = 17;
const ACT: usize = 6;
const SAMPLES: usize = 8;
const UNROLL: usize = 30;
const SEQUENCES: usize = 128;
const ENVS: usize = 2048;

fn computes() -> impl Iterator<Item = (String, Compute)> {
    let fused = Isa::ALL.into_iter().filter(|isa| isa.is_available());
    let fused = fused.map(|isa| (format!("fused {}", isa.name()), Compute::Fused(isa)));
    std::iter::once(("composed".to_string(), Compute::Composed)).chain(fused)
}

fn normal(index: u64, shape: &[usize]) -> Tensor {
    Noise::new(1).normal_tensor(Purpose::LossNoise, index, shape, &Device::Cpu).unwrap()
}

fn policy() -> FlowPolicy {
    let config = FlowConfig::new(OBS, ACT);
    FlowPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap()
}

fn learner(compute: Compute) -> Learner {
    let (noise, device) = (Noise::new(0), Device::Cpu);
    let value = ValueNet::new(OBS, &[256; 5], Activation::Silu, &noise, DType::F32, &device);
    let normalizer = Normalizer::new(NormalizerKind::Welford, OBS);
    let (optimizer, objective) = (OptimizerConfig::default(), Objective::default());
    let policy = Arc::new(policy());
    let learner = Learner::new(policy, value.unwrap(), normalizer, optimizer, objective).unwrap();
    learner.with_compute(compute).unwrap()
}

/// A rollout without losses.
fn collected() -> Transitions<Tensor, ()> {
    let zeros = || Tensor::zeros((UNROLL, SEQUENCES), DType::F32, &Device::Cpu).unwrap();
    let eps = normal(2, &[UNROLL, SEQUENCES, SAMPLES, ACT]);
    let t = (eps.narrow(3, 0, 1).unwrap().tanh().unwrap() * 0.5).unwrap();
    Transitions {
        obs: normal(0, &[UNROLL, SEQUENCES, OBS]),
        bootstrap_obs: normal(3, &[1, SEQUENCES, OBS]),
        action: normal(1, &[UNROLL, SEQUENCES, ACT]),
        reward: normal(4, &[UNROLL, SEQUENCES]),
        terminated: zeros(),
        truncated: zeros(),
        cut_value: zeros(),
        stored: eps,
        t: (t + 0.5).unwrap().contiguous().unwrap(),
        loss_old: (),
    }
}

fn rollout(learner: &mut Learner) -> Rollout {
    let collected = collected();
    let loss_old = learner.stored_losses(&collected, UNROLL).unwrap();
    let Transitions { obs, bootstrap_obs, action, reward, terminated, .. } = collected;
    let Transitions { truncated, cut_value, stored, t, .. } = collected;
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

/// A whole gradient step, and its parts by the learner's own clocks.
fn gradient_step(c: &mut Criterion) {
    type Part = (&'static str, fn(&PhaseTimes) -> Duration);
    let parts: [Part; 3] = [
        ("whole", |times| times.gae + times.policy + times.value + times.optim),
        ("value part", |times| times.value),
        ("policy part", |times| times.policy),
    ];
    for (name, compute) in computes() {
        let mut learner = learner(compute);
        let rollout = rollout(&mut learner);
        let normalizer = learner.device_normalizer().unwrap();
        let picks: Vec<u32> = (0..SEQUENCES as u32).collect();
        let minibatch = rollout.minibatch(&picks, UNROLL).unwrap();
        for (part, time) in parts {
            c.bench_function(&format!("gradient step, {part}, {name}"), |b| {
                b.iter_custom(|steps| {
                    learner.times = PhaseTimes::default();
                    for _ in 0..steps {
                        learner.gradient_step(&minibatch, &normalizer).unwrap();
                    }
                    time(&learner.times)
                });
            });
        }
    }
}

fn stored_losses(c: &mut Criterion) {
    for (name, compute) in computes() {
        let mut learner = learner(compute);
        let rollout = collected();
        c.bench_function(&format!("stored losses, {name}"), |b| {
            b.iter(|| learner.stored_losses(&rollout, UNROLL).unwrap());
        });
    }
}

fn sample(c: &mut Criterion) {
    let (obs, start) = (normal(0, &[ENVS, OBS]), normal(1, &[ENVS, ACT]));
    for (name, compute) in computes() {
        let policy = policy().frozen();
        let backend = compute.for_policy(policy.as_ref()).unwrap();
        c.bench_function(&format!("sample 2048 actions in 10 steps, {name}"), |b| {
            b.iter(|| backend.act(policy.as_ref(), &obs, &start).unwrap());
        });
    }
}

fn noise(c: &mut Criterion) {
    let mut values = vec![0.0; 1_000_000];
    let noise = Noise::new(0);
    c.bench_function("a million normal numbers", |b| {
        b.iter(|| noise.fill_normal(Purpose::LossNoise, 0, &mut values));
    });
}

fn adam(c: &mut Criterion) {
    let learner = learner(Compute::Composed);
    let vars: Vec<_> =
        [learner.policy().params(), learner.value().params()].map(|net| net.var().clone()).into();
    let grads: Vec<_> = vars.iter().map(|var| normal(5, var.dims())).collect();
    let start = || Adam::new(vars.clone(), AdamConfig::default()).unwrap();
    c.bench_function("Adam, both networks", |b| {
        b.iter_batched_ref(start, |adam| adam.step(&grads).unwrap(), BatchSize::NumIterations(100));
    });
}

criterion_group! {
    name = parts;
    config = Criterion::default().sample_size(20).without_plots();
    targets = gradient_step, stored_losses, sample, noise, adam
}
criterion_main!(parts);
