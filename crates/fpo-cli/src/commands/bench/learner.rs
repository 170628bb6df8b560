//! Times one gradient step through the interface that training uses: [`Learner::epoch`] over a
//! rollout of one minibatch, which gathers it, computes loss and gradients, and steps Adam.
//!
//! For `B` transitions with `N` losses each, it counts `2·(B·N·(3·m − m₁) + B·(3·m − m₁))`
//! operations. The first term is for the policy and the second for the value network; a network's
//! forward pass has `m` multiply-adds, of which its first layer has `m₁`. A backward pass costs
//! twice the forward pass, without the gradient of the input. A loss is one pass of the
//! policy's network: for a sample, for a step of a chain, or for a Gaussian's likelihood.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use fpo_core::{
    Learner, MinibatchSchedule, Noise, PhaseTimes, Policy, Purpose, Reduce, Rollout, Source,
    StepMetrics, Stored, Transitions,
};

use crate::commands::bench::measurement::{Case, Kind, Measurement, PhaseTime};
use crate::commands::bench::sizes::Sizes;
use crate::commands::bench::stats::{Repeats, Timing};
use crate::statistics::sample::median;
use crate::training::build;

/// Stored losses differ from the present losses by normal noise of this deviation, so that ratios
/// differ from 1.
const LOSS_NOISE: f32 = 0.02;

/// Times gradient steps on minibatches of `batch_size` sequences, which the ranks of `reduce`
/// share.
///
/// # Errors
/// If the learner fails, or if a step left the parameters as they were.
pub fn measure(
    sizes: &Sizes,
    batch_size: usize,
    device: &Device,
    reduce: Arc<dyn Reduce>,
    repeats: Repeats,
    case: Case,
    peak: Option<f64>,
) -> Result<Measurement> {
    let noise = Noise::new(sizes.config.train.seed);
    let mut learner =
        build::learner(&sizes.config, &sizes.spec, &noise, device)?.with_reduce(reduce);
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

    let mut parts: Vec<PhaseTimes> = Vec::new();
    let mut step = || -> Result<_> {
        let order = noise.permutation(Purpose::Shuffle, learner.epochs(), batch_size);
        device.synchronize()?;
        learner.times = PhaseTimes::default();
        let clock = Instant::now();
        let rows = learner
            .epoch(&rollout, &order, schedule, &normalizer, &mut |_| ControlFlow::Continue(()))?;
        device.synchronize()?;
        let taken = clock.elapsed();
        parts.push(learner.times);
        let metrics = StepMetrics::collect(&rows, learner.gradient_steps() - 1)?;
        let norm = metrics.summary().into_iter().find(|(name, _)| *name == "grad_norm");
        ensure!(norm.is_some_and(|(_, norm)| norm > 0.0), "a gradient step had no gradient");
        Ok(taken)
    };
    Repeats::exactly(2).take(&mut step)?;
    let durations = repeats.take(&mut step)?;

    let mut measured = Measurement::new(Kind::GradientStep, case, Timing::of(&durations, 1.0)?);
    measured.phases = phases(&parts[parts.len() - durations.len()..], measured.time.ms_median);
    match flop(sizes, learner.policy().as_ref(), batch_size * unroll_length) {
        Some(flop) => measured.with_flop(flop, peak),
        None => Ok(measured),
    }
}

/// Returns the medians of the parts of gradient steps.
fn phases(steps: &[PhaseTimes], ms_total: f64) -> Vec<PhaseTime> {
    let part = |name: &str, of: fn(&PhaseTimes) -> Duration| {
        let ms_median = median(steps.iter().map(|times| of(times).as_secs_f64() * 1e3));
        PhaseTime { name: name.into(), ms_median, share: ms_median / ms_total }
    };
    vec![
        part("gae", |times| times.gae),
        part("policy", |times| times.policy),
        part("value", |times| times.value),
        part("optim", |times| times.optim),
    ]
}

