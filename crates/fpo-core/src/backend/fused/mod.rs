//! The backend of fused kernels. They read the tensors' memory and return losses together with
//! their gradients, which [`Differentiated`] brings into Candle's graph.
//!
//! The value network always has kernels, and so have flow policies, alone or as a chain, and
//! Gaussian ones. Where a policy has none, or the surrogate is not one of those with a name, the
//! policy's part of a step is composed of Candle operations, which start from the kernels'
//! advantages.

mod advantage;
mod batch;
pub(crate) mod chunks;
mod flow_rows;
mod flow_slopes;
mod frames;
mod gaussian_rows;
mod kernels;
mod loss_rows;
mod policy_block;
mod policy_outcome;
pub(crate) mod policy_pass;
mod regression;
pub(crate) mod sampling;
mod shared;
pub(crate) mod single;
mod step_terms;
mod steps;
mod surprise;
pub(crate) mod value_pass;

use candle_core::{DType, Tensor};

use crate::backend::Backend;
use crate::backend::composed::Composed;
use crate::backend::fused::advantage::{Estimate, Shaping, moments};
use crate::backend::fused::batch::{Batch, ObsMap};
use crate::backend::fused::policy_outcome::Aim;
use crate::backend::fused::policy_pass::PolicyPass;
use crate::backend::fused::steps::{
    BuildPolicy, BuildValue, Losses, PolicyStep, ValueStep, with_batch,
};
use crate::backend::fused::surprise::bonuses;
use crate::backend::fused::value_pass::{ValueOutcome, ValuePass};
use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::objective::loss::policy_loss;
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::policy::{Acted, Policy};
use crate::reduce::Reduce;
use crate::rollout::{Minibatch, Transitions};
use crate::simd::isa::{Isa, run};
use crate::tensor::differentiated::Differentiated;
use crate::tensor::slices::with_slices;
use crate::timing::{PhaseTimes, timed};

/// The kernels with the buffers of learning, which are made when they are first needed.
pub(crate) struct Fused {
    isa: Isa,
    value: Option<ValuePass>,
    policy: Option<PolicyPass>,
    estimates: Vec<Estimate>,
}

/// Returns a loss with the value `value` and the gradient `gradient` at `flat`.
fn known(flat: &Tensor, value: f64, gradient: Vec<f32>) -> Result<Tensor> {
    let gradient = Tensor::from_vec(gradient, flat.shape(), flat.device())?;
    Ok(flat.apply_op1(Differentiated { value: value as f32, gradient })?)
}

impl Backend for Fused {
    fn act(&self, policy: &dyn Policy, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        match policy.kernel_form() {
            Some(form) => sampling::act(self.isa, form, policy.params().flat(), obs, noise),
            None => policy.act(obs, noise),
        }
    }

    fn losses(
        &mut self,
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        rollout: &Transitions<Tensor, ()>,
        chunk: usize,
        reduce: &dyn Reduce,
    ) -> Result<Tensor> {
        let isa = self.isa;
        let Some(pass) = self.policy_pass(policy) else {
            return Composed.losses(policy, normalizer, rollout, chunk, reduce);
        };
        let Transitions { obs, action, stored, t, .. } = rollout;
        let (steps, envs, samples, _) = t.dims4()?;
        // The environments of each step are read as one unroll of a single environment, so that the
        // transitions come in the order of the result.
        let picks: Vec<u32> = (0..steps as u32).collect();
        let mut losses = vec![0.0; steps * envs * samples];
        let (mean, std) = normalizer.parts();
        let tensors = [policy.params().flat(), mean, std, obs, action, stored, t];
        with_slices(tensors, |[params, mean, std, obs, action, stored, t]| {
            let batch = Batch {
                data: Transitions {
                    obs,
                    bootstrap_obs: &[],
                    action,
                    reward: &[],
                    terminated: &[],
                    truncated: &[],
                    cut_value: &[],
                    stored,
                    t,
                    loss_old: &[],
                },
                envs: 1,
                unrolls: steps,
                unroll_length: envs,
                picks: &picks,
            };
            let map = ObsMap { mean, std };
            let (ranks, losses) = (reduce.ranks(), &mut losses[..]);
            run(isa, Losses { policy: pass, params, batch, map, samples, ranks, losses })
        })??;
        Ok(Tensor::from_vec(losses, (steps, envs, samples), t.device())?)
    }

