//! Runs the sampling kernels on Candle tensors.

use candle_core::Tensor;

use crate::backend::fused::kernels::gaussian_sampler::draw;
use crate::backend::fused::kernels::sampler::{chain, sample};
use crate::error::{Error, Result};
use crate::flow::config::FlowConfig;
use crate::policy::chain::scored_end;
use crate::policy::gaussian_config::GaussianConfig;
use crate::policy::{Acted, KernelForm};
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

struct Draw<'a>(&'a GaussianConfig, [&'a [f32]; 2], &'a mut [f32]);

impl Kernel for Draw<'_> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        let Draw(config, [params, obs], x) = self;
        draw(s, config, params, obs, x);
    }
}

/// Returns what [`crate::Policy::act`] returns, for a policy of kernel form `form` with parameters
/// `flat`.
pub(crate) fn act(
    isa: Isa,
    form: KernelForm,
    flat: &Tensor,
    obs: &Tensor,
    noise: &Tensor,
) -> Result<Acted> {
    let rows = noise.dim(0)?;
    let (config, chain) = match form {
        KernelForm::Flow { flow, chain } => (flow, chain),
        KernelForm::Gaussian(config) => {
            require(obs, &[rows, config.obs_dim], "observations")?;
            require(noise, &[rows, config.action_dim], "noise")?;
            let actions = with_slices([flat, obs, noise], |[params, obs, noise]| {
                let mut x = noise.to_vec();
                run(isa, Draw(config, [params, obs], &mut x));
                x
            })?;
            let action = Tensor::from_vec(actions, noise.shape(), noise.device())?;
            return Ok(Acted { action, chain: None });
        }
    };
    require(obs, &[rows, config.obs_dim], "observations")?;
    let Some(mdp) = chain else {
        require(noise, &[rows, config.action_dim], "starts")?;
        let actions = with_slices([flat, obs, noise], |[params, obs, start]| {
            let mut x = start.to_vec();
            run(isa, Sample(config, [params, obs], &mut x));
            x
        })?;
        let action = Tensor::from_vec(actions, noise.shape(), noise.device())?;
        return Ok(Acted { action, chain: None });
    };
    let per_row = (config.flow_steps + 1) * config.action_dim;
    require(noise, &[rows, per_row], "noise")?;
    let states = with_slices([flat, obs, noise], |[params, obs, noise]| {
        let mut states = noise.to_vec();
        run(isa, Chain(config, mdp.sigma as f32, [params, obs], &mut states));
        states
    })?;
    let shape = (rows, config.flow_steps + 1, config.action_dim);
    let states = Tensor::from_vec(states, shape, noise.device())?;
    scored_end(&states, mdp.scored(config.flow_steps))
}

/// Fails if a tensor has another shape, which the kernels could not notice: they see only numbers.
fn require(tensor: &Tensor, dims: &[usize], what: &str) -> Result<()> {
    if tensor.dims() == dims {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "the shape of the {what} is {:?}; expected {dims:?}",
        tensor.dims()
    )))
}
