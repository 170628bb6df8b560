//! What a learner tells about itself, and the policies that it hands out.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::acting::Actor;
use crate::backend::choice::Compute;
use crate::error::Result;
use crate::flow::sampler::Start;
use crate::learner::Learner;
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::params::FlatParams;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::policy::{Acted, Policy};

impl Learner {
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

    /// Sets the weight of the entropy bonus in the coming gradient steps.
    pub fn set_entropy_coefficient(&mut self, weight: f64) {
        self.objective.entropy_coefficient = weight;
    }

    /// Returns actions of the present policy for normalised `obs (B, O)` from unit normals `noise
    /// (B, noise_len)`; see [`Policy::act`].
    ///
    /// # Errors
    /// If a tensor has another shape.
    pub fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        self.backend.act(self.policy.as_ref(), obs, noise)
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
        let obs = self.device_normalizer()?.for_critic().normalize(obs)?;
        Ok(self.value.forward(&obs)?.detach())
    }

    /// Returns the observation statistics on the networks' device, with what policy and critic do
    /// not see.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn device_normalizer(&self) -> Result<DeviceNormalizer> {
        let normalizer = self.normalizer.on_device(self.dtype(), self.device())?;
        normalizer.hiding(&self.hidden.policy, &self.hidden.critic)
    }

    /// Returns the networks' device.
    pub fn device(&self) -> &Device {
        self.policy.params().var().device()
    }

    pub(super) fn dtype(&self) -> DType {
        self.policy.params().var().dtype()
    }
}