    fn step_loss(
        &mut self,
        inputs: &LossInputs,
        minibatch: &Minibatch,
        times: &mut PhaseTimes,
    ) -> Result<StepLoss> {
        let LossInputs { policy, value, objective, normalizer, reduce, .. } = *inputs;
        let value_flat = value.params().flat();
        let (value_outcome, value_gradient) = self.value_step(inputs, minibatch, times)?;
        let n = self.estimates.len() as f64;
        let value_loss = objective.value_coefficient * value_outcome.squares / n;
        let value_known = known(value_flat, value_loss, value_gradient)?;

        let isa = self.isa;
        // The kernels know the named surrogates only.
        let has_kernels = inputs.surrogate.is_none() && self.policy_pass(policy).is_some();
        let Some(pass) = self.policy.as_mut().filter(|_| has_kernels) else {
            let tensors = minibatch.gather()?;
            let value_terms = self.value_terms(&tensors, objective, value_known)?;
            let obs = normalizer.normalize(&tensors.obs)?;
            let loss = policy_loss(inputs, &tensors, &obs, value_terms, times)?;
            return loss.into_step(&tensors.loss_old, objective.clip_epsilon);
        };
        let estimates = &self.estimates;
        let advantages = timed(&mut times.gae, || moments(estimates, objective, reduce))?;
        let bonuses = timed(&mut times.gae, || bonuses(inputs, minibatch, estimates))?;
        let policy_flat = policy.params().flat();
        let mut gradient = vec![0.0; policy_flat.elem_count()];
        let ratio_weight = match inputs.ratio_weight {
            Some(weight) => weight.to_dtype(DType::F64)?.to_scalar()?,
            None => 0.0,
        };
        let outcome = timed(&mut times.policy, || {
            with_slices([policy_flat], |[params]| {
                with_batch(minibatch, normalizer, |batch, map| {
                    let step = PolicyStep {
                        pass,
                        params,
                        aim: Aim { objective, ratio_weight },
                        batch,
                        map,
                        ranks: reduce.ranks(),
                        estimates,
                        shaping: Shaping::new(objective, advantages),
                        bonuses: &bonuses,
                        gradient: &mut gradient,
                    };
                    run(isa, step)
                })
            })??
        })?;
        let samples = minibatch.rollout.t.dim(2)?;
        let ratios = n * objective.ratio.count(samples) as f64;
        let counts = [n * samples as f64, ratios];
        let mut diagnostics = self.diagnostics(&outcome, &value_outcome, counts, value_loss);
        let bonus = objective.entropy_coefficient * outcome.entropy / n;
        let energy = objective.kinetic_weight * outcome.energy / counts[0];
        let besides = bonus + outcome.weighted_ratio / ratios - energy;
        diagnostics.total_loss -= besides;
        Ok(StepLoss {
            policy: known(policy_flat, diagnostics.policy_loss - besides, gradient)?,
            value: value_known,
            diagnostics: diagnostics.into_row(policy_flat.device())?,
        })
    }
}

impl Fused {
    /// Returns the backend of kernels on `isa`.
    pub(crate) fn new(isa: Isa) -> Fused {
        Fused { isa, value: None, policy: None, estimates: Vec::new() }
    }

    /// Returns the kernels of `policy`, if it has any.
    fn policy_pass(&mut self, policy: &dyn Policy) -> Option<&mut PolicyPass> {
        let form = policy.kernel_form()?;
        let isa = self.isa;
        self.policy = self.policy.take().filter(|pass| pass.is_for(form));
        Some(self.policy.get_or_insert_with(|| run(isa, BuildPolicy(form))))
    }

    /// Writes values, advantages and targets to `estimates`. Returns the sums of the value errors,
    /// and the gradient.
    fn value_step(
        &mut self,
        inputs: &LossInputs,
        minibatch: &Minibatch,
        times: &mut PhaseTimes,
    ) -> Result<(ValueOutcome, Vec<f32>)> {
        let LossInputs { value, objective, normalizer, reduce, .. } = *inputs;
        let Fused { isa, value: pass, estimates, .. } = self;
        *pass = pass.take().filter(|pass| pass.is_for(value.mlp()));
        let pass = pass.get_or_insert_with(|| run(*isa, BuildValue(value)));
        let flat = value.params().flat();
        let normalizer = &normalizer.for_critic();
        let mut gradient = vec![0.0; flat.elem_count()];
        let transitions = minibatch.picks.len() * minibatch.unroll_length;
        estimates.resize(transitions, Estimate::default());
        let mut whole = std::time::Duration::ZERO;
        let outcome = timed(&mut whole, || {
            with_slices([flat], |[params]| {
                with_batch(minibatch, normalizer, |batch, map| {
                    let (ranks, estimates) = (reduce.ranks(), &mut estimates[..]);
                    let gradient = &mut gradient[..];
                    let step = ValueStep {
                        pass,
                        params,
                        objective,
                        batch,
                        map,
                        ranks,
                        estimates,
                        gradient,
                    };
                    run(*isa, step)
                })
            })??
        })?;
        let [gae, all] = outcome.time.map(|time| time.as_secs_f64());
        let gae = whole.mul_f64(if all > 0.0 { gae / all } else { 0.0 });
        times.gae += gae;
        times.value += whole - gae;
        Ok((outcome, gradient))
    }
}
