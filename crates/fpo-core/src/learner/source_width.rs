//! How the width of the noise that a flow's actions start from is set in the course of a run.

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::learner::Learner;
use crate::learner::state::LearnerState;

/// The tensor's name in a saved state.
const NAME: &str = "source_std";

impl Learner {
    /// Sets the standard deviation of the noise that a flow's actions start from
    /// ([`crate::FlowConfig::source_std`]): for actions and losses, and for the policy that is
    /// evaluated and exported. A width that is learned is in units of it.
    ///
    /// Losses that were stored before are of another policy, so it is to be set before a rollout.
    ///
    /// # Errors
    /// Those of [`crate::Policy::with_source_std`].
    pub fn set_source_std(&mut self, std: f64) -> Result<()> {
        self.policy = self.policy.with_source_std(std)?;
        self.source_std = Some(std);
        Ok(())
    }

    /// Returns the width as a named tensor of a saved state, if it was set.
    pub(super) fn saved_source_std(&self) -> Result<Option<(String, Tensor)>> {
        let Some(std) = self.source_std else { return Ok(None) };
        Ok(Some((NAME.into(), Tensor::new(&[std], &Device::Cpu)?)))
    }

    /// Sets the width that a saved state has, if it has one.
    ///
    /// # Errors
    /// [`crate::Error::State`] if it does not fit, and those of [`Learner::set_source_std`].
    pub(super) fn restore_source_std(&mut self, state: &LearnerState) -> Result<()> {
        match state.source_std()? {
            Some(std) => self.set_source_std(std),
            None => Ok(()),
        }
    }
}

