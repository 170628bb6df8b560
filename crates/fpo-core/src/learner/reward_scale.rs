//! How the scale of rewards follows the returns ([`RewardScaling`] has the equation).

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::learner::Learner;
use crate::learner::setup::VALUE;
use crate::learner::state::{LearnerState, missing};
use crate::objective::diagnostics::StepMetrics;
use crate::objective::reward_scaling::RewardScaling;

/// The tensors' names in a saved state: the scale, and whether it was found (1) or not yet (0).
const NAME: &str = "reward_scale";
const FOUND: &str = "reward_scale_found";

impl Learner {
    /// Returns the present scale of rewards. The values of [`Learner::values`] are in its units.
    pub fn reward_scale(&self) -> f64 {
        self.objective.reward_scale
    }

    /// Lets the scale of rewards follow the value targets of an update on a rollout with these
    /// `rewards`, unless all of them are 0: targets are then what the value network says. The value
    /// network follows the scale, and the optimiser the value network.
    ///
    /// # Errors
    /// If a tensor operation fails, and those of the ranks.
    pub(super) fn follow_returns(&mut self, update: &StepMetrics, rewards: &Tensor) -> Result<()> {
        if self.objective.reward_scaling == RewardScaling::Fixed {
            return Ok(());
        }
        let largest = rewards.abs()?.max_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        if self.mean_of_parts(largest.to_scalar()?)? == 0.0 {
            return Ok(());
        }
        let mean_square = self.mean_of_parts(update.mean_square_of_targets())?;
        let is_first = !self.has_found_scale;
        if let Some(factor) = self.objective.reward_scaling.factor(mean_square, is_first) {
            self.has_found_scale = true;
            self.objective.reward_scale *= factor;
            self.value.scale_by(factor)?;
            self.optimizer.scale_gradients(VALUE, &self.value.gradient_factors(factor)?)?;
        }
        Ok(())
    }

    /// Returns the scale as named tensors of a saved state; none where it is fixed.
    pub(super) fn saved_reward_scale(&self) -> Result<Vec<(String, Tensor)>> {
        if self.objective.reward_scaling == RewardScaling::Fixed {
            return Ok(Vec::new());
        }
        let saved = [(NAME, self.objective.reward_scale), (FOUND, f64::from(self.has_found_scale))];
        let named = |(name, x): (&str, f64)| Ok((name.into(), Tensor::new(&[x], &Device::Cpu)?));
        saved.into_iter().map(named).collect()
    }

    /// Puts the scale of a saved state back, unless it is fixed.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or does not fit.
    pub(super) fn restore_reward_scale(&mut self, state: &LearnerState) -> Result<()> {
        if self.objective.reward_scaling == RewardScaling::Returns {
            self.objective.reward_scale = state.number(NAME)?.ok_or_else(|| missing(NAME))?;
            // States of before the scale waited for a reward found it in their first update.
            let found = state.number(FOUND)?;
            self.has_found_scale = found.map_or(state.counters.gradient_steps > 0, |x| x > 0.0);
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
    use crate::optimizer::adam::Moments;
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

    fn rewards(all: &[f64]) -> Tensor {
        Tensor::new(all, &Device::Cpu).unwrap()
    }

    /// Lets the scale follow the returns of [`update`].
    fn follow(learner: &mut Learner) {
        learner.follow_returns(&update(), &rewards(&[0.0, -1.0])).unwrap();
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
        follow(&mut learner);
        assert_eq!(learner.reward_scale(), 4.0 / 20.0);
        for (before, after) in before.iter().zip(values(&learner)) {
            assert!((before / 20.0 - after).abs() < 1e-15, "{before} {after}");
        }
        follow(&mut learner);
        assert!((learner.reward_scale() - 0.2 * 20f64.powf(-0.1)).abs() < 1e-15);
    }

    /// An untrained network says something else than 0, which must not pass for returns.
    #[test]
    fn the_scale_waits_for_a_reward() {
        let mut learner = learner(RewardScaling::Returns);
        let none = rewards(&[0.0, 0.0]);
        learner.follow_returns(&update(), &none).unwrap();
        assert_eq!(learner.reward_scale(), 4.0);
        follow(&mut learner);
        assert_eq!(learner.reward_scale(), 4.0 / 20.0, "the first reward counts as a whole");
        learner.follow_returns(&update(), &none).unwrap();
        assert_eq!(learner.reward_scale(), 4.0 / 20.0);
    }

    /// Moments that were of one gradient, over and over, are of the gradient in the new units.
    #[test]
    fn moments_of_the_critic_follow_its_units() {
        let mut learner = learner(RewardScaling::Returns);
        let obs = Tensor::new(&[[0.3, -1.0], [2.0, 0.1], [0.0, 0.7]], &Device::Cpu).unwrap();
        let returns = Tensor::new(&[3.0, -1.0, 0.5], &Device::Cpu).unwrap();
        let gradient = |learner: &Learner, scale: f64| {
            let values = learner.value().forward(&obs).unwrap();
            let targets = (&returns * scale).unwrap();
            let loss = (values - targets).unwrap().sqr().unwrap().sum_all().unwrap();
            loss.backward().unwrap().get(learner.value().params().var()).unwrap().clone()
        };
        let first = gradient(&learner, 1.0);
        let of = |first: Tensor| Moments { second: first.sqr().unwrap(), first };
        let policy = of(learner.policy().params().flat().detach());
        let adam = learner.optimizer.adam_mut().unwrap();
        adam.restore(7, vec![policy, of(first)]).unwrap();
        follow(&mut learner);
        let expected = gradient(&learner, 1.0 / 20.0);
        let moments = &learner.optimizer.adam().unwrap().moments()[VALUE];
        for (moment, expected) in
            [(&moments.first, expected.clone()), (&moments.second, expected.sqr().unwrap())]
        {
            let [found, expected] = [moment, &expected].map(|x| x.to_vec1::<f64>().unwrap());
            assert!(expected.iter().any(|x| *x != 0.0));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_fixed_scale_stays() {
        let mut learner = learner(RewardScaling::Fixed);
        let weights = |learner: &Learner| learner.value().params().flat().to_vec1::<f64>().unwrap();
        let before = weights(&learner);
        follow(&mut learner);
        assert_eq!((learner.reward_scale(), weights(&learner)), (4.0, before));
    }

    #[test]
    fn a_saved_scale_comes_back_and_a_missing_one_is_an_error() {
        let mut first = learner(RewardScaling::Returns);
        follow(&mut first);
        let state = LearnerState::capture(&first).unwrap();
        let mut second = learner(RewardScaling::Returns);
        state.restore(&mut second).unwrap();
        assert_eq!(second.reward_scale(), first.reward_scale());
        follow(&mut first);
        follow(&mut second);
        assert_eq!(second.reward_scale(), first.reward_scale(), "it is known to be found");
        let state = LearnerState::capture(&learner(RewardScaling::Fixed)).unwrap();
        let error = state.restore(&mut second).unwrap_err().to_string();
        assert!(error.contains("`reward_scale` is missing"), "{error}");
    }
}
