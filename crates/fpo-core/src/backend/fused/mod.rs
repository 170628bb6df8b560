//! The fused kernels on Candle tensors: they read the tensors' memory and return losses together
//! with their gradients, which [`Differentiated`] brings into Candle's graph.
//!
//! The value network always has kernels; of the policies a flow has, alone or as a chain. A
//! Gaussian's part of a step is composed on top of the kernels' advantages.

mod advantage;
mod batch;
mod chunks;
mod kernels;
mod policy_pass;
mod policy_rows;
pub(crate) mod sampling;
mod steps;
mod value_pass;

use candle_core::Tensor;

use crate::backend::fused::advantage::{Estimate, Shaping, moments};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::policy_pass::{PolicyOutcome, PolicyPass};
use crate::backend::fused::steps::{Build, Losses, PolicyStep, ValueStep, with_batch};
use crate::backend::fused::value_pass::{ValueOutcome, ValuePass};
use crate::error::{Error, Result};
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::gae::{Advantages, Truncation};
use crate::objective::loss::{Critique, policy_loss};
use crate::objective::step_loss::StepLoss;
use crate::policy::Policy;
use crate::rollout::{Minibatch, MinibatchTensors};
use crate::simd::isa::{Isa, run};
use crate::tensor::differentiated::Differentiated;
use crate::tensor::slices::with_slices;
use crate::timing::{PhaseTimes, timed};

/// The kernels of a learner, with their buffers.
pub(crate) struct FusedLearner {
    isa: Isa,
    value: ValuePass,
    policy: Option<PolicyPass>,
    estimates: Vec<Estimate>,
}

/// A loss of value `value` and gradient `gradient` at `flat`.
fn known(flat: &Tensor, value: f64, gradient: Vec<f32>) -> Result<Tensor> {
    let gradient = Tensor::from_vec(gradient, flat.shape(), flat.device())?;
    Ok(flat.apply_op1(Differentiated { value: value as f32, gradient })?)
}

impl FusedLearner {
    /// Kernels for these networks on `isa`.
    pub(crate) fn new(isa: Isa, policy: &Policy, value: &ValueNet) -> FusedLearner {
        let (value, policy) = run(isa, Build(policy, value));
        FusedLearner { isa, value, policy, estimates: Vec::new() }
    }

    /// The loss of `minibatch`, ready to be differentiated.
    pub(crate) fn loss(
        &mut self,
        policy: &Policy,
        value: &ValueNet,
        objective: &Objective,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
        times: &mut PhaseTimes,
    ) -> Result<StepLoss> {
        let value_flat = value.params().flat();
        let of_value = self.value_step(value_flat, objective, minibatch, normalizer, times)?;
        let n = self.estimates.len() as f64;
        let value_loss = objective.value_coefficient * of_value.0.squares / n;
        let value_known = known(value_flat, value_loss, of_value.1)?;

        let Some(pass) = &mut self.policy else {
            let tensors = minibatch.gather()?;
            let critique = self.critique(&tensors, objective, value_known)?;
            let obs = normalizer.normalize(&tensors.obs)?;
            let loss = policy_loss(policy, objective, &tensors, &obs, critique, times)?;
            return loss.into_step(&tensors.loss_old, objective.clip_epsilon);
        };
        let advantages = timed(&mut times.gae, || moments(&self.estimates));
        let policy_flat = policy.params().flat();
        let mut gradient = vec![0.0; policy_flat.elem_count()];
        let outcome = timed(&mut times.policy, || {
            with_slices([policy_flat], |[params]| {
                with_batch(minibatch, normalizer, |batch, map| {
                    let step = PolicyStep {
                        pass,
                        params,
                        objective,
                        batch,
                        map,
                        estimates: &self.estimates,
                        shaping: Shaping::new(objective, advantages),
                        gradient: &mut gradient,
                    };
                    run(self.isa, step)
                })
            })?
        })?;
        let samples = minibatch.rollout.t.dim(2)?;
        let ratios = n * objective.ratio.count(samples) as f64;
        let loss = -outcome.surrogate / ratios;
        let row = self.row(&outcome, &of_value.0, advantages.1, [n * samples as f64, ratios]);
        let row = row.into_iter().chain([loss, value_loss, loss + value_loss]);
        let row: Vec<f32> = row.map(|x| x as f32).collect();
        Ok(StepLoss {
            policy: known(policy_flat, loss, gradient)?,
            value: value_known,
            diagnostics: Tensor::from_slice(&row, row.len(), policy_flat.device())?,
        })
    }

