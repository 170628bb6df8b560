//! The FPO update, readable from top to bottom like the paper's Algorithm 1.

pub(crate) mod ema;
pub(crate) mod state;

use candle_core::{DType, Device, Tensor};

use crate::backend::Compute;
use crate::backend::fused::FusedLearner;
use crate::error::{Error, Result};
use crate::learner::ema::Ema;
use crate::nn::normalizer::{DeviceNormalizer, Normalizer};
use crate::nn::params::FlatParams;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::diagnostics::StepMetrics;
use crate::objective::loss::fpo_loss;
use crate::objective::step_loss::StepLoss;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::policy::Policy;
use crate::random::{Noise, Purpose};
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
    /// After a pass whose mean divergence between the old and the new policy exceeds this, no
    /// other follows; `None` is no bound, and no look at the device before the update is over.
    pub max_divergence: Option<f64>,
}

/// Policy, value network, optimiser and observation statistics.
pub struct Learner {
    /// The policy being trained.
    pub policy: Policy,
    /// The value network.
    pub value: ValueNet,
    /// The optimiser of both.
    pub optimizer: Optimizer,
    /// Statistics of the observations.
    pub normalizer: Normalizer,
    /// The policy's averaged weights, if they are averaged.
    pub ema: Option<Ema>,
    /// The objective's constants.
    pub config: Objective,
    /// Gradient steps taken.
    pub gradient_steps: u64,
    /// Passes over rollouts made; the index of the next permutation.
    pub epochs: u64,
    /// Where the time of gradient steps went; whoever reads it sets it back.
    pub times: PhaseTimes,
    fused: Option<FusedLearner>,
}

impl Learner {
    /// A learner whose optimiser moves the parameters of both networks, and who computes as the
    /// policy does ([`Policy::compute`]).
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for an objective that cannot be followed
    /// ([`Objective::validate`]).
    pub fn new(
        policy: impl Into<Policy>,
        value: ValueNet,
        normalizer: Normalizer,
        optimizer: OptimizerConfig,
        config: Objective,
    ) -> Result<Learner> {
        config.validate()?;
        let policy = policy.into();
        let vars = vec![policy.params().var().clone(), value.params().var().clone()];
        let optimizer = Optimizer::new(vars, optimizer)?;
        let fused = match policy.compute() {
            Compute::Fused(isa) => Some(FusedLearner::new(isa, &policy, &value)),
            Compute::Composed => None,
        };
        let (gradient_steps, epochs, times) = (0, 0, PhaseTimes::default());
        Ok(Learner {
            policy,
            value,
            optimizer,
            normalizer,
            ema: None,
            config,
            gradient_steps,
            epochs,
            times,
            fused,
        })
    }

    /// Several epochs of minibatch steps on one rollout (Algorithm 1, lines 8–14). After each
    /// gradient step `watch` hears how many of this update are done; on a GPU, queued.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the schedule does not cover the rollout exactly;
    /// [`Error::NonFinite`] names the first diagnostic that is not finite. That is seen when the
    /// update is over, so the parameters are then spoilt: go back to saved ones.
    pub fn update(
        &mut self,
        rollout: &Rollout,
        schedule: MinibatchSchedule,
        noise: &Noise,
        watch: &mut dyn FnMut(usize),
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
        let normalizer = self.device_normalizer()?;
        let mut metrics = Vec::new();
        for _ in 0..schedule.num_epochs {
            let order = noise.permutation(Purpose::Shuffle, self.epochs, sequences);
            let done = metrics.len();
            let mut watch_epoch = |steps| watch(done + steps);
            let rows = self.epoch(rollout, &order, schedule, &normalizer, &mut watch_epoch)?;
            metrics.extend(rows);
            if let Some(bound) = schedule.max_divergence {
                let of_epoch = StepMetrics::collect(&metrics[done..], first_step + done as u64)?;
                if of_epoch.mean("divergence") > bound {
                    break;
                }
            }
        }
        let metrics = StepMetrics::collect(&metrics, first_step)?;
        if let Some(ema) = &mut self.ema {
            ema.update(self.policy.params().flat())?;
        }
        Ok(metrics)
    }

