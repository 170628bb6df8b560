//! The learned width of a flow's source in composed operations ([`crate::SourceWidth`] has the
//! formulas).

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::nn::params::FlatParams;
use crate::tensor::transfer::to_host;

/// The logarithms θ of a flow's width over `source_std`, differentiable where the flow is.
pub(super) struct LearnedSource {
    /// `(1, A)`.
    theta: Tensor,
    base: f64,
}

impl LearnedSource {
    /// Returns the source of a policy with these parameters, whose width is learned.
    pub(super) fn new(config: &FlowConfig, params: &FlatParams) -> Result<LearnedSource> {
        let dim = config.action_dim;
        // The parameters of the source follow the velocity's.
        let theta = params.flat().narrow(0, params.layout().len() - dim, dim)?;
        Ok(LearnedSource { theta: theta.reshape((1, dim))?, base: config.source_std })
    }

    /// Returns σ, `(1, A)`.
    pub(super) fn std(&self) -> Result<Tensor> {
        Ok((self.theta.exp()? * self.base)?)
    }

    /// Returns σ as numbers of the host.
    pub(super) fn host_std(&self) -> Result<Vec<f32>> {
        to_host(&self.std()?.detach().to_dtype(DType::F32)?)
    }

    /// Returns `exp(−2θ)`, `(1, 1, A)`.
    pub(super) fn weights(&self) -> Result<Tensor> {
        Ok((&self.theta * -2.0)?.exp()?.unsqueeze(1)?)
    }

    /// Returns losses `(rows, N)` with `Σ ln σ` added.
    pub(super) fn add_log_std(&self, losses: &Tensor) -> Result<Tensor> {
        let dim = self.theta.dim(1)? as f64;
        let log_std = (self.theta.sum(1)?.unsqueeze(1)? + dim * self.base.ln())?;
        Ok(losses.broadcast_add(&log_std)?)
    }

