//! The learner: the update of the paper's Algorithm 1, readable from top to bottom like it.

mod access;
pub(crate) mod ema;
mod reward_scale;
mod rollout;
mod setup;
mod source_width;
pub(crate) mod state;

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::backend::Backend;
use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::learner::ema::Ema;
use crate::nn::normalizer::{DeviceNormalizer, Normalizer};
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::diagnostics::StepMetrics;
use crate::objective::mean_ratio::MeanRatio;
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::objective::surrogate::Surrogate;
use crate::optimizer::Optimizer;
use crate::policy::Policy;
use crate::random::{Noise, Purpose};
use crate::reduce::Reduce;
use crate::rollout::{Minibatch, Rollout};
use crate::timing::{PhaseTimes, timed};

/// How a rollout is cut into gradient steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinibatchSchedule {
    /// Steps per sub-sequence.
    pub unroll_length: usize,
    /// Sub-sequences per minibatch.
    pub batch_size: usize,
    /// Minibatches per epoch.
    pub num_minibatches: usize,
    /// Passes over the rollout, at most.
    pub num_epochs: usize,
    /// After a pass whose mean divergence between the old and the new policy exceeds this, no other
    /// pass follows. `None` means no bound; the device is then not read before the update is over.
    pub max_divergence: Option<f64>,
}

/// Policy, value network, optimiser and observation statistics.
///
/// Networks, optimiser and backend belong together, so none of them can be replaced alone.
pub struct Learner {
    policy: Arc<dyn Policy>,
    /// The width of the policy's source, where it was set after the policy was made.
    source_std: Option<f64>,
    value: ValueNet,
    optimizer: Optimizer,
    ema: Option<Ema>,
    objective: Objective,
    /// Whether the scale of rewards has been set by returns, where it follows them.
    has_found_scale: bool,
    surrogate: Option<Arc<dyn Surrogate>>,
    reduce: Arc<dyn Reduce>,
    compute: Compute,
    backend: Box<dyn Backend>,
    gradient_steps: u64,
    epochs: u64,
    /// The mean ratio of the update so far.
    pub mean_ratio: MeanRatio,
    /// Statistics of the observations.
    pub normalizer: Normalizer,
    /// The time that each part of the gradient steps took, summed until the reader sets it back.
    pub times: PhaseTimes,
    /// The diagnostics of the last update, which are those to look at where it has diverged.
    pub last_update: Option<StepMetrics>,
    hidden: Hidden,
}

/// Which numbers of an observation policy and critic do not see; empty where they see all.
#[derive(Clone, Debug, Default)]
struct Hidden {
    policy: Vec<bool>,
    critic: Vec<bool>,
}

