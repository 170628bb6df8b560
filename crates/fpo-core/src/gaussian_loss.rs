//! The loss of Gaussian PPO on one minibatch: clipped objective, value loss, entropy bonus.
//!
//! ```text
//! ratio = p_new(a)/p_old(a),   loss = −mean surrogate − c_H·mean H + c_V·mean (R − V)²
//! ```

use candle_core::Tensor;

use crate::actor_critic::assess;
use crate::phase_times::timed;
use crate::{
    CriticConfig, DeviceNormalizer, FpoLoss, GaussianPolicy, MinibatchTensors, PhaseTimes, Result,
    SquashedNormal, StepLoss, ValueNet,
};

/// The constants of Gaussian PPO.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianPpoConfig {
    /// PPO's ε: ratios count within `[1 − ε, 1 + ε]`.
    pub clip_epsilon: f64,
    /// Weight of the entropy bonus, at least 0.
    pub entropy_coefficient: f64,
    /// Advantages and value loss.
    pub critic: CriticConfig,
}

impl Default for GaussianPpoConfig {
    /// The paper's tuned baseline (Tables 1 and A.2): clip 0.1, entropy 0.01; its learning rate is
    /// 3e-4. The Playground's own defaults are clip 0.3 and learning rate 1e-3.
    fn default() -> GaussianPpoConfig {
        GaussianPpoConfig {
            clip_epsilon: 0.1,
            entropy_coefficient: 0.01,
            critic: CriticConfig::default(),
        }
    }
}

/// The loss of one minibatch and what went into it.
pub struct GaussianLoss {
    /// Clipped objective and value loss; its `total` includes the entropy bonus, and its losses
    /// `(U, B, 1)` are negative log-likelihoods.
    pub objective: FpoLoss,
    /// Mean entropy in nats.
    pub entropy: Tensor,
    /// `−entropy_coefficient · entropy`.
    pub entropy_loss: Tensor,
}

/// The loss of `minibatch` in composed operations, differentiable with respect to both networks'
/// parameters; `times` hears what took how long.
///
/// Of the minibatch, `loss_old (U, B, 1)` is the stored `−log p` of the actions
/// ([`GaussianPolicy::negative_log_likelihood`]) and `eps (U, B, N, A)` are unit normals for N
/// draws of the entropy estimate; `t` is not read.
pub fn gaussian_loss(
    policy: &GaussianPolicy,
    value: &ValueNet,
    config: &GaussianPpoConfig,
    minibatch: &MinibatchTensors,
    normalizer: &DeviceNormalizer,
    times: &mut PhaseTimes,
) -> Result<GaussianLoss> {
    let obs = normalizer.normalize(&minibatch.obs)?;
    let critic = assess(value, &config.critic, minibatch, &obs, normalizer, times)?;
    timed(&mut times.policy, || {
        let distribution = policy.distribution(&obs)?;
        let loss_new = distribution.log_prob_unsquashed(&minibatch.action)?;
        let loss_new = loss_new.neg()?.unsqueeze(2)?;
        let entropy = mean_entropy(&distribution, &minibatch.eps)?;
        let entropy_loss = (&entropy * -config.entropy_coefficient)?;
        let mut objective =
            critic.clipped_loss(&minibatch.loss_old, loss_new, config.clip_epsilon)?;
        objective.total = (&objective.total + &entropy_loss)?;
        Ok(GaussianLoss { objective, entropy, entropy_loss })
    })
}

/// The mean entropy of `(U, B, A)` distributions over draws from `noise (U, B, N, A)`.
fn mean_entropy(distribution: &SquashedNormal, noise: &Tensor) -> Result<Tensor> {
    let over_draws = |x: &Tensor| x.unsqueeze(2)?.broadcast_as(noise.shape());
    let distribution = SquashedNormal {
        mean: over_draws(&distribution.mean)?,
        std: over_draws(&distribution.std)?,
        squash: distribution.squash,
    };
    Ok(distribution.entropy(noise)?.mean_all()?)
}

impl GaussianLoss {
    /// The two losses with a row of diagnostics, still on the device. The policy's loss includes
    /// the entropy bonus. Of the columns, `cfm_loss_old` and `cfm_loss_new` hold mean negative
    /// log-likelihoods, `policy_loss` is without and `total_loss` with the bonus; all others mean
    /// what they mean for FPO.
    pub fn into_step(self, loss_old: &Tensor, clip_epsilon: f64) -> Result<StepLoss> {
        let step = self.objective.into_step(loss_old, clip_epsilon)?;
        Ok(StepLoss { policy: (step.policy + self.entropy_loss)?, ..step })
    }
}
