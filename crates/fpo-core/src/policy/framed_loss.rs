//! The loss of a flow that acts in a learned frame, and its energy, which Candle differentiates:
//! the frame moves the flow's inputs too ([`crate::ActionFrame`] has the formulas).

use candle_core::Tensor;

use crate::error::Result;
use crate::policy::flow::FlowPolicy;
use crate::policy::learned_frame::LearnedFrame;

/// What a flow in a frame says of actions that were taken.
pub(super) struct Framed {
    /// L, `(T, B, N)`.
    pub(super) losses: Tensor,
    /// The mean of `½‖v‖²`, a scalar.
    pub(super) energy: Tensor,
}

impl FlowPolicy {
    /// Returns losses and energy, for what [`FlowPolicy::cfm_loss`] takes.
    pub(super) fn framed(
        &self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
    ) -> Result<Framed> {
        let (steps, batch, samples, action_dim) = eps.dims4()?;
        let rows = steps * batch;
        let eps = eps.reshape((rows, samples, action_dim))?;
        let t = t.reshape((rows, samples, 1))?;
        let obs = obs.reshape((rows, self.config.obs_dim))?;
        let frame = LearnedFrame::new(&self.config, &self.params, &obs)?;
        let taken = frame.enter(&action.reshape((rows, action_dim))?)?.unsqueeze(1)?;

        let (x_t, target, weight) = self.config.parametrization().regress(&taken, &eps, &t)?;
        let inputs = self.flow_inputs(&x_t, &t)?;
        let (flat, scale) = (self.params.flat(), self.config.output_scale);
        let velocity = self.mlp.forward_rows(flat, &obs, Some(&inputs), scale)?;
        let velocity = velocity.reshape((rows, samples, action_dim))?;

        let weighted = |x: Tensor| match &weight {
            Some(weight) => x.broadcast_mul(weight),
            None => Ok(x),
        };
        let squares = weighted((&velocity - target)?)?.sqr()? - weighted(eps)?.sqr()?;
        let losses = (squares?.sum(2)? * self.config.loss_factor())?;
        let losses = losses.broadcast_add(&frame.log_std.sum(1)?.unsqueeze(1)?)?;
        let count = (rows * samples) as f64;
        Ok(Framed {
            losses: losses.reshape((steps, batch, samples))?,
            energy: (velocity.sqr()?.sum_all()? * (0.5 / count))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::flow::config::{FlowConfig, Reduction};
    use crate::flow::denoising::DenoisingMdp;
    use crate::flow::frame::ActionFrame;
    use crate::flow::path::Quantity;
    use crate::flow::sampler::{Method, Sampler};
    use crate::policy::Policy;
    use crate::policy::chain::ChainPolicy;
    use crate::random::{Noise, Purpose};

    const DIM: usize = 3;
    const OBS: usize = 2;

    fn drawn(index: u64, purpose: Purpose, shape: &[usize]) -> Tensor {
        let drawn = Noise::new(2).normal_tensor(purpose, index, shape, &Device::Cpu).unwrap();
        drawn.to_dtype(DType::F64).unwrap()
    }

    /// A flow in frames whose parameters are normals, those of its velocity times `bend`.
    fn policy(measure: Quantity, bend: f64, index: u64) -> FlowPolicy {
        let config = FlowConfig {
            hidden: vec![5, 4],
            output_mode: measure,
            loss_reduction: Reduction::Nats,
            source_std: 0.8,
            frame: ActionFrame::PerState,
            ..FlowConfig::new(OBS, DIM)
        };
        let policy = FlowPolicy::new(config, &Noise::new(1), DType::F64, &Device::Cpu).unwrap();
        let (len, own) = (policy.params().layout().len(), policy.mlp.parameters());
        let drawn = (drawn(index, Purpose::PolicyInit, &[len]) * 0.5).unwrap();
        let velocity = (drawn.narrow(0, 0, own).unwrap() * bend).unwrap();
        let frame = drawn.narrow(0, own, len - own).unwrap();
        policy.params().var().set(&Tensor::cat(&[velocity, frame], 0).unwrap()).unwrap();
        policy
    }

    /// Observations, taken actions, and pairs of opposite noises with their times.
    fn taken(pairs: usize) -> [Tensor; 4] {
        let eps = drawn(0, Purpose::LossNoise, &[1, 4, pairs, DIM]);
        let t = (drawn(0, Purpose::LossTime, &[1, 4, pairs, 1]).tanh().unwrap() * 0.5).unwrap();
        let t = (t + 0.5).unwrap();
        [
            drawn(0, Purpose::Probe, &[1, 4, OBS]),
            drawn(0, Purpose::Action, &[1, 4, DIM]),
            Tensor::cat(&[&eps, &eps.neg().unwrap()], 2).unwrap(),
            Tensor::cat(&[&t, &t], 2).unwrap(),
        ]
    }

    /// Without a velocity the mean loss over couples is the negative log-likelihood of a Gaussian
    /// but for a constant, `A/2·ln 2π`, with any noise and at any times.
    #[test]
    fn a_flow_that_bends_nothing_is_a_gaussian_policy() {
        let policy = policy(Quantity::Velocity, 0.0, 0);
        let [obs, action, eps, t] = taken(3);
        let losses = policy.cfm_loss(&obs, &action, &eps, &t).unwrap();
        let losses = losses.mean(2).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();

        // What the policy does at −1, 0 and 1 tells its mean and its standard deviation.
        let at = |z: f64| {
            let z = Tensor::full(z, (4, DIM), &Device::Cpu).unwrap();
            let action = policy.act(&obs.squeeze(0).unwrap(), &z).unwrap().action;
            action.to_vec2::<f64>().unwrap()
        };
        let (low, middle, high) = (at(-1.0), at(0.0), at(1.0));
        let action = action.squeeze(0).unwrap().to_vec2::<f64>().unwrap();
        assert!((middle[0][0] - middle[1][0]).abs() > 1e-3, "centres differ: {middle:?}");
        for (k, loss) in losses.into_iter().enumerate() {
            let expected: f64 = (0..DIM)
                .map(|i| {
                    let std = 0.5 * (high[k][i] - low[k][i]);
                    0.5 * ((action[k][i] - middle[k][i]) / std).powi(2) + std.ln()
                })
                .sum();
            assert!((loss - expected).abs() < 1e-12, "{loss} for {expected}");
        }
    }

    /// Losses and energy, against central differences in every weight.
    #[test]
    fn losses_and_energy_have_the_derivatives_of_all_weights() {
        for measure in [Quantity::Velocity, Quantity::Noise] {
            let policy = policy(measure, 1.0, 1);
            let [obs, action, eps, t] = taken(3);
            let weights = drawn(0, Purpose::Shuffle, &[1, 4, 6]);
            let total = |params: &Tensor| {
                policy.params().var().set(params).unwrap();
                let Framed { losses, energy } = policy.framed(&obs, &action, &eps, &t).unwrap();
                let losses = (losses * &weights).unwrap().sum_all().unwrap();
                (losses + (energy * 0.7).unwrap()).unwrap()
            };
            let params = policy.params().flat().copy().unwrap();
            let len = params.elem_count();
            let gradients = total(&params).backward().unwrap();
            let gradient = gradients.get(policy.params().var()).unwrap().to_vec1::<f64>().unwrap();
            for k in 0..len {
                let mut unit = vec![0.0; len];
                unit[k] = 1e-5;
                let unit = Tensor::from_vec(unit, len, &Device::Cpu).unwrap();
                let at = |params: Tensor| total(&params).to_scalar::<f64>().unwrap();
                let numeric =
                    (at((&params + &unit).unwrap()) - at((&params - &unit).unwrap())) / 2e-5;
                let allowed = 1e-6 * (1.0 + numeric.abs());
                assert!((gradient[k] - numeric).abs() < allowed, "{measure:?} {k}: {numeric}");
            }
        }
    }

    /// What a sampler yields, against central differences in every weight.
    #[test]
    fn gradients_flow_through_the_steps_of_a_sampler() {
        let policy = policy(Quantity::Velocity, 1.0, 4);
        let (obs, unit) =
            (drawn(2, Purpose::Probe, &[4, OBS]), drawn(2, Purpose::Action, &[4, DIM]));
        let total = |params: &Tensor| {
            policy.params().var().set(params).unwrap();
            let sampler = Sampler::new(Method::Euler, 3);
            let found = sampler.sample(&policy, &obs, &unit, &Noise::new(0), 0).unwrap().x;
            found.sum_all().unwrap()
        };
        let params = policy.params().flat().copy().unwrap();
        let gradients = total(&params).backward().unwrap();
        let gradient = gradients.get(policy.params().var()).unwrap().to_vec1::<f64>().unwrap();
        let len = params.elem_count();
        for (k, &gradient) in gradient.iter().enumerate() {
            let mut unit = vec![0.0; len];
            unit[k] = 1e-5;
            let unit = Tensor::from_vec(unit, len, &Device::Cpu).unwrap();
            let at = |params: Tensor| total(&params).to_scalar::<f64>().unwrap();
            let numeric = (at((&params + &unit).unwrap()) - at((&params - &unit).unwrap())) / 2e-5;
            assert!((gradient - numeric).abs() < 1e-6 * (1.0 + numeric.abs()), "{k}: {numeric}");
        }
    }

    #[test]
    fn samplers_end_in_the_frame() {
        let policy = policy(Quantity::Velocity, 1.0, 2);
        let (obs, unit) =
            (drawn(1, Purpose::Probe, &[4, OBS]), drawn(1, Purpose::Action, &[4, DIM]));
        let own = policy.act(&obs, &unit).unwrap().action.flatten_all().unwrap();
        for method in [Method::Euler, Method::Sde { churn: 0.0 }] {
            let sampler = Sampler::new(method, policy.config().flow_steps);
            let found = sampler.sample(&policy, &obs, &unit, &Noise::new(0), 0).unwrap().x;
            let off = (found.flatten_all().unwrap() - &own).unwrap().abs().unwrap();
            let off = off.max_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(off < 1e-12, "{method:?}: {off}");
        }
    }

    #[test]
    fn a_chain_refuses_a_frame_that_is_learned() {
        let policy = policy(Quantity::Velocity, 1.0, 3);
        let error = ChainPolicy::new(policy, DenoisingMdp::default()).unwrap_err().to_string();
        assert!(error.contains("its frame"), "{error}");
    }
}
