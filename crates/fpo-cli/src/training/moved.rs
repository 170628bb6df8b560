//! How far an update has moved a policy, in exact nats: the divergence that the ratios of FPO only
//! estimate.
//!
//! ```text
//! KL(π_old ‖ π_new) ≈ mean (r − 1 − ln r),   r = π_new(a|s) / π_old(a|s)
//! ```
//!
//! over actions of the rollout, whose likelihoods are exact: those of a flow come from inverting
//! its sampler ([`FlowLikelihood`]), those of a Gaussian are its losses. Each term is at least 0,
//! so that few actions are enough. A flow's action takes a few hundred passes of the network.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use fpo_core::likelihood::FlowLikelihood;
use fpo_core::{DeviceNormalizer, Noise, Policy, Rollout, SampleDraws, Source};
use rayon::prelude::*;

use crate::run::metrics::Metrics;
use crate::training::estimated::{Estimated, Fit};

/// Actions of a rollout whose likelihoods are compared, at most.
const ACTIONS: usize = 128;

/// Likelihoods of some of a rollout's actions under the policy that took them.
pub struct Before {
    obs: Tensor,
    actions: Tensor,
    log_probs: Vec<Option<f64>>,
    estimated: Option<Estimated>,
}

/// How far an update has moved a policy.
pub struct Moved {
    /// Exact log ratios of the actions that have one.
    log_ratios: Vec<Option<f64>>,
    /// Those of losses.
    estimates: Option<Vec<f64>>,
    /// Mean kinetic energy before the update.
    energy: Option<f64>,
}

impl Before {
    /// Looks at a rollout before the update. Returns `None` for a policy whose likelihoods are not
    /// known.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn of(
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Rollout,
    ) -> Result<Option<Before>> {
        let obs = normalizer.normalize(&spread_rows(&rollout.obs)?)?;
        let actions = spread_rows(&rollout.action)?;
        let log_probs = log_probs(policy, &obs, &actions)?;
        Ok(log_probs.map(|log_probs| Before { obs, actions, log_probs, estimated: None }))
    }

    /// Looks at the losses of a flow's actions as well ([`Estimated::of`]).
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn with_losses(
        mut self,
        policy: &dyn Policy,
        draws: SampleDraws,
        noise: &Noise,
        index: u64,
    ) -> Result<Before> {
        if policy.spec().source == Source::NoiseAndTime {
            let rows = (&self.obs, &self.actions);
            self.estimated = Some(Estimated::of(policy, rows, draws, noise, index)?);
        }
        Ok(self)
    }

    /// Compares with the policy after the update.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn after(&self, policy: &dyn Policy) -> Result<Moved> {
        let new = log_probs(policy, &self.obs, &self.actions)?.unwrap_or_default();
        let pairs = self.log_probs.iter().zip(new);
        let log_ratios = pairs.map(|(old, new)| Some(new? - (*old)?)).collect();
        let rows = (&self.obs, &self.actions);
        let estimates = self.estimated.as_ref().map(|losses| losses.log_ratios(policy, rows));
        let energy = self.estimated.as_ref().and_then(|losses| losses.energy);
        Ok(Moved { log_ratios, estimates: estimates.transpose()?, energy })
    }
}

impl Moved {
    /// Returns the exact divergence, infinity if it is beyond all numbers, so that what follows it
    /// sees how far the update went. Returns `None` if fewer than half of the actions have a
    /// likelihood under both policies, as where a step of the sampler has no inverse.
    pub fn divergence(&self) -> Option<f64> {
        let known = self.log_ratios.iter().flatten();
        let terms: Vec<f64> = known.map(|log_ratio| log_ratio.exp() - 1.0 - log_ratio).collect();
        let enough = !terms.is_empty() && 2 * terms.len() >= self.log_ratios.len();
        let mean = terms.iter().sum::<f64>() / terms.len() as f64;
        Some(mean).filter(|mean| enough && !mean.is_nan())
    }

