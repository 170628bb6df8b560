//! What a gradient step's kernels have found, as diagnostics, and as tensors for a policy without
//! kernels.

use candle_core::Tensor;

use crate::backend::fused::Fused;
use crate::backend::fused::advantage::Estimate;
use crate::backend::fused::policy_outcome::PolicyOutcome;
use crate::backend::fused::value_pass::ValueOutcome;
use crate::error::Result;
use crate::objective::Objective;
use crate::objective::diagnostics::StepDiagnostics;
use crate::objective::gae::{Advantages, Truncation};
use crate::objective::loss::ValueTerms;
use crate::rollout::MinibatchTensors;

impl Fused {
    /// Returns the diagnostics of a step with this many losses and ratios.
    pub(super) fn diagnostics(
        &self,
        policy: &PolicyOutcome,
        value: &ValueOutcome,
        [losses, ratios]: [f64; 2],
        value_loss: f64,
    ) -> StepDiagnostics<f64> {
        let n = self.estimates.len() as f64;
        let mean =
            |number: fn(&Estimate) -> f64| self.estimates.iter().map(number).sum::<f64>() / n;
        let advantage_mean = mean(|step| f64::from(step.advantage));
        let squares = |step: &Estimate| (f64::from(step.advantage) - advantage_mean).powi(2);
        let advantage_variance = self.estimates.iter().map(squares).sum::<f64>() / n;
        // Value errors, and the targets they are compared with, count only at steps that have a
        // target.
        let counted = || self.estimates.iter().filter(|step| step.has_target);
        let count = (counted().count() as f64).max(1.0);
        let target_mean = counted().map(|step| f64::from(step.target)).sum::<f64>() / count;
        let target_squares = |step: &Estimate| (f64::from(step.target) - target_mean).powi(2);
        let target_variance = counted().map(target_squares).sum::<f64>() / count;
        let error_variance = value.squares / count - (value.errors / count).powi(2);
        let policy_loss = -policy.surrogate / ratios;
        StepDiagnostics {
            loss_old: policy.loss_old / losses,
            loss_new: policy.loss_new / losses,
            ratio_min: policy.ratio_min,
            ratio_max: policy.ratio_max,
            clip_fraction: policy.clipped / ratios,
            divergence: policy.divergence / ratios,
            effective_sample_size: policy.ratio * policy.ratio / (ratios * policy.ratio_squares),
            ratio_mean: policy.ratio / ratios,
            value_mean: mean(|step| f64::from(step.value)),
            value_target_mean: mean(|step| f64::from(step.target)),
            value_target_variance: target_variance,
            value_error: (value.squares / count).sqrt(),
            explained_variance: 1.0 - error_variance / (target_variance + 1e-12),
            advantage_std: advantage_variance.sqrt(),
            policy_loss,
            value_loss,
            total_loss: policy_loss + value_loss,
        }
    }

    /// Returns the kernels' estimates as tensors `(U, B)`, for a policy without kernels.
    pub(super) fn value_terms(
        &self,
        minibatch: &MinibatchTensors,
        objective: &Objective,
        value_loss: Tensor,
    ) -> Result<ValueTerms> {
        let device = value_loss.device();
        let (steps, sequences) = minibatch.reward.dims2()?;
        let shape = (sequences, steps);
        let column = |number: fn(&Estimate) -> f32| -> Result<Tensor> {
            let values: Vec<f32> = self.estimates.iter().map(number).collect();
            Ok(Tensor::from_vec(values, shape, device)?.t()?.contiguous()?)
        };
        let (values, targets) = (column(|e| e.value)?, column(|e| e.target)?);
        let uncut = (1.0 - &minibatch.truncated)?;
        let counts = match objective.truncation {
            Truncation::Bootstrap => None,
            Truncation::Mask | Truncation::Exclude => Some(uncut.clone()),
        };
        let mut value_error = (&targets - &values)?;
        if let Some(counts) = &counts {
            value_error = (value_error * counts)?;
        }
        let estimates = Advantages { advantages: column(|e| e.advantage)?, targets, uncut };
        Ok(ValueTerms { estimates, values, value_error, counts, value_loss })
    }
}
