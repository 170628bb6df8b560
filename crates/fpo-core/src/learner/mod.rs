//! The learner: the update of the paper's Algorithm 1, readable from top to bottom like it.

pub(crate) mod ema;
pub(crate) mod state;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::acting::Actor;
use crate::backend::Backend;
use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::flow::sampler::Start;
use crate::flow::time::TrainingTimes;
use crate::learner::ema::{Ema, EmaConfig};
use crate::nn::normalizer::{DeviceNormalizer, Normalizer};
use crate::nn::params::FlatParams;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::diagnostics::StepMetrics;
use crate::objective::gae::Truncation;
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::objective::surrogate::Surrogate;
use crate::optimizer::Optimizer;
use crate::optimizer::config::OptimizerConfig;
use crate::policy::{Acted, Policy};
use crate::random::{Noise, Purpose};
use crate::reduce::{Alone, Reduce};
use crate::rollout::storage::{RolloutStorage, RolloutView};
use crate::rollout::{Minibatch, Rollout, Transitions};
use crate::timing::{PhaseTimes, timed};

/// Bytes that the network's widest activation may take while composed operations compute stored
/// losses.
const LOSS_CHUNK_BYTES: usize = 64 << 20;

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
    value: ValueNet,
    optimizer: Optimizer,
    ema: Option<Ema>,
    objective: Objective,
    surrogate: Option<Arc<dyn Surrogate>>,
    reduce: Arc<dyn Reduce>,
    compute: Compute,
    backend: Box<dyn Backend>,
    gradient_steps: u64,
    epochs: u64,
    /// Statistics of the observations.
    pub normalizer: Normalizer,
    /// The time that each part of the gradient steps took, summed until the reader sets it back.
    pub times: PhaseTimes,
}

impl Learner {
    /// Returns a learner whose optimiser moves the parameters of both networks, and whose losses
    /// the fastest possible backend computes.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an objective with a number out of range ([`Objective::validate`]).
    pub fn new(
        policy: Arc<dyn Policy>,
        value: ValueNet,
        normalizer: Normalizer,
        optimizer: OptimizerConfig,
        objective: Objective,
    ) -> Result<Learner> {
        objective.validate()?;
        let vars = vec![policy.params().var().clone(), value.params().var().clone()];
        let optimizer = Optimizer::new(vars, optimizer)?;
        let compute = Compute::best_for(policy.params().var());
        let backend = compute.for_networks(policy.as_ref(), &value)?;
        Ok(Learner {
            policy,
            value,
            optimizer,
            ema: None,
            objective,
            surrogate: None,
            reduce: Arc::new(Alone),
            compute,
            backend,
            gradient_steps: 0,
            epochs: 0,
            normalizer,
            times: PhaseTimes::default(),
        })
    }

    /// Returns the same learner computed by `compute`.
    ///
    /// # Errors
    /// [`Error::Invalid`] describes both networks' tensors if the kernels cannot take them.
    pub fn with_compute(self, compute: Compute) -> Result<Learner> {
        let backend = compute.for_networks(self.policy.as_ref(), &self.value)?;
        Ok(Learner { compute, backend, ..self })
    }

    /// Returns the same learner with `surrogate` maximised instead of the objective's.
    pub fn with_surrogate(self, surrogate: Arc<dyn Surrogate>) -> Learner {
        Learner { surrogate: Some(surrogate), ..self }
    }

    /// Returns the same learner as one of several participants that share every minibatch.
    pub fn with_reduce(self, reduce: Arc<dyn Reduce>) -> Learner {
        Learner { reduce, ..self }
    }