/// Returns a rollout of random numbers. Only chains are really taken by the policy, because the
/// likelihood of a chain that it did not take would be out of all range.
fn random_rollout(
    sizes: &Sizes,
    envs: usize,
    learner: &mut Learner,
    noise: &Noise,
) -> Result<Rollout> {
    let device = &learner.device().clone();
    let (obs_dim, action_dim) = (sizes.spec.obs_dim, sizes.spec.action_dim);
    let steps = sizes.config.train.unroll_length;
    let policy = learner.policy().clone();
    let Stored { losses, rows, source } = policy.stored(sizes.config.algorithm.num_samples);
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
    let action_shape = [steps, envs, action_dim];
    let stored_shape = [steps, envs, rows, action_dim];
    let (action, stored) = match source {
        Source::NoiseAndTime | Source::Noise => {
            (normal(1, &action_shape)?, normal(2, &stored_shape)?)
        }
        Source::Chain { .. } => {
            let obs = learner.device_normalizer()?.normalize(&obs.flatten(0, 1)?)?;
            let drawn = normal(1, &[steps * envs, policy.noise_len()])?;
            let acted = policy.frozen().act(&obs, &drawn)?;
            let chain = acted.chain.context("the policy acts without a chain")?;
            (acted.action.reshape(&action_shape)?, chain.contiguous()?.reshape(&stored_shape)?)
        }
    };
    let mut times = vec![0.0; steps * envs * losses];
    policy.fill_times(&build::sample_draws(&sizes.config), losses, noise, 0, &mut times);
    let t = Tensor::from_vec(times, (steps, envs, losses, 1), device)?;
    let collected = Transitions {
        obs,
        bootstrap_obs: normal(4, &[1, envs, obs_dim])?,
        action,
        reward: normal(5, &[steps, envs])?,
        terminated: flags(6)?,
        truncated: (flags(7)? * 0.0)?,
        cut_value: (flags(7)? * 0.0)?,
        stored,
        t,
        loss_old: (),
    };
    let loss_old = learner.stored_losses(&collected, 1)?;
    let shift = (normal(3, &[steps, envs, losses])? * f64::from(LOSS_NOISE))?;
    let rollout = collected.with_loss_old((loss_old + shift)?);
    if rollout.loss_old.flatten_all()?.to_vec1::<f32>()?.iter().any(|x| !x.is_finite()) {
        bail!("the stored losses of random data are not finite");
    }
    Ok(rollout)
}

/// Returns the multiply-adds of one row through layers of these widths.
pub fn macs(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
}

/// Returns the operations of a gradient step on `transitions` transitions, or `None` if they are
/// not known.
fn flop(sizes: &Sizes, policy: &dyn Policy, transitions: usize) -> Option<f64> {
    policy.kernel_form()?;
    let (config, spec) = (&sizes.config, &sizes.spec);
    let networks = [policy.spec().layers.clone(), build::value_sizes(config, spec)];
    let [policy_macs, value_macs] =
        networks.map(|widths| 3 * macs(&widths) - widths[0] * widths[1]);
    let losses = policy.stored(config.algorithm.num_samples).losses;
    let per_transition = losses * policy_macs + value_macs;
    Some(2.0 * transitions as f64 * per_transition as f64)
}

#[cfg(test)]
mod tests {
    use fpo_core::Alone;

    use super::*;

    fn flop(sizes: &Sizes, transitions: usize) -> f64 {
        let noise = Noise::new(0);
        let policy = build::policy(&sizes.config, &sizes.spec, &noise, &Device::Cpu).unwrap();
        super::flop(sizes, policy.as_ref(), transitions).unwrap()
    }

    #[test]
    fn the_official_step_has_the_known_number_of_operations() {
        let sizes = Sizes::named("official").unwrap();
        assert_eq!(
            macs(&build::policy_spec(&sizes.config, &sizes.spec).layers),
            31 * 32 + 3 * 32 * 32 + 32 * 6
        );
        assert!((flop(&sizes, 3840) / 1e9 - 6.84).abs() < 0.01, "{}", flop(&sizes, 3840));
    }

    #[test]
    fn a_small_step_can_be_timed() {
        let sizes = Sizes::named("desk").unwrap();
        let case = Case { transitions: Some(60), ..Case::default() };
        let repeats = Repeats::exactly(3);
        let measured =
            measure(&sizes, 2, &Device::Cpu, Arc::new(Alone), repeats, case, None).unwrap();
        assert_eq!(measured.time.runs, 3);
        assert!(measured.gflops.unwrap() > 0.0 && measured.peak_share.is_none());
    }

    #[test]
    fn a_step_of_every_algorithm_can_be_timed() {
        for kind in ["fpo", "fpo++", "dppo", "ppo"] {
            for steps in ["all", "final_half"] {
                let sizes = Sizes::small(kind, &format!("scored_steps = '{steps}'"));
                let (case, repeats) = (Case::default(), Repeats::exactly(2));
                let measured =
                    measure(&sizes, 2, &Device::Cpu, Arc::new(Alone), repeats, case, None).unwrap();
                assert!(measured.gflops.is_some(), "{kind}");
            }
        }
    }

    #[test]
    fn a_chain_has_a_pass_for_every_scored_step() {
        let flop = |kind, more| flop(&Sizes::small(kind, more), 100);
        let (all, half) = ("scored_steps = 'all'", "scored_steps = 'final_half'");
        assert_eq!(flop("dppo", all), flop("fpo", "num_samples = 10"));
        assert_eq!(flop("dppo", half), flop("fpo", "num_samples = 5"));
    }
}
