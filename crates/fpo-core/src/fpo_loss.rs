//! The FPO loss of one minibatch: advantages, ratio, clipped surrogate, value loss.

use std::time::{Duration, Instant};

use candle_core::Tensor;

use crate::gae::{self, Advantages, Trajectory};
use crate::objective::{log_ratio, normalize_advantages, ppo_clip};
use crate::{
    AdvantageKind, AdvantageNormalization, DeviceNormalizer, FlowPolicy, MinibatchTensors,
    PhaseTimes, RatioKind, Result, StepLoss, ValueNet,
};

/// The constants of the objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FpoConfig {
    /// PPO's ε: ratios count within `[1 − ε, 1 + ε]`.
    pub clip_epsilon: f64,
    /// One ratio per action or per Monte-Carlo sample.
    pub ratio: RatioKind,
    /// Bound on the magnitude of the log ratio, if any.
    pub log_ratio_clamp: Option<f64>,
    /// Discount γ per step.
    pub gamma: f64,
    /// λ of the advantage estimator.
    pub gae_lambda: f64,
    /// Which advantage estimator.
    pub advantage: AdvantageKind,
    /// Factor on rewards inside the advantage estimator.
    pub reward_scale: f64,
    /// Weight of the value loss.
    pub value_coefficient: f64,
    /// Whether advantages are normalised.
    pub normalize_advantages: AdvantageNormalization,
}

impl Default for FpoConfig {
    /// The paper's Playground settings (Table A.2) with Schulman's GAE.
    fn default() -> Self {
        FpoConfig {
            clip_epsilon: 0.05,
            ratio: RatioKind::PerAction,
            log_ratio_clamp: None,
            gamma: 0.995,
            gae_lambda: 0.95,
            advantage: AdvantageKind::Gae,
            reward_scale: 10.0,
            value_coefficient: 0.25,
            normalize_advantages: AdvantageNormalization::Minibatch,
        }
    }
}

/// The loss of one minibatch and what went into it.
pub struct FpoLoss {
    /// `policy_loss + value_loss`, the scalar that is differentiated.
    pub total: Tensor,
    /// `−mean surrogate`.
    pub policy_loss: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    pub value_loss: Tensor,
    /// Ratios `(U, B, R)`.
    pub ratio: Tensor,
    /// `r·A` and its clipped twin, elementwise.
    pub surrogates: (Tensor, Tensor),
    /// Advantages before normalisation, and value targets, `(U, B)`.
    pub estimates: Advantages,
    /// Values `(U, B)`.
    pub values: Tensor,
    /// `R − V`, zero on truncated steps, `(U, B)`.
    pub value_error: Tensor,
    /// CFM losses under the current parameters, `(U, B, N)`.
    pub loss_new: Tensor,
}

/// The loss of `minibatch` in composed operations, differentiable with respect to both networks'
/// parameters; `times` hears what took how long.
pub fn fpo_loss(
    policy: &FlowPolicy,
    value: &ValueNet,
    config: &FpoConfig,
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
    let trajectory = Trajectory {
        rewards: &(&minibatch.reward * config.reward_scale)?,
        discounts: &((1.0 - &minibatch.terminated)? * config.gamma)?,
        truncated: &minibatch.truncated,
        values: &values,
        bootstrap: &bootstrap,
    };
    let estimates = gae::estimate(&trajectory, config.gae_lambda, config.advantage)?;
    let advantages = normalize_advantages(&estimates.advantages, config.normalize_advantages)?;
    lap(&mut times.gae);

    // ratio = exp(L_old − L_new), over the same (ε, t) pairs (eq. 6).
    let MinibatchTensors { action, eps, t, loss_old, .. } = minibatch;
    let loss_new = policy.cfm_loss(&obs, action, eps, t)?;
    let log_ratio = log_ratio(loss_old, &loss_new, config.ratio, config.log_ratio_clamp)?;
    let ratio = log_ratio.exp()?;

    // Clipped surrogate (eq. 5).
    let surrogate = ppo_clip(&ratio, &advantages, config.clip_epsilon)?;
    let policy_loss = surrogate.value.mean_all()?.neg()?;
    lap(&mut times.policy);

    // Value loss against the λ-returns; a truncated step has no target.
    let value_error = ((&estimates.targets - &values)? * (1.0 - &minibatch.truncated)?)?;
    let value_loss = (value_error.sqr()?.mean_all()? * config.value_coefficient)?;
    lap(&mut times.value);

    Ok(FpoLoss {
        total: (&policy_loss + &value_loss)?,
        policy_loss,
        value_loss,
        ratio,
        surrogates: (surrogate.unclipped, surrogate.clipped),
        estimates,
        values,
        value_error,
        loss_new,
    })
}

impl FpoLoss {
    /// The two losses with a row of diagnostics, still on the device.
    pub fn into_step(self, loss_old: &Tensor, clip_epsilon: f64) -> Result<StepLoss> {
        let ratio = self.ratio.detach();
        let clipped = (&ratio - 1.0)?.abs()?.gt(clip_epsilon)?.to_dtype(ratio.dtype())?;
        let advantages = &self.estimates.advantages;
        let centred = advantages.broadcast_sub(&advantages.mean_all()?)?;
        let scalars = [
            loss_old.mean_all()?,
            self.loss_new.detach().mean_all()?,
            ratio.mean_all()?,
            ratio.min_all()?,
            ratio.max_all()?,
            clipped.mean_all()?,
            self.values.detach().mean_all()?,
            self.estimates.targets.mean_all()?,
            centred.sqr()?.mean_all()?.sqrt()?,
            self.policy_loss.detach(),
            self.value_loss.detach(),
            self.total.detach(),
        ];
        let diagnostics = Tensor::stack(&scalars, 0)?;
        Ok(StepLoss { policy: self.policy_loss, value: self.value_loss, diagnostics })
    }
}