impl LearnerState {
    /// Returns the width that was set, if one was.
    pub(super) fn source_std(&self) -> Result<Option<f64>> {
        self.number(NAME)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::DType;

    use super::*;
    use crate::backend::choice::Compute;
    use crate::flow::config::{FlowConfig, Reduction};
    use crate::flow::denoising::DenoisingMdp;
    use crate::flow::frame::ActionFrame;
    use crate::flow::path::Quantity;
    use crate::flow::source::SourceWidth;
    use crate::nn::mlp::Activation;
    use crate::nn::normalizer::{Normalizer, NormalizerKind};
    use crate::nn::value_net::ValueNet;
    use crate::objective::Objective;
    use crate::optimizer::config::OptimizerConfig;
    use crate::policy::Policy;
    use crate::policy::chain::ChainPolicy;
    use crate::policy::flow::FlowPolicy;
    use crate::policy::gaussian::GaussianPolicy;
    use crate::policy::gaussian_config::GaussianConfig;
    use crate::random::Noise;
    use crate::rollout::Transitions;

    fn learner(policy: Arc<dyn Policy>) -> Learner {
        let (noise, device) = (Noise::new(2), Device::Cpu);
        let value = ValueNet::new(3, &[4], Activation::Silu, &noise, DType::F32, &device);
        let (normalizer, objective) =
            (Normalizer::new(NormalizerKind::None, 3), Objective::default());
        let optimizer = OptimizerConfig::default();
        Learner::new(policy, value.unwrap(), normalizer, optimizer, objective).unwrap()
    }

    fn flow(config: &FlowConfig) -> FlowPolicy {
        FlowPolicy::new(config.clone(), &Noise::new(1), DType::F32, &Device::Cpu).unwrap()
    }

    /// Every kind of flow whose width can be set.
    fn flows() -> [FlowConfig; 3] {
        let plain = FlowConfig { output_scale: 1.0, source_std: 0.8, ..FlowConfig::new(3, 2) };
        let nats = FlowConfig {
            output_mode: Quantity::Velocity,
            loss_reduction: Reduction::Nats,
            ..plain.clone()
        };
        let learned = FlowConfig { source_width: SourceWidth::Learned, ..nats.clone() };
        [plain, learned, FlowConfig { frame: ActionFrame::PerState, ..nats }]
    }

    fn draws(rows: usize, columns: usize, seed: f64) -> Tensor {
        let number = |k: usize| ((k as f64 + seed) * 1.7).sin() as f32;
        let numbers: Vec<f32> = (0..rows * columns).map(number).collect();
        Tensor::from_vec(numbers, (rows, columns), &Device::Cpu).unwrap()
    }

    fn actions(learner: &Learner) -> Vec<f32> {
        let noise = draws(5, learner.policy().noise_len(), 9.0);
        let acted = learner.act(&draws(5, 3, 1.0), &noise).unwrap();
        acted.action.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Returns the losses that the learner stores with a rollout.
    fn losses(learner: &mut Learner) -> Vec<f32> {
        let shaped = |columns, seed| draws(5, columns, seed).unsqueeze(0).unwrap();
        let zeros = Tensor::zeros((1, 5), DType::F32, &Device::Cpu).unwrap();
        let rollout = Transitions {
            obs: shaped(3, 1.0),
            bootstrap_obs: shaped(3, 1.0),
            action: shaped(2, 2.0),
            reward: zeros.clone(),
            terminated: zeros.clone(),
            truncated: zeros.clone(),
            cut_value: zeros,
            stored: shaped(2, 3.0).unsqueeze(2).unwrap(),
            t: Tensor::full(0.4f32, (1, 5, 1, 1), &Device::Cpu).unwrap(),
            loss_old: (),
        };
        let losses = learner.stored_losses(&rollout, 1).unwrap();
        losses.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_width_that_was_set_is_that_of_a_policy_made_with_it() {
        for config in flows() {
            let wide = flow(&config);
            let narrow = FlowConfig { source_std: 0.3, ..config };
            for compute in [Compute::best(&Device::Cpu, DType::F32), Compute::Composed] {
                let mut set = learner(Arc::new(wide.clone())).with_compute(compute).unwrap();
                // What the kernels keep from step to step was made for the width from before.
                let before = (actions(&set), losses(&mut set));
                set.set_source_std(0.3).unwrap();
                let mut made = learner(Arc::new(flow(&narrow))).with_compute(compute).unwrap();
                let after = (actions(&set), losses(&mut set));
                assert_eq!(after, (actions(&made), losses(&mut made)), "{narrow:?}");
                assert_ne!(after.0, before.0, "{narrow:?}");
                let in_nats = narrow.loss_reduction == Reduction::Nats;
                assert_eq!(after.1 != before.1, in_nats, "{narrow:?}");
                let description = |learner: &Learner| learner.deployed().unwrap().description();
                assert_eq!(description(&set).unwrap(), description(&made).unwrap());
                // The optimiser still moves the weights of the policy that acts.
                let var = set.policy().params().var();
                assert!(var.as_tensor().id() == wide.params().var().as_tensor().id());
            }
        }
    }

    #[test]
    fn a_chain_starts_from_the_width_that_was_set() {
        let chain = |config: &FlowConfig| {
            let chain = ChainPolicy::new(flow(config), DenoisingMdp::default()).unwrap();
            learner(Arc::new(chain))
        };
        let [config, ..] = flows();
        let mut set = chain(&config);
        set.set_source_std(0.3).unwrap();
        let made = chain(&FlowConfig { source_std: 0.3, ..config });
        assert_eq!(actions(&set), actions(&made));
    }

    #[test]
    fn a_saved_width_comes_back_and_is_in_the_policy_of_the_state() {
        let [config, ..] = flows();
        let mut first = learner(Arc::new(flow(&config)));
        first.set_source_std(0.25).unwrap();
        let state = LearnerState::capture(&first).unwrap();
        let mut second = learner(Arc::new(flow(&config)));
        let before = actions(&second);
        state.restore(&mut second).unwrap();
        assert_eq!(actions(&second), actions(&first));
        assert_ne!(actions(&second), before);
        let (policy, _) = state.policy(&flow(&config)).unwrap();
        assert_eq!(policy.description().unwrap()["source_std"], 0.25);
    }

    #[test]
    fn a_width_out_of_range_and_a_policy_without_one_are_errors() {
        let [config, ..] = flows();
        let mut wide = learner(Arc::new(flow(&config)));
        let error = wide.set_source_std(0.0).unwrap_err().to_string();
        assert!(error.contains("source_std is 0") && error.contains("1e-6"), "{error}");
        let (noise, device) = (Noise::new(1), Device::Cpu);
        let normal = GaussianPolicy::new(GaussianConfig::new(3, 2), &noise, DType::F32, &device);
        let error = learner(Arc::new(normal.unwrap())).set_source_std(1.0).unwrap_err().to_string();
        assert!(error.contains("no `source_std` that can be set"), "{error}");
    }
}
