//! The loss of one minibatch: advantages, ratio, surrogate, value loss.
//!
//! What a policy's `L` is makes the algorithm ([`crate::Policy`]); the rest is the same for FPO,
//! FPO++ and the baselines.

use std::time::{Duration, Instant};

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::gae::{Advantages, Trajectory, Truncation};
use crate::objective::step_loss::StepLoss;
use crate::objective::{Objective, gae};
use crate::policy::Policy;
use crate::rollout::MinibatchTensors;
use crate::timing::PhaseTimes;

/// What the value network makes of a minibatch, all but the loss `(U, B)`.
pub struct Critique {
    /// Advantages before they are shaped, and value targets.
    pub estimates: Advantages,
    /// Values.
    pub values: Tensor,
    /// `R − V`, zero on steps without a target.
    pub value_error: Tensor,
    /// `value_coefficient · mean (R − V)²`, a scalar.
    pub value_loss: Tensor,
}

/// The loss of one minibatch and what went into it.
pub struct FpoLoss {
    /// `policy_loss + value_loss` and the entropy's share, the scalar that is differentiated.
    pub total: Tensor,
    /// `−mean surrogate`.
    pub policy_loss: Tensor,
    /// Mean entropy and `−entropy_coefficient · entropy`, of policies that know theirs.
    pub entropy: Option<(Tensor, Tensor)>,
    /// Ratios `(U, B, R)`.
    pub ratio: Tensor,
    /// Their logarithms.
    pub log_ratio: Tensor,
    /// Advantages as the surrogate sees them, `(U, B)`.
    pub advantages: Tensor,
    /// Losses `L` under the current parameters, `(U, B, N)`.
    pub loss_new: Tensor,
    /// Values, targets and the value loss.
    pub critique: Critique,
}

/// The loss of `minibatch` in composed operations, differentiable with respect to both networks'
/// parameters; `times` hears what took how long.
pub fn fpo_loss(
    policy: &Policy,
    value: &ValueNet,
    objective: &Objective,
    minibatch: &MinibatchTensors,
    normalizer: &DeviceNormalizer,
    times: &mut PhaseTimes,
) -> Result<FpoLoss> {
    let mut clock = Instant::now();
    let mut lap = |phase: &mut Duration| {
        *phase += clock.elapsed();
        clock = Instant::now();
    };
    // One pass of the value network over the steps and the observations after the last.
    let steps = minibatch.reward.dim(0)?;
    let bootstrap_obs = minibatch.bootstrap_obs.unsqueeze(0)?;
    let obs = normalizer.normalize(&Tensor::cat(&[&minibatch.obs, &bootstrap_obs], 0)?)?;
    let values = value.forward(&obs)?;
    let (obs, bootstrap) = (obs.narrow(0, 0, steps)?, values.get(steps)?);
    let values = values.narrow(0, 0, steps)?;
    lap(&mut times.value);

    // Advantages from the current value function, through which no gradient flows.
    let bootstraps = objective.truncation == Truncation::Bootstrap;
    let trajectory = Trajectory {
        rewards: &(&minibatch.reward * objective.reward_scale)?,
        discounts: &((1.0 - &minibatch.terminated)? * objective.gamma)?,
        truncated: &minibatch.truncated,
        values: &values,
        bootstrap: &bootstrap,
        cut_values: bootstraps.then_some(&minibatch.cut_value),
    };
    let estimates = gae::estimate(&trajectory, objective.gae_lambda, objective.advantage)?;
    lap(&mut times.gae);

    // Value loss against the λ-returns; a masked step has no target.
    let mut value_error = (&estimates.targets - &values)?;
    if !bootstraps {
        value_error = (value_error * (1.0 - &minibatch.truncated)?)?;
    }
    let value_loss = (value_error.sqr()?.mean_all()? * objective.value_coefficient)?;
    lap(&mut times.value);

    let critique = Critique { estimates, values, value_error, value_loss };
    policy_loss(policy, objective, minibatch, &obs, critique, times)
}

