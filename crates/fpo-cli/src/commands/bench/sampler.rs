//! Times how long a policy takes to turn noise into the actions of all environments, which a flow
//! does by Euler steps.
//!
//! For a flow it counts `2·steps·environments·m` operations, with `m` multiply-adds of one pass of
//! its network. The operations of a Gaussian are not counted.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use candle_core::Device;
use fpo_core::{KernelForm, Noise, Purpose};

use crate::commands::bench::learner::macs;
use crate::commands::bench::measurement::{Case, Kind, Measurement};
use crate::commands::bench::sizes::Sizes;
use crate::commands::bench::stats::{Repeats, Timing};
use crate::training::build;

/// Times [`fpo_core::Policy::act`] for `envs` environments.
///
/// # Errors
/// If sampling fails, if an action is not finite, or if the actions are still the noise they began
/// as.
pub fn measure(
    sizes: &Sizes,
    envs: usize,
    device: &Device,
    repeats: Repeats,
    case: Case,
    peak: Option<f64>,
) -> Result<Measurement> {
    let noise = Noise::new(sizes.config.train.seed);
    let policy = build::policy(&sizes.config, &sizes.spec, &noise, device)?.frozen();
    let backend = build::compute(&sizes.config, device).for_policy(policy.as_ref())?;
    let (obs_dim, action_dim) = (sizes.spec.obs_dim, sizes.spec.action_dim);
    let obs = noise.normal_tensor(Purpose::LossNoise, 0, &[envs, obs_dim], device)?;
    let mut index = 0;
    let mut sample = || -> Result<_> {
        index += 1;
        let shape = [envs, policy.noise_len()];
        let drawn = noise.normal_tensor(Purpose::Action, index, &shape, device)?;
        device.synchronize()?;
        let clock = Instant::now();
        let actions = backend.act(policy.as_ref(), &obs, &drawn)?.action;
        device.synchronize()?;
        let taken = clock.elapsed();
        let moved =
            (actions - drawn.narrow(1, 0, action_dim)?)?.abs()?.flatten_all()?.to_vec1::<f32>()?;
        ensure!(moved.iter().all(|x| x.is_finite()), "a sampled action is not finite");
        ensure!(moved.iter().any(|&x| x > 0.0), "sampling left the noise as it was");
        Ok(taken)
    };
    warm_up(device).take(&mut sample)?;
    let durations = repeats.take(&mut sample)?;
    let measured = Measurement::new(Kind::Sample, case, Timing::of(&durations, 1.0)?);
    let Some(form) = policy.kernel_form() else { return Ok(measured) };
    let passes = match form {
        KernelForm::Flow { flow, .. } => flow.flow_steps * envs,
        KernelForm::Gaussian(_) => envs,
    };
    measured.with_flop(2.0 * (passes * macs(&policy.spec().layers)) as f64, peak)
}

/// Returns the untimed runs. On the CPU they are long enough for the system to spread the threads
/// over the cores, as in a rollout. Elsewhere there are as many every time, so that what a process
/// launches depends on its arguments alone and can be counted from outside.
fn warm_up(device: &Device) -> Repeats {
    match device {
        Device::Cpu => Repeats { least: 3, most: 1000, enough: Duration::from_millis(300) },
        _ => Repeats::exactly(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_sample_can_be_timed() {
        let sizes = Sizes::named("official").unwrap();
        let case = Case { envs: Some(8), ..Case::default() };
        let measured = measure(&sizes, 8, &Device::Cpu, Repeats::exactly(3), case, None).unwrap();
        assert_eq!(measured.time.runs, 3);
        assert!(measured.gflops.unwrap() > 0.0);
    }

    #[test]
    fn what_is_timed_is_what_the_algorithm_acts_with() {
        for kind in ["fpo", "dppo", "ppo"] {
            let sizes = Sizes::small(kind, "");
            let (case, repeats) = (Case::default(), Repeats::exactly(3));
            let measured = measure(&sizes, 8, &Device::Cpu, repeats, case, None).unwrap();
            assert!(measured.gflops.is_some(), "{kind}");
        }
    }
}
