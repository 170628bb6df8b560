//! Keeping the mean ratio of an update at 1, below which a CFM ratio sinks by itself.
//!
//! A ratio of likelihoods has mean 1 over the old policy's actions, whatever the new policy is:
//!
//! ```text
//! E_old[p_new(a) / p_old(a)] = ∫ p_new = 1
//! ```
//!
//! A CFM loss need not integrate to anything. It can rise for all actions at once, and it does:
//! raising the losses of bad actions is easier than lowering those of good ones, and the clip
//! bounds both alike. Then the losses leave what they bound, the ratios say less and less about the
//! policy, and learning stands still. So the mean `m` of the ratios is a constraint, and the policy
//! also maximises, without a clip,
//!
//! ```text
//! λ·mean ratio,   λ = c·max(0, 1 − m),   m ← 0.8·m + 0.2·mean ratio
//! ```
//!
//! the gradient of the penalty `c/2·max(0, 1 − m)²`. `m` is 1 when an update begins, and is taken
//! from the gradient steps before, so that it is known before the pass over a minibatch. A mean
//! above 1 is left alone: the noise of the Monte-Carlo estimate raises it, for the exponential is
//! convex.
//!
//! Ratios of likelihoods have mean 1 over new actions, but over those that an update is fitted to
//! theirs sinks too, to 0.99 with PPO. The same constraint then keeps a Gaussian from becoming ever
//! wider.

use candle_core::Tensor;

use crate::error::Result;
use crate::objective::Objective;
use crate::objective::diagnostics::StepMetrics;
use crate::reduce::Reduce;

/// The share of a gradient step in the running mean.
const SHARE: f64 = 0.2;

/// The running mean of the ratios of an update.
#[derive(Clone, Debug, Default)]
pub struct MeanRatio {
    /// By how much it is below 1, a scalar; `None` before the first gradient step, when it is 1.
    shortfall: Option<Tensor>,
}

impl MeanRatio {
    /// Returns a running mean that stands at `mean`, a scalar.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn at(mean: &Tensor) -> Result<MeanRatio> {
        Ok(MeanRatio { shortfall: Some((1.0 - mean)?) })
    }

    /// Returns λ, a scalar, or `None` where it is 0.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn weight(&self, objective: &Objective) -> Result<Option<Tensor>> {
        match &self.shortfall {
            Some(shortfall) if objective.mean_ratio_weight > 0.0 => {
                Ok(Some((shortfall.relu()? * objective.mean_ratio_weight)?))
            }
            _ => Ok(None),
        }
    }

    /// Takes in the ratios of a gradient step, given its row of diagnostics. `reduce` turns their
    /// mean into that of all participants.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn observe(
        &mut self,
        objective: &Objective,
        diagnostics: &Tensor,
        reduce: &dyn Reduce,
    ) -> Result<()> {
        let Some(column) = StepMetrics::column("ratio_mean") else { return Ok(()) };
        if objective.mean_ratio_weight > 0.0 {
            let mean = reduce.mean(diagnostics.get(column)?.detach(), None)?;
            let now = ((1.0 - mean)? * SHARE)?;
            self.shortfall = Some(match &self.shortfall {
                Some(before) => (now + (before * (1.0 - SHARE))?)?,
                None => now,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::reduce::Alone;

    /// λ after gradient steps with these mean ratios, for c = 10.
    fn weight_after(means: &[f64]) -> Option<f64> {
        let objective = Objective { mean_ratio_weight: 10.0, ..Objective::default() };
        let mut mean_ratio = MeanRatio::default();
        for &mean in means {
            let mut row = vec![0.0; StepMetrics::names().count()];
            row[StepMetrics::column("ratio_mean").unwrap()] = mean;
            let row = Tensor::new(row, &Device::Cpu).unwrap();
            mean_ratio.observe(&objective, &row, &Alone).unwrap();
        }
        mean_ratio.weight(&objective).unwrap().map(|weight| weight.to_scalar().unwrap())
    }

    #[test]
    fn the_weight_follows_the_running_mean_and_is_never_negative() {
        assert_eq!(weight_after(&[]), None);
        for (means, expected) in [
            // m = 0.98, then 0.8·0.98 + 0.2·0.95 = 0.974; then 0.8·0.974 + 0.2·2 = 1.1792.
            (&[0.9][..], 0.2),
            (&[0.9, 0.95], 0.26),
            (&[0.9, 0.95, 2.0], 0.0),
        ] {
            let found = weight_after(means).unwrap();
            assert!((found - expected).abs() < 1e-12, "{means:?}: {found}");
        }
    }

    #[test]
    fn without_a_weight_nothing_is_followed() {
        let objective = Objective::default();
        let mut mean_ratio = MeanRatio::default();
        let row = Tensor::zeros(40, candle_core::DType::F64, &Device::Cpu).unwrap();
        mean_ratio.observe(&objective, &row, &Alone).unwrap();
        assert!(mean_ratio.shortfall.is_none());
        let behind = MeanRatio::at(&Tensor::new(0.5, &Device::Cpu).unwrap()).unwrap();
        assert!(behind.weight(&objective).unwrap().is_none());
    }
}
