//! Times one gradient step through the interface that training uses: [`Learner::epoch`] over a
//! rollout of one minibatch, which gathers it, computes loss and gradients, and steps Adam.
//!
//! Operations counted, with `m` multiply-adds of a network's forward pass and `m₁` of its first
//! layer, for `B` transitions of `N` samples: `2·(B·N·(3·m − m₁) + B·(3·m − m₁))`, policy and
//! value. A backward pass costs twice the forward one, without the gradient of the input.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};
use fpo_core::{Learner, MinibatchSchedule, Noise, Purpose, Rollout, StepMetrics};

use super::measurement::{Case, Kind, Measurement};
use super::sizes::Sizes;
use super::stats::{Repeats, Timing};
use crate::setup;

/// Stored losses differ from the present ones by this much, so that ratios differ from 1.
const LOSS_NOISE: f32 = 0.02;

/// Times gradient steps on minibatches of `batch_size` sequences.
///
/// # Errors
/// Where the learner fails, or a step left the parameters as they were.
pub fn measure(
    sizes: &Sizes,
    batch_size: usize,
    device: &Device,
    repeats: Repeats,
    case: Case,
    peak: Option<f64>,
) -> Result<Measurement> {
    let noise = Noise::new(sizes.config.train.seed);
    let mut learner = setup::learner(&sizes.config, &sizes.spec, &noise, device)?;
    let unroll_length = sizes.config.train.unroll_length;
    let schedule = MinibatchSchedule {
        unroll_length,
        batch_size,
        num_minibatches: 1,
        num_epochs: 1,
        max_divergence: None,
    };
    let rollout = random_rollout(sizes, batch_size, &mut learner, &noise)?;
    let normalizer = learner.device_normalizer()?;

    let mut step = || -> Result<_> {
        let order = noise.permutation(Purpose::Shuffle, learner.epochs, batch_size);
        device.synchronize()?;
        let clock = Instant::now();
        let rows = learner.epoch(&rollout, &order, schedule, &normalizer, &mut |_| ())?;
        device.synchronize()?;
        let taken = clock.elapsed();
        let metrics = StepMetrics::collect(&rows, learner.gradient_steps - 1)?;
        let norm = metrics.summary().into_iter().find(|(name, _)| *name == "grad_norm");
        ensure!(norm.is_some_and(|(_, norm)| norm > 0.0), "a gradient step without a gradient");
        Ok(taken)
    };
    Repeats::exactly(2).take(&mut step)?;
    let durations = repeats.take(&mut step)?;

    let flop = flop(sizes, batch_size * unroll_length);
    Measurement::new(Kind::GradientStep, case, Timing::of(&durations, 1.0)?).with_flop(flop, peak)
}

/// Random numbers in the place of everything that a rollout holds.
fn random_rollout(
    sizes: &Sizes,
    envs: usize,
    learner: &mut Learner,
    noise: &Noise,
) -> Result<Rollout> {
    let device = &learner.device().clone();
    let (obs_dim, action_dim) = (sizes.spec.obs_dim, sizes.spec.action_dim);
    let (steps, samples) = (sizes.config.train.unroll_length, sizes.config.algorithm.num_samples);
    // Streams of the same purpose are told apart by their number.
    let normal = |number, shape: &[usize]| -> Result<Tensor> {
        Ok(noise.normal_tensor(Purpose::LossNoise, number, shape, device)?)
    };
    let flags = |number| -> Result<Tensor> {
        let mut values = vec![0.0; steps * envs];
        noise.fill_uniform(Purpose::LossTime, number, &mut values);
        values.iter_mut().for_each(|x| *x = f32::from(*x < 0.01));
        Ok(Tensor::from_vec(values, (steps, envs), device)?)
    };
    let obs = normal(0, &[steps, envs, obs_dim])?;
    learner.normalizer.update(&obs.flatten_all()?.to_vec1::<f32>()?)?;
    let action = normal(1, &[steps, envs, action_dim])?;
    let eps = normal(2, &[steps, envs, samples, action_dim])?;
    let mut times = vec![0.0; steps * envs * samples];
    learner.policy.fill_times(setup::training_times(&sizes.config), noise, 0, &mut times);
    let t = Tensor::from_vec(times, (steps, envs, samples, 1), device)?;
    let loss_old = learner.stored_losses(&obs, &action, &eps, &t, 1)?;
    let shift = (normal(3, &[steps, envs, samples])? * f64::from(LOSS_NOISE))?;
    let rollout = Rollout {
        obs,
        bootstrap_obs: normal(4, &[1, envs, obs_dim])?,
        action,
        reward: normal(5, &[steps, envs])?,
        terminated: flags(6)?,
        truncated: (flags(7)? * 0.0)?,
        cut_value: (flags(7)? * 0.0)?,
        eps,
        t,
        loss_old: (loss_old + shift)?,
    };
    if rollout.loss_old.flatten_all()?.to_vec1::<f32>()?.iter().any(|x| !x.is_finite()) {
        bail!("the stored losses of random data are not finite");
    }
    Ok(rollout)
}

/// Multiply-adds of one row through layers of these widths.
pub fn macs(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
}

/// Widths of the policy's layers, input and output included.
pub fn policy_widths(sizes: &Sizes) -> Vec<usize> {
    let (config, spec) = (&sizes.config.policy, &sizes.spec);
    let input = spec.obs_dim + spec.action_dim + config.time_embedding;
    [&[input][..], &config.hidden, &[spec.action_dim]].concat()
}

/// Operations of a gradient step on `transitions` transitions.
fn flop(sizes: &Sizes, transitions: usize) -> f64 {
    let value = [&[sizes.spec.obs_dim][..], &sizes.config.value.hidden, &[1]].concat();
    let trained = |widths: &[usize]| 3 * macs(widths) - widths[0] * widths[1];
    let samples = sizes.config.algorithm.num_samples;
    let per_transition = samples * trained(&policy_widths(sizes)) + trained(&value);
    2.0 * transitions as f64 * per_transition as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_step_has_the_known_number_of_operations() {
        let sizes = Sizes::named("official").unwrap();
        assert_eq!(macs(&policy_widths(&sizes)), 31 * 32 + 3 * 32 * 32 + 32 * 6);
        assert!((flop(&sizes, 3840) / 1e9 - 6.84).abs() < 0.01, "{}", flop(&sizes, 3840));
    }

    #[test]
    fn a_small_step_can_be_timed() {
        let sizes = Sizes::named("desk").unwrap();
        let case = Case { transitions: Some(60), ..Case::default() };
        let repeats = Repeats::exactly(3);
        let measured = measure(&sizes, 2, &Device::Cpu, repeats, case, None).unwrap();
        assert_eq!(measured.time.runs, 3);
        assert!(measured.gflops.unwrap() > 0.0 && measured.peak_share.is_none());
    }
}
