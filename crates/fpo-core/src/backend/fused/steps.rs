//! The tasks of the fused kernels, each a [`Kernel`] with the slices that it reads and writes.

use crate::backend::fused::advantage::{Estimate, Shaping};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::policy_outcome::{Aim, PolicyOutcome};
use crate::backend::fused::policy_pass::PolicyPass;
use crate::backend::fused::value_pass::{ValueOutcome, ValuePass};
use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::policy::KernelForm;
use crate::reduce::communicator::Communicator;
use crate::rollout::{Minibatch, Transitions};
use crate::simd::isa::Kernel;
use crate::simd::vector::Simd;
use crate::tensor::slices::with_slices;

/// Makes the kernels of a value network.
pub(crate) struct BuildValue<'a>(pub(crate) &'a ValueNet);

impl Kernel for BuildValue<'_> {
    type Output = ValuePass;

    fn run<S: Simd>(self, s: S) -> ValuePass {
        let mlp = self.0.mlp();
        ValuePass::new(s, mlp.sizes(), mlp.activation())
    }
}

/// Makes the kernels of a policy.
pub(crate) struct BuildPolicy<'a>(pub(crate) KernelForm<'a>);

impl Kernel for BuildPolicy<'_> {
    type Output = PolicyPass;

    fn run<S: Simd>(self, s: S) -> PolicyPass {
        PolicyPass::new(s, self.0)
    }
}

/// The value network's part of a gradient step.
pub(crate) struct ValueStep<'a> {
    pub(crate) pass: &'a mut ValuePass,
    pub(crate) params: &'a [f32],
    pub(crate) objective: &'a Objective,
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) ranks: Option<&'a dyn Communicator>,
    pub(crate) estimates: &'a mut [Estimate],
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for ValueStep<'_> {
    type Output = Result<ValueOutcome>;

    fn run<S: Simd>(self, s: S) -> Result<ValueOutcome> {
        let ValueStep { pass, params, objective, batch, map, ranks, estimates, gradient } = self;
        pass.run(s, params, objective, &batch, map, ranks, estimates, gradient)
    }
}

/// The policy's part of a gradient step.
pub(crate) struct PolicyStep<'a> {
    pub(crate) pass: &'a mut PolicyPass,
    pub(crate) params: &'a [f32],
    pub(crate) aim: Aim<'a>,
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) ranks: Option<&'a dyn Communicator>,
    pub(crate) estimates: &'a [Estimate],
    pub(crate) shaping: Shaping,
    pub(crate) bonuses: &'a [f32],
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for PolicyStep<'_> {
    type Output = Result<PolicyOutcome>;

    fn run<S: Simd>(self, s: S) -> Result<PolicyOutcome> {
        let PolicyStep { pass, params, aim, batch, map, ranks, estimates, shaping, .. } = self;
        // Each advantage is copied once; the parts into which the copies are cut define the chunks.
        let mut advantages: Vec<f32> = estimates.iter().map(|step| shaping.apply(step)).collect();
        advantages.iter_mut().zip(self.bonuses).for_each(|(advantage, bonus)| *advantage += bonus);
        pass.run(s, params, aim, &batch, map, ranks, &mut advantages, self.gradient)
    }
}

/// Calls `f` with the memory of a minibatch and of the observations' statistics.
pub(crate) fn with_batch<R>(
    minibatch: &Minibatch,
    normalizer: &DeviceNormalizer,
    f: impl FnOnce(Batch, ObsMap) -> R,
) -> Result<R> {
    let (mean, std) = normalizer.parts();
    let (steps, envs) = minibatch.rollout.reward.dims2()?;
    let [obs, bootstrap_obs, action, reward, terminated, truncated, cut_value, stored, t] =
        minibatch.rollout.arrays();
    let loss_old = &minibatch.rollout.loss_old;
    let tensors = [
        mean,
        std,
        obs,
        bootstrap_obs,
        action,
        reward,
        terminated,
        truncated,
        cut_value,
        stored,
        t,
        loss_old,
    ];
    with_slices(tensors, |[mean, std, rest @ .., loss_old]| {
        let batch = Batch {
            data: Transitions::from_arrays(rest, loss_old),
            envs,
            unrolls: steps / minibatch.unroll_length,
            unroll_length: minibatch.unroll_length,
            picks: minibatch.picks,
        };
        f(batch, ObsMap { mean, std })
    })
}

/// Computes the loss of every sample of every transition of a rollout.
pub(crate) struct Losses<'a> {
    pub(crate) policy: &'a mut PolicyPass,
    pub(crate) params: &'a [f32],
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) samples: usize,
    pub(crate) ranks: Option<&'a dyn Communicator>,
    pub(crate) losses: &'a mut [f32],
}

impl Kernel for Losses<'_> {
    type Output = Result<()>;

    fn run<S: Simd>(self, s: S) -> Result<()> {
        let Losses { policy, params, batch, map, samples, ranks, losses } = self;
        policy.losses(s, params, &batch, map, samples, ranks, losses)
    }
}
