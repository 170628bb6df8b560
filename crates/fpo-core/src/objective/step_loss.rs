//! The losses that a gradient step differentiates, and the inputs from which every backend computes
//! them.

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
    /// The surrogate to maximise; `None` for the one that the objective names.
    pub surrogate: Option<&'a dyn Surrogate>,
    /// Weight of the mean ratio, which is maximised besides the surrogate, a scalar
    /// ([`crate::MeanRatio`]); `None` for 0.
    pub ratio_weight: Option<&'a Tensor>,
    /// Statistics of the observations.
    pub normalizer: &'a DeviceNormalizer,
    /// The participants that share the minibatch.
    pub reduce: &'a dyn Reduce,
}

impl LossInputs<'_> {
    /// Returns the quantity to maximise, `(T, B, R)`, from log ratios `(T, B, R)`, their
    /// exponentials, and shaped advantages `(T, B)`.
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

/// The two losses of a minibatch, each differentiable with respect to its own network, and their
/// diagnostics.
pub struct StepLoss {
    /// `−mean surrogate`, for a Gaussian policy minus its entropy bonus, minus the weighted mean
    /// ratio, and plus the weighted energy of a flow in its frame.
    pub policy: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    pub value: Tensor,
    /// The columns of [`crate::StepMetrics`] except the last, the gradient norm.
    pub diagnostics: Tensor,
}
