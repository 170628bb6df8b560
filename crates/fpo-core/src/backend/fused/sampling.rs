//! The sampling kernels on Candle tensors.

use candle_core::Tensor;

use crate::backend::fused::kernels::sampler::{chain, sample};
use crate::error::{Error, Result};
use crate::flow::config::FlowConfig;
use crate::policy::flow::FlowPolicy;
use crate::simd::isa::{Isa, Kernel, run};
use crate::simd::vector::Simd;
use crate::tensor::slices::with_slices;

struct Sample<'a>(&'a FlowConfig, [&'a [f32]; 2], &'a mut [f32]);

impl Kernel for Sample<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Sample(config, [params, obs], x) = self;
        sample(s, config, params, obs, x);
    }
}

struct Chain<'a>(&'a FlowConfig, f32, [&'a [f32]; 2], &'a mut [f32]);

impl Kernel for Chain<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Chain(config, sigma, [params, obs], states) = self;
        chain(s, config, params, sigma, obs, states);
    }
}

/// Actions for normalised `obs` from `start`; see [`FlowPolicy::sample`].
pub(crate) fn fused_sample(
    isa: Isa,
    policy: &FlowPolicy,
    obs: &Tensor,
    start: &Tensor,
) -> Result<Tensor> {
    let config = policy.config();
    require(obs, &[start.dim(0)?, config.obs_dim], "observations")?;
    require(start, &[start.dim(0)?, config.action_dim], "starts")?;
    let tensors = [policy.params().flat(), obs, start];
    let actions = with_slices(tensors, |[params, obs, start]| {
        let mut x = start.to_vec();
        run(isa, Sample(policy.config(), [params, obs], &mut x));
        x
    })?;
    Ok(Tensor::from_vec(actions, start.shape(), start.device())?)
}

/// Chains for normalised `obs` from `noise (B, K + 1, A)`; see [`crate::DenoisingMdp::chain`].
pub(crate) fn fused_chain(
    isa: Isa,
    policy: &FlowPolicy,
    sigma: f64,
    obs: &Tensor,
    noise: &Tensor,
) -> Result<Tensor> {
    let (config, rows) = (policy.config(), noise.dim(0)?);
    require(obs, &[rows, config.obs_dim], "observations")?;
    require(noise, &[rows, config.flow_steps + 1, config.action_dim], "noise")?;
    let tensors = [policy.params().flat(), obs, noise];
    let states = with_slices(tensors, |[params, obs, noise]| {
        let mut states = noise.to_vec();
        run(isa, Chain(policy.config(), sigma as f32, [params, obs], &mut states));
        states
    })?;
    Ok(Tensor::from_vec(states, noise.shape(), noise.device())?)
}

/// Refuses a tensor of another shape: the kernels see nothing but numbers.
fn require(tensor: &Tensor, dims: &[usize], what: &str) -> Result<()> {
    if tensor.dims() == dims {
        return Ok(());
    }
    Err(Error::Invalid(format!("{what} of shape {:?}; expected {dims:?}", tensor.dims())))
}
