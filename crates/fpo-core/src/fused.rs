//! The fused kernels on Candle tensors: they read the tensors' memory and return losses together
//! with their gradients, which [`Differentiated`] brings into Candle's graph.

use std::time::Duration;

use candle_core::Tensor;

use crate::differentiated::Differentiated;
use crate::host::with_slices;
use crate::kernels::{
    Batch, Estimate, Isa, Kernel, ObsMap, PolicyOutcome, PolicyPass, Simd, ValueOutcome, ValuePass,
    moments, normalization, run, sample,
};
use crate::phase_times::timed;
use crate::{
    DeviceNormalizer, FlowConfig, FlowPolicy, FpoConfig, Minibatch, PhaseTimes, Result, Rollout,
    StepLoss, ValueNet,
};

/// The kernels of a learner, with their buffers.
pub(crate) struct FusedLearner {
    isa: Isa,
    value: ValuePass,
    policy: PolicyPass,
    estimates: Vec<Estimate>,
}

struct Build<'a>(&'a FlowPolicy, &'a ValueNet);

impl Kernel for Build<'_> {
    type Output = (ValuePass, PolicyPass);

    fn run<S: Simd>(self, s: S) -> (ValuePass, PolicyPass) {
        let mlp = self.1.mlp();
        let value = ValuePass::new(s, mlp.sizes(), mlp.activation());
        (value, PolicyPass::new(s, self.0.config()))
    }
}

/// The part of a gradient step that runs inside the kernels.
struct Step<'a> {
    value: &'a mut ValuePass,
    policy: &'a mut PolicyPass,
    params: [&'a [f32]; 2],
    config: &'a FpoConfig,
    batch: Batch<'a>,
    map: ObsMap<'a>,
    estimates: &'a mut [Estimate],
    gradients: [&'a mut [f32]; 2],
    times: &'a mut PhaseTimes,
}

/// What a gradient step came to.
struct StepOutcome {
    value: ValueOutcome,
    policy: PolicyOutcome,
    advantages: (f64, f64),
}

impl Kernel for Step<'_> {
    type Output = StepOutcome;

    fn run<S: Simd>(self, s: S) -> StepOutcome {
        let Step { config, batch, map, estimates, times, .. } = self;
        let [policy_params, value_params] = self.params;
        let [policy_gradient, value_gradient] = self.gradients;
        let mut whole = Duration::ZERO;
        let value = timed(&mut whole, || {
            self.value.run(s, value_params, config, &batch, map, estimates, value_gradient)
        });
        let [gae, all] = value.time.map(|time| time.as_secs_f64());
        let gae = whole.mul_f64(if all > 0.0 { gae / all } else { 0.0 });
        times.gae += gae;
        times.value += whole - gae;

        let advantages = timed(&mut times.gae, || moments(estimates));
        let policy = timed(&mut times.policy, || {
            let normalization = normalization(config, advantages);
            let params = policy_params;
            let gradient = policy_gradient;
            self.policy.run(s, params, config, &batch, map, estimates, normalization, gradient)
        });
        StepOutcome { value, policy, advantages }
    }
}

impl FusedLearner {
    /// Kernels for these networks on `isa`.
    pub(crate) fn new(isa: Isa, policy: &FlowPolicy, value: &ValueNet) -> FusedLearner {
        let (value, policy) = run(isa, Build(policy, value));
        FusedLearner { isa, value, policy, estimates: Vec::new() }
    }

    /// The loss of `minibatch`, ready to be differentiated.
    pub(crate) fn loss(
        &mut self,
        policy: &FlowPolicy,
        value: &ValueNet,
        config: &FpoConfig,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
        times: &mut PhaseTimes,
    ) -> Result<StepLoss> {
        let params = [policy.params().flat(), value.params().flat()];
        let mut gradients = params.map(|flat| vec![0.0; flat.elem_count()]);
        let transitions = minibatch.picks.len() * minibatch.unroll_length;
        self.estimates.resize(transitions, Estimate::default());
        let [policy_gradient, value_gradient] = &mut gradients;
        let (mean, std) = normalizer.parts();
        let Rollout { obs, bootstrap_obs, action, reward, .. } = minibatch.rollout;
        let Rollout { terminated, truncated, eps, t, loss_old, .. } = minibatch.rollout;
        let (steps, envs) = reward.dims2()?;
        let tensors = [
            params[0],
            params[1],
            mean,
            std,
            obs,
            bootstrap_obs,
            action,
            reward,
            terminated,
            truncated,
            eps,
            t,
            loss_old,
        ];
        let outcome = with_slices(tensors, |slices| {
            let [policy_params, value_params, mean, std, obs, bootstrap_obs, ..] = slices;
            let [.., action, reward, terminated, truncated, eps, t, loss_old] = slices;
            let step = Step {
                value: &mut self.value,
                policy: &mut self.policy,
                params: [policy_params, value_params],
                config,
                batch: Batch {
                    obs,
                    bootstrap_obs,
                    action,
                    reward,
                    terminated,
                    truncated,
                    eps,
                    t,
                    loss_old,
                    envs,
                    unrolls: steps / minibatch.unroll_length,
                    unroll_length: minibatch.unroll_length,
                    picks: minibatch.picks,
                },
                map: ObsMap { mean, std },
                estimates: &mut self.estimates,
                gradients: [policy_gradient, value_gradient],
                times: &mut *times,
            };
            run(self.isa, step)
        })?;
        self.report(config, t.dim(2)?, &outcome, params, gradients)
    }

