//! How the scale of rewards follows the returns ([`RewardScaling`] has the equation).

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::learner::state::LearnerState;
use crate::objective::diagnostics::StepMetrics;
use crate::objective::reward_scaling::RewardScaling;

/// The tensor's name in a saved state.
const NAME: &str = "reward_scale";

impl Learner {
    /// Returns the present scale of rewards. The values of [`Learner::values`] are in its units.
    pub fn reward_scale(&self) -> f64 {
        self.objective.reward_scale
    }

    /// Lets the scale of rewards follow the value targets of an update, and the value network the
    /// scale.
    ///
    /// # Errors
    /// If a tensor operation fails, and those of the ranks.
    pub(super) fn follow_returns(&mut self, update: &StepMetrics, is_first: bool) -> Result<()> {
        if self.objective.reward_scaling == RewardScaling::Fixed {
            return Ok(());
        }
        let local = Tensor::new(update.mean_square_of_targets(), &Device::Cpu)?;
        let mean_square = self.reduce.mean(local, None)?.to_scalar()?;
        if let Some(factor) = self.objective.reward_scaling.factor(mean_square, is_first) {
            self.objective.reward_scale *= factor;
            self.value.scale_by(factor)?;
        }
        Ok(())
    }

    /// Returns the scale as a named tensor of a saved state, unless it is fixed.
    pub(super) fn saved_reward_scale(&self) -> Result<Option<(String, Tensor)>> {
        Ok(match self.objective.reward_scaling {
            RewardScaling::Fixed => None,
            RewardScaling::Returns => {
                let scale = Tensor::new(&[self.objective.reward_scale], &Device::Cpu)?;
                Some((NAME.into(), scale))
            }
        })
    }

    /// Puts the scale of a saved state back, unless it is fixed.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or does not fit.
    pub(super) fn restore_reward_scale(&mut self, state: &LearnerState) -> Result<()> {
        if self.objective.reward_scaling == RewardScaling::Returns {
            let missing = || Error::State(format!("tensor `{NAME}` is missing"));
            self.objective.reward_scale = state.number(NAME)?.ok_or_else(missing)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::DType;

    use super::*;
    use crate::nn::mlp::Activation;
    use crate::nn::normalizer::{Normalizer, NormalizerKind};
    use crate::nn::value_net::ValueNet;
    use crate::objective::Objective;
    use crate::optimizer::config::OptimizerConfig;
    use crate::policy::gaussian::GaussianPolicy;
    use crate::policy::gaussian_config::GaussianConfig;
    use crate::random::Noise;

    fn learner(reward_scaling: RewardScaling) -> Learner {
        let (noise, device) = (Noise::new(1), Device::Cpu);
        let config = GaussianConfig::new(2, 1);
        let policy = GaussianPolicy::new(config, &noise, DType::F64, &device).unwrap();
        let value =
            ValueNet::new(2, &[8, 8], Activation::Silu, &noise, DType::F64, &device).unwrap();
        let objective = Objective { reward_scale: 4.0, reward_scaling, ..Objective::default() };
        let normalizer = Normalizer::new(NormalizerKind::None, 2);
        let policy = Arc::new(policy);
        Learner::new(policy, value, normalizer, OptimizerConfig::default(), objective).unwrap()
    }

    /// The diagnostics of two gradient steps whose value targets have the mean square 400: the mean
    /// and the variance are 16 and 144, then 12 and 256.
    fn update() -> StepMetrics {
        let row = |mean: f32, variance: f32| {
            let number = |name| match name {
                "value_target_mean" => mean,
                "value_target_variance" => variance,
                _ => 9.0,
            };
            StepMetrics::names().map(number).collect()
        };
        StepMetrics { rows: vec![row(16.0, 144.0), row(12.0, 256.0)] }
    }

    #[test]
    fn values_in_units_of_reward_stay_what_they_were() {
        let obs = Tensor::new(&[[0.3, -1.0], [2.0, 0.1]], &Device::Cpu).unwrap();
        let values = |learner: &Learner| learner.values(&obs).unwrap().to_vec1::<f64>().unwrap();
        let mut learner = learner(RewardScaling::Returns);
        let bias = learner.value().params().layout().len() - 1;
        let moved: Vec<f64> = (0..=bias).map(|k| 0.1 * (k as f64).sin() + 0.2).collect();
        let moved = Tensor::new(moved, &Device::Cpu).unwrap();
        learner.value().params().var().set(&moved).unwrap();
        let before = values(&learner);
        learner.follow_returns(&update(), true).unwrap();
        assert_eq!(learner.reward_scale(), 4.0 / 20.0);
        for (before, after) in before.iter().zip(values(&learner)) {
            assert!((before / 20.0 - after).abs() < 1e-15, "{before} {after}");
        }
        learner.follow_returns(&update(), false).unwrap();
        assert!((learner.reward_scale() - 0.2 * 20f64.powf(-0.1)).abs() < 1e-15);
    }

    #[test]
    fn a_fixed_scale_stays() {
        let mut learner = learner(RewardScaling::Fixed);
        let weights = |learner: &Learner| learner.value().params().flat().to_vec1::<f64>().unwrap();
        let before = weights(&learner);
        learner.follow_returns(&update(), true).unwrap();
        assert_eq!((learner.reward_scale(), weights(&learner)), (4.0, before));
    }

    #[test]
    fn a_saved_scale_comes_back_and_a_missing_one_is_an_error() {
        let mut first = learner(RewardScaling::Returns);
        first.follow_returns(&update(), false).unwrap();
        let state = LearnerState::capture(&first).unwrap();
        let mut second = learner(RewardScaling::Returns);
        state.restore(&mut second).unwrap();
        assert_eq!(second.reward_scale(), first.reward_scale());
        let state = LearnerState::capture(&learner(RewardScaling::Fixed)).unwrap();
        let error = state.restore(&mut second).unwrap_err().to_string();
        assert!(error.contains("`reward_scale` is missing"), "{error}");
    }
}