    /// The policy to evaluate and to export: with averaged weights where they are averaged.
    pub fn acting(&self) -> Result<Policy> {
        Ok(match &self.ema {
            None => self.policy.frozen(),
            Some(ema) => {
                let layout = self.policy.params().layout().clone();
                let params = FlatParams::from_flat(layout, ema.weights())?;
                self.policy.with_params(params.frozen())
            }
        })
    }

    /// Values of raw observations `(B, O)` under the present network and statistics, `(B,)`.
    pub fn values(&self, obs: &Tensor) -> Result<Tensor> {
        let obs = self.device_normalizer()?.normalize(obs)?;
        Ok(self.value.forward(&obs)?.detach())
    }

    /// One pass over the rollout's sub-sequences in the given order; returns a row of diagnostics
    /// per gradient step, still on the device.
    pub fn epoch(
        &mut self,
        rollout: &Rollout,
        order: &[u32],
        schedule: MinibatchSchedule,
        normalizer: &DeviceNormalizer,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Vec<Tensor>> {
        let mut metrics = Vec::with_capacity(schedule.num_minibatches);
        for picks in order.chunks_exact(schedule.batch_size) {
            let minibatch = rollout.minibatch(picks, schedule.unroll_length)?;
            metrics.push(self.gradient_step(&minibatch, normalizer)?);
            watch(metrics.len());
        }
        self.epochs += 1;
        Ok(metrics)
    }

    /// One gradient step on one minibatch; returns its diagnostics as a row on the device.
    pub fn gradient_step(
        &mut self,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
    ) -> Result<Tensor> {
        let loss = self.loss(minibatch, normalizer)?;
        let times = &mut self.times;
        let mut grads = timed(&mut times.policy, || loss.policy.backward())?;
        let of_value = timed(&mut times.value, || loss.value.backward())?;
        let value = self.value.params().var();
        if let Some(grad) = of_value.get(value) {
            grads.insert(value, grad.clone());
        }
        let grad_norm = timed(&mut times.optim, || self.optimizer.step(&mut grads))?;
        self.gradient_steps += 1;
        Ok(Tensor::cat(&[&loss.diagnostics, &grad_norm.unsqueeze(0)?], 0)?)
    }

    /// The losses of a minibatch under the present parameters.
    pub fn loss(
        &mut self,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
    ) -> Result<StepLoss> {
        let Learner { policy, value, config, times, .. } = self;
        match &mut self.fused {
            Some(fused) => fused.loss(policy, value, config, minibatch, normalizer, times),
            None => {
                let tensors = minibatch.gather()?;
                let loss = fpo_loss(policy, value, config, &tensors, normalizer, times)?;
                loss.into_step(&tensors.loss_old, config.clip_epsilon)
            }
        }
    }

    /// The losses `(T, E, N)` of a rollout's actions under the current policy and statistics: the
    /// `L_old` of the coming update. `eps` and `t` are what the policy stores with an action.
    /// Composed operations take `chunk` steps at a time to bound memory.
    pub fn stored_losses(
        &mut self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
        chunk: usize,
    ) -> Result<Tensor> {
        let normalizer = self.device_normalizer()?;
        if let Some(fused) = self.fused.as_mut().filter(|fused| fused.has_policy()) {
            let flat = self.policy.params().flat();
            return fused.losses(flat, &normalizer, [obs, action, eps, t]);
        }
        let policy = self.policy.frozen();
        let steps = obs.dim(0)?;
        let mut parts = Vec::new();
        for start in (0..steps).step_by(chunk.max(1)) {
            let len = chunk.max(1).min(steps - start);
            let part = |x: &Tensor| x.narrow(0, start, len);
            let obs = normalizer.normalize(&part(obs)?)?;
            let evaluated = policy.evaluate(&obs, &part(action)?, &part(eps)?, &part(t)?)?;
            parts.push(evaluated.losses);
        }
        Ok(Tensor::cat(&parts, 0)?)
    }

    /// The observation statistics where the networks are.
    pub fn device_normalizer(&self) -> Result<DeviceNormalizer> {
        self.normalizer.on_device(self.dtype(), self.device())
    }

    /// Where the networks are.
    pub fn device(&self) -> &Device {
        self.policy.params().var().device()
    }

    fn dtype(&self) -> DType {
        self.policy.params().var().dtype()
    }
}