    /// Values, advantages and targets to `estimates`; what they come to, and the gradient.
    fn value_step(
        &mut self,
        flat: &Tensor,
        objective: &Objective,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
        times: &mut PhaseTimes,
    ) -> Result<(ValueOutcome, Vec<f32>)> {
        let mut gradient = vec![0.0; flat.elem_count()];
        let transitions = minibatch.picks.len() * minibatch.unroll_length;
        self.estimates.resize(transitions, Estimate::default());
        let mut whole = std::time::Duration::ZERO;
        let outcome = timed(&mut whole, || {
            with_slices([flat], |[params]| {
                with_batch(minibatch, normalizer, |batch, map| {
                    let step = ValueStep {
                        pass: &mut self.value,
                        params,
                        objective,
                        batch,
                        map,
                        estimates: &mut self.estimates,
                        gradient: &mut gradient,
                    };
                    run(self.isa, step)
                })
            })?
        })?;
        let [gae, all] = outcome.time.map(|time| time.as_secs_f64());
        let gae = whole.mul_f64(if all > 0.0 { gae / all } else { 0.0 });
        times.gae += gae;
        times.value += whole - gae;
        Ok((outcome, gradient))
    }

    /// The diagnostics of a step, all but the losses, in the order of [`crate::StepMetrics`].
    fn row(
        &self,
        policy: &PolicyOutcome,
        value: &ValueOutcome,
        advantage_std: f64,
        [losses, ratios]: [f64; 2],
    ) -> [f64; 13] {
        let n = self.estimates.len() as f64;
        let mean = |of: &dyn Fn(&Estimate) -> f64| self.estimates.iter().map(of).sum::<f64>() / n;
        let target_mean = mean(&|of_step| f64::from(of_step.target));
        let target_variance = mean(&|of_step| (f64::from(of_step.target) - target_mean).powi(2));
        let error_variance = value.squares / n - (value.errors / n).powi(2);
        [
            policy.loss_old / losses,
            policy.loss_new / losses,
            policy.ratio_min,
            policy.ratio_max,
            policy.clipped / ratios,
            policy.divergence / ratios,
            policy.ratio * policy.ratio / (ratios * policy.ratio_squares),
            policy.ratio / ratios,
            mean(&|of_step| f64::from(of_step.value)),
            target_mean,
            (value.squares / n).sqrt(),
            1.0 - error_variance / (target_variance + 1e-12),
            advantage_std,
        ]
    }

    /// The kernels' estimates as tensors `(U, B)`, for a policy that is composed.
    fn critique(
        &self,
        minibatch: &MinibatchTensors,
        objective: &Objective,
        value_loss: Tensor,
    ) -> Result<Critique> {
        let device = value_loss.device();
        let (steps, sequences) = minibatch.reward.dims2()?;
        let shape = (sequences, steps);
        let column = |of: fn(&Estimate) -> f32| -> Result<Tensor> {
            let values: Vec<f32> = self.estimates.iter().map(of).collect();
            Ok(Tensor::from_vec(values, shape, device)?.t()?.contiguous()?)
        };
        let (values, targets) = (column(|e| e.value)?, column(|e| e.target)?);
        let mut value_error = (&targets - &values)?;
        if objective.truncation == Truncation::Mask {
            value_error = (value_error * (1.0 - &minibatch.truncated)?)?;
        }
        let estimates = Advantages { advantages: column(|e| e.advantage)?, targets };
        Ok(Critique { estimates, values, value_error, value_loss })
    }

    /// The losses `(T, E, N)` of actions `(T, E, A)` of a flow or chain under its present
    /// parameters.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a policy without kernels.
    pub(crate) fn losses(
        &mut self,
        flat: &Tensor,
        normalizer: &DeviceNormalizer,
        [obs, action, eps, t]: [&Tensor; 4],
    ) -> Result<Tensor> {
        let Some(policy) = &mut self.policy else {
            return Err(Error::Invalid("the policy has no kernels".into()));
        };
        let (steps, envs, samples, _) = t.dims4()?;
        // Read as the unrolls, one after the other, of a single environment, transitions come in the
        // order of the result.
        let picks: Vec<u32> = (0..steps as u32).collect();
        let mut losses = vec![0.0; steps * envs * samples];
        let (mean, std) = normalizer.parts();
        let tensors = [flat, mean, std, obs, action, eps, t];
        with_slices(tensors, |[params, mean, std, obs, action, eps, t]| {
            let batch = Batch {
                obs,
                bootstrap_obs: &[],
                action,
                reward: &[],
                terminated: &[],
                truncated: &[],
                cut_value: &[],
                eps,
                t,
                loss_old: &[],
                envs: 1,
                unrolls: steps,
                unroll_length: envs,
                picks: &picks,
            };
            let map = ObsMap { mean, std };
            run(self.isa, Losses { policy, params, batch, map, samples, losses: &mut losses });
        })?;
        Ok(Tensor::from_vec(losses, (steps, envs, samples), t.device())?)
    }

    /// Whether [`FusedLearner::losses`] can be asked for.
    pub(crate) fn has_policy(&self) -> bool {
        self.policy.is_some()
    }
}
