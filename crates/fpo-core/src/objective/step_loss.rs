//! What a gradient step differentiates, whoever computed it.

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::normalizer::DeviceNormalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::surrogate::Surrogate;
use crate::policy::Policy;
use crate::reduce::Reduce;

/// All that the loss of a minibatch depends on besides the minibatch.
#[derive(Clone, Copy)]
pub struct LossInputs<'a> {
    /// The policy.
    pub policy: &'a dyn Policy,
    /// The value network.
    pub value: &'a ValueNet,
    /// The constants of the objective.
    pub objective: &'a Objective,
    /// What is maximised instead of the objective's named surrogate, if anything.
    pub surrogate: Option<&'a dyn Surrogate>,
    /// Statistics of the observations.
    pub normalizer: &'a DeviceNormalizer,
    /// Who else has a part of the minibatch.
    pub reduce: &'a dyn Reduce,
}

impl LossInputs<'_> {
    /// What is maximised, `(T, B, R)`, of log ratios `(T, B, R)`, their exponentials, and shaped
    /// advantages `(T, B)`.
    pub(crate) fn surrogate(
        &self,
        log_ratio: &Tensor,
        ratio: &Tensor,
        advantages: &Tensor,
    ) -> Result<Tensor> {
        let Objective { surrogate, clip_epsilon, .. } = *self.objective;
        match self.surrogate {
            Some(own) => own.evaluate(log_ratio, advantages),
            None => surrogate.evaluate(ratio, advantages, clip_epsilon),
        }
    }
}

/// The two losses of a minibatch, each differentiable with respect to its own network, and what is
/// reported of them.
pub struct StepLoss {
    /// `−mean surrogate`, for a Gaussian policy less its entropy bonus.
    pub policy: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    pub value: Tensor,
    /// The columns of [`crate::StepMetrics`] but the last, the gradient norm.
    pub diagnostics: Tensor,
}
