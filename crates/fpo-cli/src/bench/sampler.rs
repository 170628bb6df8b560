//! Times the flow policy's sampler: from noise to actions of all environments by Euler steps.
//!
//! Operations counted: `2·steps·environments·m` with `m` multiply-adds of the policy's pass.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use candle_core::{DType, Device};
use fpo_core::{FlowPolicy, Noise, Purpose};

use super::learner::{macs, policy_widths};
use super::measurement::{Case, Kind, Measurement};
use super::sizes::Sizes;
use super::stats::{Repeats, Timing};
use crate::setup;

/// Times [`FlowPolicy::sample`] for `envs` environments.
///
/// # Errors
/// Where sampling fails, or an action is not finite or still the noise it began as.
pub fn measure(
    sizes: &Sizes,
    envs: usize,
    device: &Device,
    repeats: Repeats,
    case: Case,
    peak: Option<f64>,
) -> Result<Measurement> {
    let noise = Noise::new(sizes.config.train.seed);
    let config = setup::flow_config(&sizes.config, &sizes.spec);
    let policy = FlowPolicy::new(config, &noise, DType::F32, device)?.frozen();
    let (obs_dim, action_dim) = (sizes.spec.obs_dim, sizes.spec.action_dim);
    let obs = noise.normal_tensor(Purpose::LossNoise, 0, &[envs, obs_dim], device)?;
    let mut index = 0;
    let mut sample = || -> Result<_> {
        index += 1;
        let start = noise.normal_tensor(Purpose::Action, index, &[envs, action_dim], device)?;
        device.synchronize()?;
        let clock = Instant::now();
        let actions = policy.sample(&obs, &start)?;
        device.synchronize()?;
        let taken = clock.elapsed();
        let moved = (actions - start)?.abs()?.flatten_all()?.to_vec1::<f32>()?;
        ensure!(moved.iter().all(|x| x.is_finite()), "a sampled action is not finite");
        ensure!(moved.iter().any(|&x| x > 0.0), "sampling left the noise as it was");
        Ok(taken)
    };
    // Long enough for the system to have spread the threads over the cores, as in a rollout.
    Repeats { least: 3, most: 1000, enough: Duration::from_millis(300) }.take(&mut sample)?;
    let durations = repeats.take(&mut sample)?;
    let flow_steps = sizes.config.policy.flow_steps;
    let flop = 2.0 * (flow_steps * envs * macs(&policy_widths(sizes))) as f64;
    Measurement::new(Kind::Sample, case, Timing::of(&durations, 1.0)?).with_flop(flop, peak)
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
}
