//! How a learner is put together: networks, optimiser, backend, and what may be added to them.

use std::sync::Arc;

use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::learner::ema::{Ema, EmaConfig};
use crate::learner::{Hidden, Learner};
use crate::nn::normalizer::Normalizer;
use crate::nn::value_net::ValueNet;
use crate::objective::Objective;
use crate::objective::loss::no_energy;
use crate::objective::mean_ratio::MeanRatio;
use crate::objective::surrogate::Surrogate;
use crate::optimizer::Optimizer;
use crate::optimizer::config::OptimizerConfig;
use crate::policy::Policy;
use crate::reduce::{Alone, Reduce};
use crate::timing::PhaseTimes;

/// The value network's place among the optimiser's variables; the policy has the first.
pub(super) const VALUE: usize = 1;

impl Learner {
    /// Returns a learner whose optimiser moves the parameters of both networks, and whose losses
    /// the fastest possible backend computes.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for an objective with a number out of range
    /// ([`Objective::validate`]), [`Error::Invalid`] for one that weighs an energy which the policy
    /// does not have.
    pub fn new(
        policy: Arc<dyn Policy>,
        value: ValueNet,
        normalizer: Normalizer,
        optimizer: OptimizerConfig,
        objective: Objective,
    ) -> Result<Learner> {
        objective.validate()?;
        let lacks_energy = policy.kernel_form().is_some_and(|form| !form.has_energy());
        if objective.kinetic_weight > 0.0 && lacks_energy {
            return Err(no_energy());
        }
        let vars = vec![policy.params().var().clone(), value.params().var().clone()];
        let optimizer = Optimizer::new(vars, optimizer)?;
        let compute = Compute::best_for(policy.params().var());
        let backend = compute.for_networks(policy.as_ref(), &value)?;
        Ok(Learner {
            policy,
            source_std: None,
            value,
            optimizer,
            ema: None,
            objective,
            has_found_scale: false,
            surrogate: None,
            reduce: Arc::new(Alone),
            compute,
            backend,
            gradient_steps: 0,
            epochs: 0,
            mean_ratio: MeanRatio::default(),
            normalizer,
            times: PhaseTimes::default(),
            last_update: None,
            hidden: Hidden::default(),
        })
    }

    /// Returns the same learner computed by `compute`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] describes both networks' tensors if the kernels cannot take them.
    pub fn with_compute(self, compute: Compute) -> Result<Learner> {
        let backend = compute.for_networks(self.policy.as_ref(), &self.value)?;
        Ok(Learner { compute, backend, ..self })
    }

    /// Returns the same learner with `surrogate` maximised instead of the objective's.
    pub fn with_surrogate(self, surrogate: Arc<dyn Surrogate>) -> Learner {
        Learner { surrogate: Some(surrogate), ..self }
    }

    /// Returns the same learner as one of several participants that share every minibatch.
    pub fn with_reduce(self, reduce: Arc<dyn Reduce>) -> Learner {
        Learner { reduce, ..self }
    }

    /// Returns the same learner, whose policy and critic do not see those numbers of an observation
    /// that are true ([`crate::Sight::hidden`]); an empty vector hides nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a vector of another length than an observation's.
    pub fn with_hidden(self, policy: Vec<bool>, critic: Vec<bool>) -> Result<Learner> {
        let obs_dim = self.policy.obs_dim();
        for hidden in [&policy, &critic] {
            if !hidden.is_empty() && hidden.len() != obs_dim {
                let len = hidden.len();
                return Err(Error::Invalid(format!(
                    "{len} numbers cannot be hidden or seen in observations of {obs_dim}"
                )));
            }
        }
        Ok(Learner { hidden: Hidden { policy, critic }, ..self })
    }

    /// Returns the same learner with averaged weights, which begin as the present ones.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn with_averaged_weights(self, config: EmaConfig) -> Result<Learner> {
        let ema = Ema::new(config, self.policy.params().flat())?;
        Ok(Learner { ema: Some(ema), ..self })
    }

    /// Gives the learner the weights of `policy`, which has the same layout, and the statistics of
    /// its observations. Averaged weights begin with them too. The value network and the optimiser
    /// stay as they are.
    ///
    /// # Errors
    /// [`crate::Error::State`] names a tensor that is missing or does not fit.
    pub fn start_from(&mut self, policy: &dyn Policy, statistics: Normalizer) -> Result<()> {
        let params = policy.params();
        let weights = params.layout().views(params.flat())?;
        let own = self.policy.params();
        own.load(|name| {
            weights.iter().find(|(found, _)| found == name).map(|(_, tensor)| tensor.clone())
        })?;
        if let Some(ema) = &mut self.ema {
            ema.restore(0, &own.flat().detach().copy()?)?;
        }
        self.normalizer = statistics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::flow::config::{FlowConfig, Reduction};
    use crate::flow::frame::ActionFrame;
    use crate::flow::path::Quantity;
    use crate::nn::mlp::Activation;
    use crate::nn::normalizer::NormalizerKind;
    use crate::policy::flow::FlowPolicy;
    use crate::random::Noise;

    #[test]
    fn an_energy_has_a_weight_only_where_the_policy_has_a_frame() {
        let framed = FlowConfig {
            output_mode: Quantity::Velocity,
            loss_reduction: Reduction::Nats,
            frame: ActionFrame::PerState,
            ..FlowConfig::new(2, 1)
        };
        let learner = |flow: FlowConfig| {
            let (noise, device) = (Noise::new(1), Device::Cpu);
            let policy = Arc::new(FlowPolicy::new(flow, &noise, DType::F32, &device).unwrap());
            let value = ValueNet::new(2, &[4], Activation::Silu, &noise, DType::F32, &device);
            let normalizer = Normalizer::new(NormalizerKind::None, 2);
            let objective = Objective { kinetic_weight: 0.1, ..Objective::default() };
            Learner::new(policy, value.unwrap(), normalizer, OptimizerConfig::default(), objective)
        };
        assert!(learner(framed.clone()).is_ok());
        let error = learner(FlowConfig { frame: ActionFrame::Fixed, ..framed }).err().unwrap();
        assert!(error.to_string().contains("kinetic_weight"), "{error}");
    }
}
