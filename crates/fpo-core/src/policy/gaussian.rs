//! The Gaussian policy of the PPO baseline: a network from an observation to a squashed normal.
//!
//! The network has `2·A` outputs: `A` means, then `A` numbers `s` with `std = softplus(s) +
//! min_std`.

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};

use crate::error::Result;
use crate::nn::mlp::{Mlp, count_parameters};
use crate::nn::params::FlatParams;
use crate::policy::gaussian_config::GaussianConfig;
use crate::policy::squashed_normal::{SquashedNormal, softplus};
use crate::policy::{Acted, Evaluated, KernelForm, Policy, PolicySpec, description};
use crate::random::{Noise, Purpose};
use crate::rollout::stored::Source;

/// A map from observations to distributions, with its parameters.
#[derive(Clone, Debug)]
pub struct GaussianPolicy {
    config: GaussianConfig,
    mlp: Mlp,
    params: FlatParams,
    spec: PolicySpec,
}

impl GaussianPolicy {
    /// Returns a policy with freshly drawn weights.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for settings that cannot work.
    pub fn new(
        config: GaussianConfig,
        noise: &Noise,
        dtype: DType,
        device: &Device,
    ) -> Result<GaussianPolicy> {
        let mlp = mlp(&config)?;
        let values = mlp.init(noise, Purpose::PolicyInit);
        let params = FlatParams::new(mlp.layout().clone(), values, dtype, device)?;
        Ok(GaussianPolicy::assemble(config, mlp, params))
    }

    /// Returns a policy with the weights `policy.k.weight|bias` that `find` yields.
    ///
    /// # Errors
    /// [`crate::Error::State`] names a tensor that is missing or does not fit.
    pub fn from_tensors(
        config: GaussianConfig,
        device: &Device,
        find: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<GaussianPolicy> {
        let mlp = mlp(&config)?;
        let flat = mlp.layout().flatten(find)?.to_dtype(DType::F32)?.to_device(device)?;
        let params = FlatParams::from_flat(mlp.layout().clone(), &flat)?;
        Ok(GaussianPolicy::assemble(config, mlp, params))
    }

    /// Returns the sizes and conventions.
    pub fn config(&self) -> &GaussianConfig {
        &self.config
    }

    fn assemble(config: GaussianConfig, mlp: Mlp, params: FlatParams) -> GaussianPolicy {
        let spec = GaussianPolicy::spec_of(&config);
        GaussianPolicy { config, mlp, params, spec }
    }

    /// Returns the description of a policy with these settings.
    pub fn spec_of(config: &GaussianConfig) -> PolicySpec {
        PolicySpec {
            obs_dim: config.obs_dim,
            action_dim: config.action_dim,
            layers: config.sizes(),
            parameters: count_parameters(&config.sizes()),
            squash: config.squash,
            noise_len: config.action_dim,
            source: Source::Noise,
            has_kernels: true,
        }
    }

    /// Returns the distributions over actions at normalised `obs (…, O)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn distribution(&self, obs: &Tensor) -> Result<SquashedNormal> {
        let out = self.mlp.forward(self.params.flat(), obs)?;
        let dim = self.config.action_dim;
        let mean = out.narrow(D::Minus1, 0, dim)?;
        let std = (softplus(&out.narrow(D::Minus1, dim, dim)?)? + self.config.min_std)?;
        Ok(SquashedNormal { mean, std, squash: self.config.squash })
    }

    /// Returns actions `(…, A)` before squashing at normalised `obs (…, O)`, from unit normals
    /// `noise (…, A)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn sample(&self, obs: &Tensor, noise: &Tensor) -> Result<Tensor> {
        self.distribution(obs)?.sample(noise)
    }

    /// Returns the deterministic actions `(…, A)` before squashing: the means, as in official
    /// evaluations.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn mode(&self, obs: &Tensor) -> Result<Tensor> {
        Ok(self.distribution(obs)?.mean)
    }
}

impl Policy for GaussianPolicy {
    fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    fn params(&self) -> &FlatParams {
        &self.params
    }

    fn with_params(&self, params: FlatParams) -> Arc<dyn Policy> {
        Arc::new(GaussianPolicy { params, ..self.clone() })
    }

    fn deployed(&self) -> Arc<dyn Policy> {
        Arc::new(self.clone())
    }

    fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        Ok(Acted { action: self.sample(obs, noise)?, chain: None })
    }

    fn evaluate(
        &self,
        obs: &Tensor,
        action: &Tensor,
        stored: &Tensor,
        _t: &Tensor,
    ) -> Result<Evaluated> {
        let distribution = self.distribution(obs)?;
        let losses = distribution.log_prob_unsquashed(action)?.neg()?.unsqueeze(2)?;
        let entropy = Some(distribution.mean_entropy(stored)?);
        Ok(Evaluated { losses, entropy, energy: None })
    }

    fn kernel_form(&self) -> Option<KernelForm<'_>> {
        Some(KernelForm::Gaussian(&self.config))
    }

    fn description(&self) -> Result<serde_json::Value> {
        description::gaussian(&self.config)
    }
}

fn mlp(config: &GaussianConfig) -> Result<Mlp> {
    config.validate()?;
    Ok(Mlp::new("policy", &config.sizes(), config.activation))
}
