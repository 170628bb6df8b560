//! What the fused kernels are asked for, each a [`Kernel`] with the slices that it reads and writes.

use crate::backend::fused::advantage::{Estimate, Shaping};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::policy_pass::{PolicyOutcome, PolicyPass};
use crate::backend::fused::value_pass::{ValueOutcome, ValuePass};
use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::policy::Policy;
use crate::rollout::{Minibatch, Rollout};
use crate::simd::isa::Kernel;
use crate::simd::vector::Simd;
use crate::tensor::slices::with_slices;

/// The kernels for two networks.
pub(crate) struct Build<'a>(pub(crate) &'a Policy, pub(crate) &'a ValueNet);

impl Kernel for Build<'_> {
    type Output = (ValuePass, Option<PolicyPass>);

    fn run<S: Simd>(self, s: S) -> (ValuePass, Option<PolicyPass>) {
        let mlp = self.1.mlp();
        let value = ValuePass::new(s, mlp.sizes(), mlp.activation());
        let policy = match self.0 {
            Policy::Flow(flow) => Some(PolicyPass::new(s, flow.config(), None)),
            Policy::Chain(flow, mdp) => Some(PolicyPass::new(s, flow.config(), Some(*mdp))),
            Policy::Gaussian(_) => None,
        };
        (value, policy)
    }
}

/// The value network's part of a gradient step.
pub(crate) struct ValueStep<'a> {
    pub(crate) pass: &'a mut ValuePass,
    pub(crate) params: &'a [f32],
    pub(crate) objective: &'a Objective,
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) estimates: &'a mut [Estimate],
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for ValueStep<'_> {
    type Output = ValueOutcome;

    fn run<S: Simd>(self, s: S) -> ValueOutcome {
        let ValueStep { pass, params, objective, batch, map, estimates, gradient } = self;
        pass.run(s, params, objective, &batch, map, estimates, gradient)
    }
}

/// The policy's part of a gradient step.
pub(crate) struct PolicyStep<'a> {
    pub(crate) pass: &'a mut PolicyPass,
    pub(crate) params: &'a [f32],
    pub(crate) objective: &'a Objective,
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) estimates: &'a [Estimate],
    pub(crate) shaping: Shaping,
    pub(crate) gradient: &'a mut [f32],
}

impl Kernel for PolicyStep<'_> {
    type Output = PolicyOutcome;

    fn run<S: Simd>(self, s: S) -> PolicyOutcome {
        let PolicyStep { pass, params, objective, batch, map, estimates, shaping, gradient } = self;
        pass.run(s, params, objective, &batch, map, estimates, shaping, gradient)
    }
}

/// Calls `f` with the memory of a minibatch and of the observations' statistics.
pub(crate) fn with_batch<R>(
    minibatch: &Minibatch,
    normalizer: &DeviceNormalizer,
    f: impl FnOnce(Batch, ObsMap) -> R,
) -> Result<R> {
    let (mean, std) = normalizer.parts();
    let Rollout { obs, bootstrap_obs, action, reward, terminated, .. } = minibatch.rollout;
    let Rollout { truncated, cut_value, eps, t, loss_old, .. } = minibatch.rollout;
    let (steps, envs) = reward.dims2()?;
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
        eps,
        t,
        loss_old,
    ];
    with_slices(tensors, |slices| {
        let [mean, std, obs, bootstrap_obs, action, reward, ..] = slices;
        let [.., terminated, truncated, cut_value, eps, t, loss_old] = slices;
        let batch = Batch {
            obs,
            bootstrap_obs,
            action,
            reward,
            terminated,
            truncated,
            cut_value,
            eps,
            t,
            loss_old,
            envs,
            unrolls: steps / minibatch.unroll_length,
            unroll_length: minibatch.unroll_length,
            picks: minibatch.picks,
        };
        f(batch, ObsMap { mean, std })
    })
}

/// The losses of every sample of every transition of a rollout.
pub(crate) struct Losses<'a> {
    pub(crate) policy: &'a mut PolicyPass,
    pub(crate) params: &'a [f32],
    pub(crate) batch: Batch<'a>,
    pub(crate) map: ObsMap<'a>,
    pub(crate) samples: usize,
    pub(crate) losses: &'a mut [f32],
}

impl Kernel for Losses<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Losses { policy, params, batch, map, samples, losses } = self;
        policy.losses(s, params, &batch, map, samples, losses);
    }
}
