//! What the losses of the PPO family share: advantages, value loss, clipped objective.
//!
//! ```text
//! log ratio = L_old − L_new,   L = −log p for policies that have a likelihood
//! loss      = −mean min(r·A, clip(r, 1−ε, 1+ε)·A) + c·mean (R − V)²
//! ```
//!
//! FPO's CFM loss stands for a negative log-likelihood, so a baseline with a real one differs in
//! what `L` is, and in nothing else.

use candle_core::Tensor;

use crate::gae::{self, Advantages, Trajectory};
use crate::objective::{log_ratio, normalize_advantages, ppo_clip};
use crate::phase_times::timed;
use crate::{
    AdvantageKind, AdvantageNormalization, DeviceNormalizer, FpoConfig, FpoLoss, MinibatchTensors,
    PhaseTimes, RatioKind, Result, ValueNet,
};

/// The constants of advantages and value loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticConfig {
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

impl From<&FpoConfig> for CriticConfig {
    fn from(config: &FpoConfig) -> CriticConfig {
        CriticConfig {
            gamma: config.gamma,
            gae_lambda: config.gae_lambda,
            advantage: config.advantage,
            reward_scale: config.reward_scale,
            value_coefficient: config.value_coefficient,
            normalize_advantages: config.normalize_advantages,
        }
    }
}

impl Default for CriticConfig {
    /// FPO's own.
    fn default() -> CriticConfig {
        CriticConfig::from(&FpoConfig::default())
    }
}

/// What the value network makes of a minibatch.
pub(crate) struct Assessment {
    /// Advantages before normalisation, and value targets, `(U, B)`.
    estimates: Advantages,
    /// Advantages as the objective uses them, `(U, B)`.
    advantages: Tensor,
    /// Values `(U, B)`.
    values: Tensor,
    /// `R − V`, zero on truncated steps, `(U, B)`.
    value_error: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    value_loss: Tensor,
}

/// Advantages and value loss of a minibatch whose normalised observations are `obs`.
pub(crate) fn assess(
    value: &ValueNet,
    config: &CriticConfig,
    minibatch: &MinibatchTensors,
    obs: &Tensor,
    normalizer: &DeviceNormalizer,
    times: &mut PhaseTimes,
) -> Result<Assessment> {
    let (values, bootstrap) = timed(&mut times.value, || -> Result<_> {
        let bootstrap = normalizer.normalize(&minibatch.bootstrap_obs)?;
        Ok((value.forward(obs)?, value.forward(&bootstrap)?))
    })?;
    let (estimates, advantages) = timed(&mut times.gae, || -> Result<_> {
        let trajectory = Trajectory {
            rewards: &(&minibatch.reward * config.reward_scale)?,
            discounts: &((1.0 - &minibatch.terminated)? * config.gamma)?,
            truncated: &minibatch.truncated,
            values: &values,
            bootstrap: &bootstrap,
        };
        let estimates = gae::estimate(&trajectory, config.gae_lambda, config.advantage)?;
        let advantages = normalize_advantages(&estimates.advantages, config.normalize_advantages)?;
        Ok((estimates, advantages))
    })?;
    let (value_error, value_loss) = timed(&mut times.value, || -> Result<_> {
        let mask = (1.0 - &minibatch.truncated)?;
        let error = ((&estimates.targets - &values)? * mask)?;
        let loss = (error.sqr()?.mean_all()? * config.value_coefficient)?;
        Ok((error, loss))
    })?;
    Ok(Assessment { estimates, advantages, values, value_error, value_loss })
}

impl Assessment {
    /// The clipped loss of ratios `exp(loss_old − loss_new)`, all `(U, B, R)`.
    pub(crate) fn clipped_loss(
        self,
        loss_old: &Tensor,
        loss_new: Tensor,
        clip_epsilon: f64,
    ) -> Result<FpoLoss> {
        let ratio = log_ratio(loss_old, &loss_new, RatioKind::PerSample, None)?.exp()?;
        let surrogate = ppo_clip(&ratio, &self.advantages, clip_epsilon)?;
        let policy_loss = surrogate.value.mean_all()?.neg()?;
        Ok(FpoLoss {
            total: (&policy_loss + &self.value_loss)?,
            policy_loss,
            value_loss: self.value_loss,
            ratio,
            surrogates: (surrogate.unclipped, surrogate.clipped),
            estimates: self.estimates,
            values: self.values,
            value_error: self.value_error,
            loss_new,
        })
    }
}