    /// Returns the same learner with averaged weights, which begin as the present ones.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn with_averaged_weights(self, config: EmaConfig) -> Result<Learner> {
        let ema = Ema::new(config, self.policy.params().flat())?;
        Ok(Learner { ema: Some(ema), ..self })
    }

    /// Returns the policy being trained.
    pub fn policy(&self) -> &Arc<dyn Policy> {
        &self.policy
    }

    /// Returns the value network.
    pub fn value(&self) -> &ValueNet {
        &self.value
    }

    /// Returns the constants of the objective.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Returns the code that computes.
    pub fn compute(&self) -> Compute {
        self.compute
    }

    /// Returns the number of gradient steps taken.
    pub fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    /// Returns the number of passes over rollouts, which is the index of the next permutation.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Returns whether a resumed run takes the same steps as an uninterrupted one. It does if the
    /// optimiser's state can be saved.
    pub fn resumes_exactly(&self) -> bool {
        self.optimizer.adam().is_some()
    }

    /// Sets the step size of the coming gradient steps.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.optimizer.set_learning_rate(rate);
    }

    /// Returns actions of the present policy for normalised `obs (B, O)` from unit normals `noise
    /// (B, noise_len)`; see [`Policy::act`].
    ///
    /// # Errors
    /// If a tensor has another shape.
    pub fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        self.backend.act(self.policy.as_ref(), obs, noise)
    }

    /// Returns the statistics of the observations after those of a collected rollout are added.
    ///
    /// # Errors
    /// Those of [`Normalizer::update`].
    pub fn statistics_with(&self, storage: &RolloutStorage) -> Result<Normalizer> {
        let mut statistics = self.normalizer.clone();
        storage.with_all_obs(|obs| {
            self.reduce.statistics(obs, &mut |rows| statistics.update(rows))
        })??;
        Ok(statistics)
    }

    /// Completes a collected rollout, as Algorithm 1 does before its update: draws the numbers that
    /// go with the actions, such as the pairs (ε, t) of a flow, and computes the stored losses
    /// `L_old` under the present policy and statistics. `first_step` is the number of the rollout's
    /// first step since the start of the run, the index of its draws.
    ///
    /// With [`Truncation::Bootstrap`] it also computes the values of the observations at which the
    /// step limit cut episodes, under the present value network.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn complete<'a>(
        &mut self,
        storage: &'a mut RolloutStorage,
        training_times: TrainingTimes,
        noise: &Noise,
        first_step: u64,
    ) -> Result<RolloutView<'a>> {
        let size = storage.size();
        for t in 0..size.length {
            let step = first_step + t as u64;
            storage.draw(
                t,
                |eps| noise.fill_normal(Purpose::LossNoise, step, eps),
                |times| self.policy.fill_times(training_times, noise, step, times),
            )?;
        }
        if self.objective.truncation == Truncation::Bootstrap {
            let values = self.cut_values(storage, size.obs_dim)?;
            storage.keep_cut_values(&values)?;
        }
        let losses = size.envs * size.stored.losses;
        let bytes = losses * self.policy.spec().width() * size_of::<f32>();
        let chunk = (LOSS_CHUNK_BYTES / bytes.max(1)).max(1);
        storage.finish(|rollout| self.stored_losses(rollout, chunk))
    }

    fn cut_values(&mut self, storage: &RolloutStorage, obs_dim: usize) -> Result<Vec<f32>> {
        let obs = storage.cut_obs();
        if obs.is_empty() {
            return Ok(Vec::new());
        }
        let obs = Tensor::from_slice(obs, (obs.len() / obs_dim, obs_dim), self.device())?;
        let clock = std::time::Instant::now();
        let values = self.values(&obs)?.to_vec1()?;
        self.times.value += clock.elapsed();
        Ok(values)
    }

    /// Takes several epochs of minibatch steps on one rollout, the update of Algorithm 1. After
    /// each gradient step it calls `watch` with the number of steps of this update that are done,
    /// or on a GPU queued.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the schedule does not cover the rollout exactly; [`Error::NonFinite`]
    /// names the first diagnostic that is not finite. This is noticed only after the update, when
    /// the parameters are spoilt already: go back to saved ones.
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
                let epoch_metrics =
                    StepMetrics::collect(&metrics[done..], first_step + done as u64)?;
                if epoch_metrics.mean("divergence") > bound {
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

    /// Returns the policy to evaluate and to export. It has the averaged weights if weights are
    /// averaged, and none of the disturbances that only training needs.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn deployed(&self) -> Result<Arc<dyn Policy>> {
        let acting = match &self.ema {
            None => self.policy.frozen(),
            Some(ema) => {
                let layout = self.policy.params().layout().clone();
                let params = FlatParams::from_flat(layout, ema.weights())?;
                self.policy.with_params(params.frozen())
            }
        };
        Ok(acting.deployed())
    }

    /// Returns an actor for collecting rollouts: the present policy, whose actions start from
    /// noise.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn collecting_actor(&self) -> Result<Actor> {
        let normalizer = self.device_normalizer()?;
        Actor::new(self.policy.frozen(), normalizer, Start::Noise, self.compute)
    }

    /// Returns an actor of the policy that is evaluated and exported ([`Learner::deployed`]), whose
    /// actions start from `start`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn deployed_actor(&self, start: Start) -> Result<Actor> {
        Actor::new(self.deployed()?, self.device_normalizer()?, start, self.compute)
    }

    /// Returns the values `(B,)` of raw observations `(B, O)` under the present network and
    /// statistics.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn values(&self, obs: &Tensor) -> Result<Tensor> {
        let obs = self.device_normalizer()?.normalize(obs)?;
        Ok(self.value.forward(&obs)?.detach())
    }

    /// Takes one pass over the rollout's sub-sequences in the given order. Returns a row of
    /// diagnostics per gradient step, still on the device.
    ///
    /// # Errors
    /// If `order` names a sub-sequence that the rollout does not have, or a tensor operation fails.
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
        let inputs = LossInputs {
            policy: self.policy.as_ref(),
            value: &self.value,
            objective: &self.objective,
            surrogate: self.surrogate.as_deref(),
            normalizer,
            reduce: self.reduce.as_ref(),
        };
        self.backend.step_loss(&inputs, minibatch, &mut self.times)
    }

    /// Returns the losses `(T, E, N)` of a rollout's actions under the current policy and
    /// statistics: the `L_old` of the coming update. Composed operations take `chunk` steps at a
    /// time to bound memory.
    ///
    /// # Errors
    /// If a tensor has another shape.
    pub fn stored_losses(
        &mut self,
        rollout: &Transitions<Tensor, ()>,
        chunk: usize,
    ) -> Result<Tensor> {
        let normalizer = self.device_normalizer()?;
        let (policy, backend, times) = (&self.policy, &mut self.backend, &mut self.times);
        timed(&mut times.policy, || backend.losses(policy.as_ref(), &normalizer, rollout, chunk))
    }

    /// Returns the observation statistics on the networks' device.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn device_normalizer(&self) -> Result<DeviceNormalizer> {
        self.normalizer.on_device(self.dtype(), self.device())
    }

    /// Returns the networks' device.
    pub fn device(&self) -> &Device {
        self.policy.params().var().device()
    }

    fn dtype(&self) -> DType {
        self.policy.params().var().dtype()
    }
}