    /// Returns how exact log ratios follow from those of losses, of which a unit stands for `nats`.
    fn fit(&self, nats: f64) -> Option<Fit> {
        let ours = self.estimates.as_ref()?;
        let pairs = ours.iter().zip(&self.log_ratios);
        let pairs: Vec<_> = pairs.filter_map(|(x, y)| Some((nats * x, (*y)?))).collect();
        Fit::of(&pairs).filter(|_| 2 * pairs.len() >= self.log_ratios.len())
    }

    /// Returns all of it as metrics; a unit of a log ratio of losses stands for `nats`.
    pub fn metrics(&self, nats: f64) -> Metrics {
        let kl = self.divergence().filter(|kl| kl.is_finite()).map(|kl| ("train/kl".into(), kl));
        let fit = self.fit(nats).map(|Fit { slope, correlation }| {
            [
                ("train/log_ratio_slope".into(), slope),
                ("train/log_ratio_correlation".into(), correlation),
            ]
        });
        let energy = self.energy.map(|energy| ("train/kinetic_energy".into(), energy));
        kl.into_iter().chain(fit.into_iter().flatten()).chain(energy).collect()
    }
}

/// Returns at most [`ACTIONS`] rows of `(T, E, width)`, spread over steps and environments.
fn spread_rows(x: &Tensor) -> Result<Tensor> {
    let (steps, envs, _) = x.dims3()?;
    let picks = spread(steps, envs);
    let picks = Tensor::new(picks.as_slice(), x.device())?;
    Ok(x.flatten(0, 1)?.index_select(&picks, 0)?)
}

/// Returns different rows of `steps` times `envs`, [`ACTIONS`] of them, or all where there are no
/// more. In even strides over the rows they would be of few environments where the numbers have
/// common factors, as powers of two have.
fn spread(steps: usize, envs: usize) -> Vec<u32> {
    let count = steps * envs;
    let kept = count.min(ACTIONS);
    let row = |k: usize| match kept == count {
        true => k,
        false => k * steps / kept * envs + k % envs,
    };
    (0..kept).map(|k| row(k) as u32).collect()
}

/// Returns the log-likelihood of each action, `None` for those without one, and `None` altogether
/// for a policy that has none. `obs (rows, O)` is normalised.
fn log_probs(
    policy: &dyn Policy,
    obs: &Tensor,
    actions: &Tensor,
) -> Result<Option<Vec<Option<f64>>>> {
    if let Some(likelihood) = FlowLikelihood::of(policy)? {
        let (obs, actions) = (to_rows(obs)?, to_rows(actions)?);
        let of = |(obs, action): (&Vec<f64>, &Vec<f64>)| -> Result<Option<f64>> {
            Ok(likelihood.origin(obs, action)?.map(|origin| origin.log_prob))
        };
        return obs.par_iter().zip(&actions).map(of).collect::<Result<_>>().map(Some);
    }
    if policy.spec().source != Source::Noise {
        return Ok(None);
    }
    // What is stored with an action is noise for the entropy, which is not looked at.
    let (rows, dim) = actions.dims2()?;
    let stored = actions.zeros_like()?.reshape((1, rows, 1, dim))?;
    let t = stored.narrow(3, 0, 1)?;
    let (obs, actions) = (obs.unsqueeze(0)?, actions.unsqueeze(0)?);
    let losses = policy.frozen().evaluate(&obs, &actions, &stored, &t)?.losses;
    let losses = to_rows(&losses.reshape((rows, 1))?)?;
    Ok(Some(losses.into_iter().map(|loss| loss[0].is_finite().then_some(-loss[0])).collect()))
}

/// Returns rows as numbers of the host.
fn to_rows(rows: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?)
}

#[cfg(test)]
mod tests {
    use fpo_core::path::Quantity;
    use fpo_core::{
        ActionFrame, FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy, Noise, Normalizer,
        NormalizerKind, Purpose, Reduction, Transitions,
    };

    use super::*;

    const CPU: Device = Device::Cpu;

