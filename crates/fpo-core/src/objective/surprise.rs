//! The entropy bonus of a policy whose likelihood is known only by its losses: it goes through the
//! advantages.
//!
//! With losses in nats ([`crate::Reduction::Nats`]) the stored loss of an action is its negative
//! log-likelihood before squashing, but for a constant. So the policy gradient of
//!
//! ```text
//! A′ = A + c·(S − mean S),   S = L_old + Σ_i ln(1 − tanh² a_i)
//! ```
//!
//! contains c times that of the entropy of squashed actions, `∇H = E[−log p · ∇ log p]`. `A` are
//! advantages as they are after normalisation. The second term is what keeps actions from where
//! `tanh` is flat: there a loss means nothing to the environment, but rises with the square of the
//! action.

use candle_core::{D, Tensor};

use crate::error::Result;
use crate::flow::config::Squash;
use crate::objective::Objective;
use crate::policy::PolicySpec;
use crate::policy::squashed_normal::log_slope;
use crate::reduce::Reduce;
use crate::rollout::stored::Source;

impl Objective {
    /// Returns whether an entropy bonus goes through the advantages of this policy.
    pub(crate) fn rewards_surprise(&self, spec: &PolicySpec) -> bool {
        self.entropy_coefficient > 0.0 && spec.source == Source::NoiseAndTime
    }

    /// Returns shaped advantages `(U, B)` with the bonus, for actions `(U, B, A)` with the stored
    /// losses `(U, B, N)`. Steps at which `counts (U, B)` is 0 have no part in it.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn with_surprise(
        &self,
        advantages: &Tensor,
        (action, loss_old): (&Tensor, &Tensor),
        squash: Squash,
        counts: Option<&Tensor>,
        reduce: &dyn Reduce,
    ) -> Result<Tensor> {
        let surprise = (loss_old.mean(2)? + log_slope(squash, action)?.sum(D::Minus1)?)?;
        let mean = match counts {
            None => reduce.mean(surprise.mean_all()?, None)?,
            Some(counts) => {
                let count = counts.sum_all()?;
                let sum = (&surprise * counts)?.sum_all()?;
                reduce.mean((sum / count.maximum(1.0)?)?, Some(&count))?
            }
        };
        let mut bonus = (surprise.broadcast_sub(&mean)? * self.entropy_coefficient)?;
        if let Some(counts) = counts {
            bonus = (bonus * counts)?;
        }
        Ok((advantages + bonus)?)
    }
}