    fn report(
        &self,
        config: &FpoConfig,
        samples: usize,
        outcome: &StepOutcome,
        params: [&Tensor; 2],
        gradients: [Vec<f32>; 2],
    ) -> Result<StepLoss> {
        let StepOutcome { value, policy, advantages } = outcome;
        let n = self.estimates.len() as f64;
        let ratios = n * config.ratio.count(samples) as f64;
        let losses = n * samples as f64;
        let mean = |of: fn(&Estimate) -> f32| {
            self.estimates.iter().map(|of_step| f64::from(of(of_step))).sum::<f64>() / n
        };
        let policy_loss = -policy.surrogate / ratios;
        let value_loss = config.value_coefficient * value.squares / n;
        let row = [
            policy.loss_old / losses,
            policy.loss_new / losses,
            policy.ratio / ratios,
            policy.ratio_min,
            policy.ratio_max,
            policy.clipped / ratios,
            mean(|of_step| of_step.value),
            mean(|of_step| of_step.target),
            advantages.1,
            policy_loss,
            value_loss,
            policy_loss + value_loss,
        ];
        let diagnostics = Tensor::new(&row.map(|x| x as f32), params[0].device())?;
        let [policy_gradient, value_gradient] = gradients;
        let known = |flat: &Tensor, value: f64, gradient: Vec<f32>| -> Result<Tensor> {
            let gradient = Tensor::from_vec(gradient, flat.shape(), flat.device())?;
            Ok(flat.apply_op1(Differentiated { value: value as f32, gradient })?)
        };
        Ok(StepLoss {
            policy: known(params[0], policy_loss, policy_gradient)?,
            value: known(params[1], value_loss, value_gradient)?,
            diagnostics,
        })
    }

    /// The losses `(T, E, N)` of actions `(T, E, A)` under the policy's present parameters.
    pub(crate) fn losses(
        &mut self,
        policy: &FlowPolicy,
        normalizer: &DeviceNormalizer,
        [obs, action, eps, t]: [&Tensor; 4],
    ) -> Result<Tensor> {
        let (steps, envs, samples, _) = eps.dims4()?;
        // Every transition is a sub-sequence of its own.
        let picks: Vec<u32> = (0..(steps * envs) as u32).collect();
        let mut losses = vec![0.0; picks.len() * samples];
        let (mean, std) = normalizer.parts();
        let tensors = [policy.params().flat(), mean, std, obs, action, eps, t];
        with_slices(tensors, |[params, mean, std, obs, action, eps, t]| {
            let batch = Batch {
                obs,
                bootstrap_obs: &[],
                action,
                reward: &[],
                terminated: &[],
                truncated: &[],
                eps,
                t,
                loss_old: &[],
                envs: picks.len(),
                unrolls: 1,
                unroll_length: 1,
                picks: &picks,
            };
            let map = ObsMap { mean, std };
            let policy = &mut self.policy;
            run(self.isa, Losses { policy, params, batch, map, samples, losses: &mut losses });
        })?;
        Ok(Tensor::from_vec(losses, (steps, envs, samples), eps.device())?)
    }
}

struct Losses<'a> {
    policy: &'a mut PolicyPass,
    params: &'a [f32],
    batch: Batch<'a>,
    map: ObsMap<'a>,
    samples: usize,
    losses: &'a mut [f32],
}

impl Kernel for Losses<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Losses { policy, params, batch, map, samples, losses } = self;
        policy.losses(s, params, &batch, map, samples, losses);
    }
}

struct Sample<'a>(&'a FlowConfig, [&'a [f32]; 2], &'a mut [f32]);

impl Kernel for Sample<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Sample(config, [params, obs], x) = self;
        sample(s, config, params, obs, x);
    }
}

/// Actions for normalised `obs` from `start`; see [`FlowPolicy::sample`].
pub(crate) fn fused_sample(
    isa: Isa,
    policy: &FlowPolicy,
    obs: &Tensor,
    start: &Tensor,
) -> Result<Tensor> {
    let tensors = [policy.params().flat(), obs, start];
    let actions = with_slices(tensors, |[params, obs, start]| {
        let mut x = start.to_vec();
        run(isa, Sample(policy.config(), [params, obs], &mut x));
        x
    })?;
    Ok(Tensor::from_vec(actions, start.shape(), start.device())?)
}
