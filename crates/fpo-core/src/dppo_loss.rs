//! The loss of DPPO on one minibatch: PPO on the denoising MDP.
//!
//! Every scored Euler step has a ratio of its own, `p_new(x_{k+1} | x_k)/p_old(x_{k+1} | x_k)`,
//! clipped alone; all steps of an action share its advantage.

use crate::actor_critic::assess;
use crate::phase_times::timed;
use crate::{
    CriticConfig, DenoisingMdp, DeviceNormalizer, FlowPolicy, FpoLoss, MinibatchTensors,
    PhaseTimes, Result, ValueNet,
};

/// The constants of DPPO.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DppoConfig {
    /// PPO's ε: ratios count within `[1 − ε, 1 + ε]`.
    pub clip_epsilon: f64,
    /// Noise of the chain and how its steps are scored.
    pub mdp: DenoisingMdp,
    /// Advantages and value loss.
    pub critic: CriticConfig,
}

impl Default for DppoConfig {
    /// The paper's tuned baseline (Table 1): clip 0.2, σ 0.05.
    fn default() -> DppoConfig {
        DppoConfig {
            clip_epsilon: 0.2,
            mdp: DenoisingMdp::default(),
            critic: CriticConfig::default(),
        }
    }
}

/// The loss of `minibatch` in composed operations, differentiable with respect to both networks'
/// parameters; `times` hears what took how long.
///
/// Of the minibatch, `eps (U, B, K + 1, A)` is the stored chain ([`DenoisingMdp::chain`]) and
/// `loss_old (U, B, K)` its stored `−log p_k` ([`DenoisingMdp::negative_log_likelihood`]); `action`
/// and `t` are not read. Ratios and losses of the result are those of the scored steps; among the
/// diagnostics of [`FpoLoss::into_step`], `cfm_loss_new` is then their mean `−log p_k`, and
/// `cfm_loss_old` that of the tensor handed to it.
pub fn dppo_loss(
    policy: &FlowPolicy,
    value: &ValueNet,
    config: &DppoConfig,
    minibatch: &MinibatchTensors,
    normalizer: &DeviceNormalizer,
    times: &mut PhaseTimes,
) -> Result<FpoLoss> {
    let obs = normalizer.normalize(&minibatch.obs)?;
    let critic = assess(value, &config.critic, minibatch, &obs, normalizer, times)?;
    let mdp = &config.mdp;
    timed(&mut times.policy, || {
        let loss_new = mdp.negative_log_likelihood(policy, &obs, &minibatch.eps)?;
        let (loss_old, loss_new) = (mdp.scored(&minibatch.loss_old)?, mdp.scored(&loss_new)?);
        critic.clipped_loss(&loss_old, loss_new, config.clip_epsilon)
    })
}
