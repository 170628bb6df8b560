//! Tests of the memory estimate.

use std::ops::ControlFlow;

use fpo_core::Noise;

use super::*;
use crate::config::choices::KernelChoice;
use crate::training::collector::Plan;
use crate::training::trainer::Trainer;

const RUN: &str = "[env]\ntask = \"Classic/Cartpole\"\nnum_envs = 4\n\
    [train]\nunroll_length = 5\nbatch_size = 4\nnum_minibatches = 2\ndevice = \"cpu\"\n\
    [policy]\nhidden = [8]\n[value]\nhidden = [16]\n[algorithm]\nnum_samples = 3\n";

fn config(kind: &str) -> Config {
    Config::from_toml_str(&format!("{RUN}kind = \"{kind}\"\n"), "run").unwrap()
}

fn trainer(kind: &str) -> Trainer {
    Trainer::new(config(kind), &Device::Cpu).unwrap()
}

#[test]
fn parameters_are_counted_as_the_networks_have_them() {
    for kind in ["fpo", "dppo", "ppo"] {
        let trainer = trainer(kind);
        let spec = trainer.collector.stage.spec();
        let config = &trainer.config;
        let policy_spec = build::policy_spec(config, spec);
        let value = parameters(&build::value_sizes(config, spec));
        assert_eq!(value, trainer.learner.value().params().layout().len() as u64, "{kind}");
        assert_eq!(trainer.learner.policy().spec(), &policy_spec, "{kind}");
    }
}

/// The memory of composed operations grows with the minibatch and the policy's width, that of the
/// kernels does not. Averaged weights are one more copy of the policy, and another in the state to
/// which an iteration can go back, which there is with Adam only.
#[test]
fn composed_parts_and_averages_count() {
    let learner_bytes = |config: &Config| {
        let envs = build::envs(config).unwrap();
        Memory::of(config, envs.as_ref(), &Device::Cpu).learner
    };
    for kind in ["fpo", "ppo"] {
        let mut fused = config(kind);
        fused.policy.hidden = vec![512];
        fused.train.batch_size = 2048;
        let mut composed = fused.clone();
        composed.train.kernels = KernelChoice::Composed;
        let activations = 2048 * 5 * 512 * FLOAT;
        assert!(learner_bytes(&composed) > learner_bytes(&fused) + 3 * activations, "{kind}");
        let before = learner_bytes(&fused);
        fused.algorithm.ema_decay = Some(0.9);
        let spec = build::policy_spec(&fused, build::envs(&fused).unwrap().spec());
        let policy = spec.parameters as u64;
        assert_eq!(learner_bytes(&fused), before + 2 * policy * FLOAT, "{kind}");
        let envs = build::envs(&fused).unwrap();
        let value = parameters(&build::value_sizes(&fused, envs.spec()));
        let kept = 4 * policy + 3 * value;
        let before = learner_bytes(&fused);
        fused.optimizer.kind = OptimizerKind::Radam;
        assert_eq!(learner_bytes(&fused), before - kept * FLOAT, "{kind}");
    }
}

#[test]
fn a_run_too_large_is_refused_before_its_networks_are_made() {
    let mut config = config("fpo");
    config.value.hidden = vec![65_536; 60];
    let error = Trainer::new(config, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("value.hidden"), "{error}");
}

#[test]
fn the_rollout_is_as_large_as_its_tensors() {
    for kind in ["fpo", "fpo++", "dppo", "ppo"] {
        check_rollout(kind);
    }
}

fn check_rollout(kind: &str) {
    let mut trainer = trainer(kind);
    let estimate = trainer.memory.rollout;
    let plan = Plan {
        length: trainer.config.iteration_length(),
        unroll_length: trainer.config.train.unroll_length,
        num_samples: trainer.config.algorithm.num_samples,
        overlap: false,
        noise_correlation: 0.0,
    };
    let draws = build::sample_draws(&trainer.config);
    let Trainer { collector, learner, .. } = &mut trainer;
    let noise = Noise::new(0);
    let collected =
        collector.collect(learner, &noise, plan, &mut |_| ControlFlow::Continue(())).unwrap();
    let rollout = learner.complete(collected.storage, draws, &noise, 0).unwrap();
    let tensors = [
        &rollout.obs,
        &rollout.bootstrap_obs,
        &rollout.action,
        &rollout.reward,
        &rollout.terminated,
        &rollout.truncated,
        &rollout.cut_value,
        &rollout.stored,
        &rollout.t,
        &rollout.loss_old,
    ];
    let bytes = |tensor: &&candle_core::Tensor| {
        (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64
    };
    assert_eq!(tensors.iter().map(bytes).sum::<u64>(), estimate);
}

#[test]
fn a_run_that_does_not_fit_says_what_to_lower() {
    let trainer = trainer("fpo");
    let (memory, config) = (trainer.memory, &trainer.config);
    assert!(memory.fits(config, 10, Some(10), "here").is_ok());
    assert!(memory.fits(config, 10, None, "here").is_ok());
    let large = Memory { rollout: 9_000_000, learner: 1, environments: 1 };
    let error = large.fits(config, large.total(), Some(2_000_000), "here").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("10 MB") && text.contains("here has 2 MB free"), "{text}");
    assert!(text.contains("train.num_minibatches (now 2)"), "{text}");
    let wide = Memory { rollout: 1, learner: 9_000_000, environments: 1 };
    let error = wide.fits(config, wide.total(), Some(1), "here").unwrap_err().to_string();
    assert!(error.contains("train.batch_size (now 4)"), "{error}");
}

#[test]
fn the_kernel_says_what_is_available() {
    let text = "MemTotal:  100 kB\nMemFree: 20 kB\nMemAvailable:      64 kB\n";
    assert_eq!(available(text), Some(65_536));
    assert_eq!(available("MemTotal: 100 kB\n"), None);
}

#[test]
fn it_is_said_in_one_line() {
    let memory = Memory { rollout: 329_100_000, learner: 61_000_000, environments: 20_500_000 };
    let expected = "memory: about 411 MB (rollout 330, learner 61, environments and program 21)";
    assert_eq!(memory.to_string(), expected);
}

/// Small minibatches are cut into few parts, each of which has sums of its own.
#[test]
fn a_wide_network_on_small_minibatches_takes_four_sums() {
    let mut config = config("fpo");
    config.value.hidden = vec![4096];
    let envs = build::envs(&config).unwrap();
    let value = parameters(&build::value_sizes(&config, envs.spec()));
    let small = Memory::of(&config, envs.as_ref(), &Device::Cpu).learner;
    // The network needs its parameters, two moments, a gradient, weights packed twice and four
    // sums. Everything else is small.
    assert!(small > 10 * value * FLOAT);
    config.train.batch_size = 100_000;
    let envs = build::envs(&config).unwrap();
    let large = Memory::of(&config, envs.as_ref(), &Device::Cpu).learner;
    assert!(large > small + 28 * value * FLOAT);
}