/// Ratio and surrogate, given what the value network says; `obs` is normalised.
pub(crate) fn policy_loss(
    policy: &Policy,
    objective: &Objective,
    minibatch: &MinibatchTensors,
    obs: &Tensor,
    critique: Critique,
    times: &mut PhaseTimes,
) -> Result<FpoLoss> {
    let clock = Instant::now();
    let advantages = objective.shape_advantages(&critique.estimates.advantages)?;

    // ratio = exp(L_old − L_new), over the same (ε, t) pairs (eq. 6).
    let MinibatchTensors { action, eps, t, loss_old, .. } = minibatch;
    let evaluated = policy.evaluate(obs, action, eps, t)?;
    let loss_new = evaluated.losses;
    let log_ratio = objective.log_ratio(loss_old, &loss_new, &advantages)?;
    let ratio = log_ratio.exp()?;

    // Clipped surrogate (eq. 5).
    let surrogate = objective.surrogate.of(&ratio, &advantages, objective.clip_epsilon)?;
    let policy_loss = surrogate.mean_all()?.neg()?;

    let mut total = (&policy_loss + &critique.value_loss)?;
    let mut entropy = None;
    if let Some(mean) = evaluated.entropy {
        let loss = (&mean * -objective.entropy_coefficient)?;
        total = (total + &loss)?;
        entropy = Some((mean, loss));
    }
    times.policy += clock.elapsed();
    Ok(FpoLoss { total, policy_loss, entropy, ratio, log_ratio, advantages, loss_new, critique })
}

impl FpoLoss {
    /// The two losses with a row of diagnostics, still on the device. The policy's loss includes
    /// the entropy bonus; of the columns `total_loss` does.
    pub fn into_step(self, loss_old: &Tensor, clip_epsilon: f64) -> Result<StepLoss> {
        // All moments in a few operations: on a GPU each is a kernel launch.
        let (ratio, log_ratio) = (self.ratio.detach(), self.log_ratio.detach());
        let off = (&ratio - 1.0)?;
        let clipped = off.abs()?.gt(clip_epsilon)?.to_dtype(ratio.dtype())?;
        let of_ratios = [&ratio, &ratio.sqr()?, &(off - log_ratio)?, &clipped];
        let of_ratios = Tensor::stack(&of_ratios, 0)?.flatten_from(1)?.mean(1)?;

        let Critique { estimates, values, value_error, value_loss } = self.critique;
        let Advantages { advantages, targets } = &estimates;
        let of_steps = [&values.detach(), targets, &value_error.detach(), advantages];
        let of_steps = Tensor::stack(&of_steps, 0)?.flatten_from(1)?;
        let mean = of_steps.mean_keepdim(1)?;
        let variance = of_steps.broadcast_sub(&mean)?.sqr()?.mean(1)?;
        let mean = mean.squeeze(1)?;
        let unexplained = (variance.get(2)? / (variance.get(1)? + 1e-12)?)?;
        let scalars = [
            loss_old.mean_all()?,
            self.loss_new.detach().mean_all()?,
            ratio.min_all()?,
            ratio.max_all()?,
            of_ratios.get(3)?,
            of_ratios.get(2)?,
            (of_ratios.get(0)?.sqr()? / of_ratios.get(1)?)?,
            of_ratios.get(0)?,
            mean.get(0)?,
            mean.get(1)?,
            (mean.get(2)?.sqr()? + variance.get(2)?)?.sqrt()?,
            (1.0 - unexplained)?,
            variance.get(3)?.sqrt()?,
            self.policy_loss.detach(),
            value_loss.detach(),
            self.total.detach(),
        ];
        let diagnostics = Tensor::stack(&scalars, 0)?;
        let policy = match self.entropy {
            Some((_, loss)) => (self.policy_loss + loss)?,
            None => self.policy_loss,
        };
        Ok(StepLoss { policy, value: value_loss, diagnostics })
    }
}