impl Learner {
    /// Takes several epochs of minibatch steps on one rollout, the update of Algorithm 1. After
    /// each gradient step it calls `watch` with the number of steps of this update that are done,
    /// or on a GPU queued; where that breaks, the update ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the schedule does not cover the rollout exactly; [`Error::NonFinite`]
    /// names the first diagnostic that is not finite, here or in another participant's part. This
    /// is noticed only after the update, when the parameters are spoilt already: go back to saved
    /// ones.
    /// [`Error::Interrupted`] if `watch` broke the update, which leaves the parameters halfway.
    pub fn update(
        &mut self,
        rollout: &Rollout,
        schedule: MinibatchSchedule,
        noise: &Noise,
        watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<StepMetrics> {
        let (steps, envs) = rollout.reward.dims2()?;
        let sequences = schedule.batch_size * schedule.num_minibatches;
        if sequences * schedule.unroll_length != steps * envs {
            return Err(Error::Invalid(format!(
                "{} minibatches of {} unrolls of {} steps do not make a rollout of {steps} steps \
                 of {envs} environments",
                schedule.num_minibatches, schedule.batch_size, schedule.unroll_length
            )));
        }
        let first_step = self.gradient_steps;
        self.mean_ratio = MeanRatio::default();
        let normalizer = self.device_normalizer()?;
        let mut metrics = Vec::new();
        for _ in 0..schedule.num_epochs {
            let order = noise.permutation(Purpose::Shuffle, self.epochs, sequences);
            let done = metrics.len();
            let mut watch_epoch = |steps| watch(done + steps);
            let rows = self.epoch(rollout, &order, schedule, &normalizer, &mut watch_epoch)?;
            metrics.extend(rows);
            if let Some(bound) = schedule.max_divergence {
                let epoch_metrics = StepMetrics::read(&metrics[done..])?;
                let own = match epoch_metrics.require_finite(first_step) {
                    Ok(()) => epoch_metrics.mean("divergence"),
                    Err(_) => f64::NAN,
                };
                let all = self.mean_of_parts(own)?;
                if all.is_nan() || all > bound {
                    break;
                }
            }
        }
        let metrics = StepMetrics::read(&metrics)?;
        self.last_update = Some(metrics.clone());
        let finite = metrics.require_finite(first_step);
        let spoilt = self.mean_of_parts(f64::from(finite.is_err()))?;
        finite?;
        if spoilt > 0.0 {
            let tensor = "a diagnostic of another part of the minibatches".into();
            return Err(Error::NonFinite { tensor, value: f64::NAN, step: self.gradient_steps });
        }
        self.follow_returns(&metrics, &rollout.reward)?;
        if let Some(ema) = &mut self.ema {
            ema.update(self.policy.params().flat())?;
        }
        Ok(metrics.where_targets_vary())
    }

    /// Returns the mean over all participants of what each of them has found, so that all of them
    /// decide alike.
    ///
    /// # Errors
    /// If they cannot be reached.
    fn mean_of_parts(&self, own: f64) -> Result<f64> {
        let own = Tensor::new(own, &Device::Cpu)?;
        Ok(self.reduce.mean(own, None)?.to_scalar()?)
    }

    /// Takes one pass over the rollout's sub-sequences in the given order. Returns a row of
    /// diagnostics per gradient step, still on the device.
    ///
    /// # Errors
    /// If `order` names a sub-sequence that the rollout does not have, or a tensor operation fails;
    /// [`Error::Interrupted`] if `watch` broke the pass.
    pub fn epoch(
        &mut self,
        rollout: &Rollout,
        order: &[u32],
        schedule: MinibatchSchedule,
        normalizer: &DeviceNormalizer,
        watch: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Tensor>> {
        let mut metrics = Vec::with_capacity(schedule.num_minibatches);
        for picks in order.chunks_exact(schedule.batch_size) {
            let minibatch = rollout.minibatch(picks, schedule.unroll_length)?;
            metrics.push(self.gradient_step(&minibatch, normalizer)?);
            if watch(metrics.len()).is_break() {
                return Err(Error::Interrupted);
            }
        }
        self.epochs += 1;
        Ok(metrics)
    }

    /// Takes one gradient step on one minibatch. Returns its diagnostics as a row on the device.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn gradient_step(
        &mut self,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
    ) -> Result<Tensor> {
        let loss = self.loss(minibatch, normalizer)?;
        self.mean_ratio.observe(&self.objective, &loss.diagnostics, self.reduce.as_ref())?;
        let times = &mut self.times;
        let mut grads = timed(&mut times.policy, || loss.policy.backward())?;
        let value_grads = timed(&mut times.value, || loss.value.backward())?;
        let value = self.value.params().var();
        if let Some(grad) = value_grads.get(value) {
            grads.insert(value, grad.clone());
        }
        let grad_norm = timed(&mut times.optim, || -> Result<Tensor> {
            let mut gradients = self.optimizer.take_gradients(&mut grads)?;
            self.reduce.gradients(&mut gradients)?;
            self.optimizer.step(gradients, &mut grads)
        })?;
        self.gradient_steps += 1;
        Ok(Tensor::cat(&[&loss.diagnostics, &grad_norm.unsqueeze(0)?], 0)?)
    }

    /// Returns the losses of a minibatch under the present parameters.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn loss(
        &mut self,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
    ) -> Result<StepLoss> {
        let ratio_weight = self.mean_ratio.weight(&self.objective)?;
        let inputs = LossInputs {
            policy: self.policy.as_ref(),
            value: &self.value,
            objective: &self.objective,
            surrogate: self.surrogate.as_deref(),
            ratio_weight: ratio_weight.as_ref(),
            normalizer,
            reduce: self.reduce.as_ref(),
        };
        self.backend.step_loss(&inputs, minibatch, &mut self.times)
    }
}
