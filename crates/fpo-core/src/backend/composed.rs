//! The backend of Candle's operations and automatic differentiation.

use candle_core::Tensor;

use crate::backend::Backend;
use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::objective::loss::minibatch_loss;
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::policy::{Acted, Policy};
use crate::reduce::Reduce;
use crate::rollout::{Minibatch, Transitions};
use crate::timing::PhaseTimes;

/// The reference backend, which runs on every device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Composed;

impl Backend for Composed {
    fn act(&self, policy: &dyn Policy, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        policy.act(obs, noise)
    }

    fn losses(
        &mut self,
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Transitions<Tensor, ()>,
        chunk: usize,
        _reduce: &dyn Reduce,
    ) -> Result<Tensor> {
        let policy = policy.frozen();
        let steps = rollout.obs.dim(0)?;
        let mut parts = Vec::new();
        for start in (0..steps).step_by(chunk.max(1)) {
            let len = chunk.max(1).min(steps - start);
            let part = |x: &Tensor| x.narrow(0, start, len);
            let obs = normalizer.normalize(&part(&rollout.obs)?)?;
            let Transitions { action, stored, t, .. } = rollout;
            let evaluated = policy.evaluate(&obs, &part(action)?, &part(stored)?, &part(t)?)?;
            parts.push(evaluated.losses);
        }
        Ok(Tensor::cat(&parts, 0)?)
    }

    fn step_loss(
        &mut self,
        inputs: &LossInputs,
        minibatch: &Minibatch,
        times: &mut PhaseTimes,
    ) -> Result<StepLoss> {
        let tensors = minibatch.gather()?;
        let loss = minibatch_loss(inputs, &tensors, times)?;
        loss.into_step(&tensors.loss_old, inputs.objective.clip_epsilon)
    }
}