    /// Returns `losses (rows, N)`, which are differentiable with respect to the velocity's network
    /// alone, with `Σ ln σ` added and with the derivative with respect to the width;
    /// `squares (rows, N, A)` are the `e² − ε²`.
    pub(super) fn differentiate(
        &self,
        losses: &Tensor,
        squares: &Tensor,
        factor: f64,
    ) -> Result<Tensor> {
        let weighted = squares.detach().broadcast_mul(&self.weights()?)?.sum(2)?;
        let weighted = (weighted * factor)?;
        let moving = (&weighted - weighted.detach())?;
        self.add_log_std(&(losses + moving)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::flow::config::Reduction;
    use crate::flow::denoising::DenoisingMdp;
    use crate::flow::path::Quantity;
    use crate::flow::sampler::{Method, Sampler};
    use crate::flow::source::SourceWidth;
    use crate::policy::Policy;
    use crate::policy::chain::ChainPolicy;
    use crate::policy::flow::FlowPolicy;
    use crate::random::{Noise, Purpose};

    const DIM: usize = 3;

    fn tensor(values: &[f64], shape: (usize, usize, usize, usize)) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    /// A flow without weights, whose last bias shifts actions by `mean`, of learned width.
    fn shift(measure: Quantity, mean: [f64; DIM], theta: [f64; DIM]) -> FlowPolicy {
        let config = FlowConfig {
            hidden: vec![4],
            output_scale: 0.5,
            output_mode: measure,
            loss_reduction: Reduction::Nats,
            source_std: 0.8,
            source_width: SourceWidth::Learned,
            ..FlowConfig::new(2, DIM)
        };
        let policy = FlowPolicy::new(config, &Noise::new(0), DType::F64, &Device::Cpu).unwrap();
        let len = policy.params().layout().len();
        let mut flat = vec![0.0; len];
        for i in 0..DIM {
            // The velocity is −mean: actions are noise + mean.
            flat[len - 2 * DIM + i] = -mean[i] / 0.5;
            flat[len - DIM + i] = theta[i];
        }
        policy.params().var().set(&Tensor::from_vec(flat, len, &Device::Cpu).unwrap()).unwrap();
        policy
    }

    fn gaussian(action: &[f64], mean: [f64; DIM], theta: [f64; DIM]) -> f64 {
        let term = |i: usize| {
            let log_std = 0.8f64.ln() + theta[i];
            0.5 * ((action[i] - mean[i]) / log_std.exp()).powi(2) + log_std
        };
        (0..DIM).map(term).sum()
    }

    /// The log ratio of a flow that only shifts its source is that of a Gaussian policy, with any
    /// couple of opposite noises, and at any time where the velocity is measured.
    #[test]
    fn the_log_ratio_of_a_shift_is_that_of_a_gaussian() {
        let (old, new) =
            (([0.3, -0.5, 1.0], [0.0, 0.2, -0.4]), ([0.1, 0.0, 1.4], [0.3, 0.1, -0.7]));
        let action = [0.9, -1.3, 0.2];
        let pairs = 64;
        for (measure, allowed) in [(Quantity::Velocity, 1e-12), (Quantity::Noise, 1e-3)] {
            let mut noise = vec![0.0f32; pairs * DIM];
            Noise::new(3).fill_normal(Purpose::LossNoise, 0, &mut noise);
            let std: Vec<f64> = old.1.iter().map(|theta: &f64| 0.8 * theta.exp()).collect();
            let (mut eps, mut t) = (Vec::new(), Vec::new());
            for (k, z) in noise.chunks(DIM).enumerate() {
                for sign in [1.0, -1.0] {
                    eps.extend((0..DIM).map(|i| sign * f64::from(z[i]) * std[i]));
                    // The mean over times is that over their law, but for the rule's error.
                    t.push((k as f64 + 0.5) / pairs as f64);
                }
            }
            let obs = tensor(&[0.0, 0.0], (1, 1, 1, 2)).reshape((1, 1, 2)).unwrap();
            let taken = tensor(&action, (1, 1, 1, DIM)).reshape((1, 1, DIM)).unwrap();
            let eps = tensor(&eps, (1, 1, 2 * pairs, DIM));
            let t = tensor(&t, (1, 1, 2 * pairs, 1));
            let loss = |(mean, theta)| {
                let policy = shift(measure, mean, theta);
                let losses = policy.cfm_loss(&obs, &taken, &eps, &t).unwrap();
                losses.mean_all().unwrap().to_scalar::<f64>().unwrap()
            };
            let found = loss(old) - loss(new);
            let expected = gaussian(&action, old.0, old.1) - gaussian(&action, new.0, new.1);
            assert!((found - expected).abs() < allowed, "{measure:?}: {found}, {expected}");
        }
    }

    #[test]
    fn samplers_start_from_noise_of_the_sources_width() {
        let policy = shift(Quantity::Velocity, [0.4, -0.1, 0.0], [0.1, -0.2, 0.3]);
        let unit = tensor(&[1.0, -0.5, 2.0], (1, 1, 1, DIM)).reshape((1, DIM)).unwrap();
        let obs = tensor(&[0.3, 0.0], (1, 1, 1, 2)).reshape((1, 2)).unwrap();
        let own = policy.act(&obs, &unit).unwrap().action.to_vec2::<f64>().unwrap().remove(0);
        for method in [Method::Euler, Method::Rk4, Method::Sde { churn: 0.0 }] {
            let sampler = Sampler::new(method, policy.config().flow_steps);
            let found = sampler.sample(&policy, &obs, &unit, &Noise::new(0), 0).unwrap().x;
            let found = found.to_vec2::<f64>().unwrap().remove(0);
            for (i, (found, own)) in found.iter().zip(&own).enumerate() {
                let z = [1.0, -0.5, 2.0][i] * 0.8 * [0.1f64, -0.2, 0.3][i].exp();
                let expected = z + [0.4, -0.1, 0.0][i];
                assert!((found - expected).abs() < 1e-6, "{method:?}: {found} for {expected}");
                assert!((own - expected).abs() < 1e-6, "{own} for {expected}");
            }
        }
    }

    #[test]
    fn a_chain_refuses_a_source_that_is_learned() {
        let policy = shift(Quantity::Velocity, [0.0; DIM], [0.0; DIM]);
        let error = ChainPolicy::new(policy, DenoisingMdp::default()).unwrap_err().to_string();
        assert!(error.contains("width of its source"), "{error}");
    }

    #[test]
    fn stored_noise_has_the_width_of_the_source() {
        let policy = shift(Quantity::Velocity, [0.0; DIM], [0.1, -0.2, 0.0]);
        let mut noise = vec![1.0f32, 1.0, 1.0, -2.0, 0.5, 0.0];
        policy.scale_noise(&mut noise).unwrap();
        let std = [0.8 * 0.1f32.exp(), 0.8 * (-0.2f32).exp(), 0.8];
        let expected = [std[0], std[1], std[2], -2.0 * std[0], 0.5 * std[1], 0.0];
        for (found, expected) in noise.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }
}
