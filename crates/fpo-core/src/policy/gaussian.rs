//! The Gaussian policy of the PPO baseline: a network from an observation to a squashed normal.
//!
//! The network has `2·A` outputs: `A` means, then `A` numbers `s` with `std = softplus(s) +
//! min_std`.

use candle_core::{D, DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::Compute;
use crate::error::{Error, Result};
use crate::flow::config::Squash;
use crate::nn::mlp::{Activation, Mlp, validate_hidden};
use crate::nn::params::FlatParams;
use crate::policy::squashed_normal::{SquashedNormal, softplus};
use crate::random::{Noise, Purpose};

/// Everything that defines a Gaussian policy but its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianConfig {
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub action_dim: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Non-linearity of the hidden layers.
    pub activation: Activation,
    /// Least standard deviation before squashing, above 0.
    pub min_std: f64,
    /// How actions reach the environment.
    pub squash: Squash,
}

impl GaussianConfig {
    /// The baseline of the official Playground code: 4 × 32 SiLU, least deviation 1e-3, `tanh`.
    pub fn new(obs_dim: usize, action_dim: usize) -> GaussianConfig {
        GaussianConfig {
            obs_dim,
            action_dim,
            hidden: vec![32; 4],
            activation: Activation::Silu,
            min_std: 1e-3,
            squash: Squash::Tanh,
        }
    }

    /// Checks numbers that come from outside.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what: String| Err(Error::Invalid(what));
        if !(self.min_std > 0.0 && self.min_std.is_finite()) {
            return invalid(format!("min_std is {}; allowed: above 0, finite", self.min_std));
        }
        validate_hidden(&self.hidden)
    }

    fn mlp(&self) -> Result<Mlp> {
        self.validate()?;
        let sizes = [&[self.obs_dim], &self.hidden[..], &[2 * self.action_dim]].concat();
        Ok(Mlp::new("policy", &sizes, self.activation))
    }
}

/// A map from observations to distributions, with its parameters.
#[derive(Clone, Debug)]
pub struct GaussianPolicy {
    config: GaussianConfig,
    mlp: Mlp,
    params: FlatParams,
    compute: Compute,
}

impl GaussianPolicy {
    /// A policy with freshly drawn weights.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that cannot work.
    pub fn new(
        config: GaussianConfig,
        noise: &Noise,
        dtype: DType,
        device: &Device,
    ) -> Result<GaussianPolicy> {
        let mlp = config.mlp()?;
        let values = mlp.init(noise, Purpose::PolicyInit);
        let params = FlatParams::new(mlp.layout().clone(), values, dtype, device)?;
        Ok(GaussianPolicy { config, mlp, params, compute: Compute::best(device, dtype) })
    }

    /// A policy with the weights `policy.k.weight|bias` that `find` yields.
    ///
    /// # Errors
    /// [`Error::State`] names a tensor that is missing or does not fit.
    pub fn from_tensors(
        config: GaussianConfig,
        device: &Device,
        find: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<GaussianPolicy> {
        let mlp = config.mlp()?;
        let flat = mlp.layout().flatten(find)?.to_dtype(DType::F32)?.to_device(device)?;
        let params = FlatParams::from_flat(mlp.layout().clone(), &flat)?;
        let compute = Compute::best(device, DType::F32);
        Ok(GaussianPolicy { config, mlp, params, compute })
    }

    /// Sizes and conventions.
    pub fn config(&self) -> &GaussianConfig {
        &self.config
    }

    /// The trainable parameters.
    pub fn params(&self) -> &FlatParams {
        &self.params
    }

    /// Who computes the value network's part of a gradient step; the policy's own is composed.
    pub fn compute(&self) -> Compute {
        self.compute
    }

    /// The same policy in a learner that computes by `compute`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for the fused kernels where the policy is not f32 on the CPU.
    pub fn with_compute(self, compute: Compute) -> Result<GaussianPolicy> {
        compute.require(self.params.var())?;
        Ok(GaussianPolicy { compute, ..self })
    }

    /// The same policy with other parameters of the same layout.
    pub fn with_params(&self, params: FlatParams) -> GaussianPolicy {
        GaussianPolicy { params, ..self.clone() }
    }

    /// The distributions over actions at normalised `obs (…, O)`.
    pub fn distribution(&self, obs: &Tensor) -> Result<SquashedNormal> {
        let out = self.mlp.forward(self.params.flat(), obs)?;
        let dim = self.config.action_dim;
        let mean = out.narrow(D::Minus1, 0, dim)?;
        let std = (softplus(&out.narrow(D::Minus1, dim, dim)?)? + self.config.min_std)?;
        Ok(SquashedNormal { mean, std, squash: self.config.squash })
    }

    /// Actions `(…, A)` before squashing at normalised `obs (…, O)`, from unit normals
    /// `noise (…, A)`.
    pub fn sample(&self, obs: &Tensor, noise: &Tensor) -> Result<Tensor> {
        self.distribution(obs)?.sample(noise)
    }

    /// The deterministic actions `(…, A)` before squashing: the means, as in official evaluations.
    pub fn mode(&self, obs: &Tensor) -> Result<Tensor> {
        Ok(self.distribution(obs)?.mean)
    }
}