    /// A flow whose velocity is constant: its actions are the noise, moved by `shift`.
    fn moved_by(shift: [f32; 2]) -> FlowPolicy {
        let output_mode = Quantity::Velocity;
        let config = FlowConfig { output_scale: 0.5, output_mode, ..FlowConfig::new(3, 2) };
        let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0f32; len];
        flat[len - 2..].copy_from_slice(&shift.map(|x| -x / 0.5));
        policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
        policy
    }

    /// A rollout of 40 steps of 10 environments under the policy that is not moved at all.
    fn rollout() -> Rollout {
        rollout_of(1)
    }

    /// The same with other actions for each `index`.
    fn rollout_of(index: u64) -> Rollout {
        let draw = |index, width: usize| {
            Noise::new(1).normal_tensor(Purpose::Action, index, &[40, 10, width], &CPU).unwrap()
        };
        let none = Tensor::zeros((40, 10), DType::F32, &CPU).unwrap();
        Transitions {
            obs: draw(0, 3),
            bootstrap_obs: none.clone(),
            action: draw(index, 2),
            reward: none.clone(),
            terminated: none.clone(),
            truncated: none.clone(),
            cut_value: none.clone(),
            stored: none.clone(),
            t: none.clone(),
            loss_old: none,
        }
    }

    fn normalizer() -> DeviceNormalizer {
        Normalizer::new(NormalizerKind::None, 3).on_device(DType::F32, &CPU).unwrap()
    }

    fn divergence(before: &Before, after: &dyn Policy) -> Option<f64> {
        before.after(after).unwrap().divergence()
    }

    #[test]
    fn rows_are_spread_over_steps_and_environments() {
        for (steps, envs) in [(120, 128), (480, 2048), (32, 64), (40, 10), (3, 2), (1, 500)] {
            let rows = spread(steps, envs);
            assert_eq!(rows.len(), ACTIONS.min(steps * envs));
            let distinct = |of: &dyn Fn(usize) -> usize| {
                let mut seen: Vec<usize> = rows.iter().map(|&row| of(row as usize)).collect();
                seen.sort_unstable();
                seen.dedup();
                seen.len()
            };
            assert!(rows.iter().all(|&row| (row as usize) < steps * envs));
            assert_eq!(distinct(&|row| row), rows.len(), "{steps} × {envs}");
            assert_eq!(distinct(&|row| row % envs), envs.min(rows.len()), "{steps} × {envs}");
            assert_eq!(distinct(&|row| row / envs), steps.min(rows.len()), "{steps} × {envs}");
        }
    }

    #[test]
    fn the_divergence_of_a_shift_is_half_its_square() {
        let before = Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
        assert_eq!(before.log_probs.len(), ACTIONS);
        assert!(divergence(&before, &moved_by([0.0, 0.0])).unwrap().abs() < 1e-12);
        for shift in [[0.1f32, 0.0], [0.0, -0.3], [0.2, 0.2]] {
            let expected = 0.5 * shift.map(|x| f64::from(x).powi(2)).iter().sum::<f64>();
            let found = divergence(&before, &moved_by(shift)).unwrap();
            assert!((found / expected - 1.0).abs() < 0.25, "{shift:?}: {found} for {expected}");
        }
    }

    #[test]
    fn a_log_ratio_of_a_shift_is_worth_what_its_loss_says() {
        // Of half of |v - u|², u = eps - a, which is the mean over two dimensions, the log ratio to
        // a shift of d = -v is v·u - |v|²/2. Opposite noise leaves no eps of it, and so it is
        // d·a - |d|²/2, which is exact.
        let old = moved_by([0.0, 0.0]);
        let before = Before::of(&old, &normalizer(), &rollout()).unwrap().unwrap();
        let draws = SampleDraws::default();
        let before = before.with_losses(&old, draws, &Noise::new(2), 7).unwrap();
        let moved = before.after(&moved_by([0.3, -0.1])).unwrap();
        let fit = moved.fit(1.0).unwrap();
        assert!((fit.slope - 1.0).abs() < 1e-4, "{fit:?}");
        assert!((fit.correlation - 1.0).abs() < 1e-6, "{fit:?}");
        assert!((moved.fit(2.0).unwrap().slope - 0.5 * fit.slope).abs() < 1e-12);
        let keys = moved.metrics(1.0);
        assert_eq!(keys.len(), 3, "{keys:?}");
        // A Gaussian's losses are likelihoods, and there is nothing to compare.
        let old = gaussian(0.0, 1.0);
        let before = Before::of(&old, &normalizer(), &rollout()).unwrap().unwrap();
        let before = before.with_losses(&old, draws, &Noise::new(2), 7).unwrap();
        assert_eq!(before.after(&gaussian(0.1, 1.0)).unwrap().metrics(1.0).len(), 1);
    }

    #[test]
    fn the_energy_of_a_flow_in_a_frame_is_that_of_its_velocity() {
        let config = FlowConfig {
            output_scale: 0.5,
            output_mode: Quantity::Velocity,
            loss_reduction: Reduction::Nats,
            frame: ActionFrame::PerState,
            ..FlowConfig::new(3, 2)
        };
        let own: usize = config.sizes().windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
        let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0f32; len];
        flat[own - 2..own].copy_from_slice(&[0.6, -0.2]);
        policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
        let before = Before::of(&policy, &normalizer(), &rollout()).unwrap().unwrap();
        let draws = SampleDraws::default();
        let before = before.with_losses(&policy, draws, &Noise::new(2), 7).unwrap();
        let metrics = before.after(&policy).unwrap().metrics(1.0);
        let energy = metrics.iter().find(|(key, _)| key == "train/kinetic_energy").unwrap().1;
        // The velocity is half of (0.6, -0.2); the sum over all samples is one of 32 bits.
        assert!((energy - 0.5 * (0.09 + 0.01)).abs() < 1e-4, "{energy}");
    }

    #[test]
    fn without_likelihoods_there_is_no_divergence() {
        let mut before =
            Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
        before.log_probs[..ACTIONS / 2].fill(None);
        let half = divergence(&before, &moved_by([0.1, 0.0])).unwrap();
        assert!((half / 0.005 - 1.0).abs() < 0.25, "half of the actions are enough: {half}");
        before.log_probs[ACTIONS - 1] = Some(-1e4);
        let moved = before.after(&moved_by([0.1, 0.0])).unwrap();
        assert_eq!(moved.divergence(), Some(f64::INFINITY), "an overflow is far");
        assert!(moved.metrics(1.0).is_empty(), "and no number");
        before.log_probs[ACTIONS - 1] = None;
        assert_eq!(divergence(&before, &moved_by([0.1, 0.0])), None, "too few");
    }

    /// A Gaussian of this mean and standard deviation, whatever it observes.
    fn gaussian(mean: f64, std: f64) -> GaussianPolicy {
        let config = GaussianConfig { min_std: 1e-3, ..GaussianConfig::new(3, 2) };
        let policy = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0f32; len];
        // std = softplus(x) + min_std.
        let x = (std - 1e-3).exp_m1().ln();
        flat[len - 4..].copy_from_slice(&[mean, mean, x, x].map(|x| x as f32));
        policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
        policy
    }

    #[test]
    fn the_divergence_of_gaussians_is_the_closed_form() {
        let old = gaussian(0.0, 1.0);
        let before = |index| Before::of(&old, &normalizer(), &rollout_of(index)).unwrap().unwrap();
        let before: Vec<Before> = (1..=32).map(before).collect();
        for (mean, std) in [(0.2, 1.0), (0.0, 0.85), (-0.1, 1.1)] {
            let of = |before: &Before| divergence(before, &gaussian(mean, std)).unwrap();
            let found = before.iter().map(of).sum::<f64>() / before.len() as f64;
            let of_one = f64::ln(std) + (1.0 + mean * mean) / (2.0 * std * std) - 0.5;
            let expected = 2.0 * of_one;
            assert!((found / expected - 1.0).abs() < 0.1, "{mean} {std}: {found}, {expected}");
        }
    }
}
