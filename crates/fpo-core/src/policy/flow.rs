//! The flow policy: a velocity field over actions, and its CFM loss.
//!
//! The network sees `concat(obs, x_t, embed(t))` and its output, times `output_scale`, predicts the
//! velocity, the noise or the action ([`crate::path`]). The CFM loss of one (ε, t) pair compares it
//! with the truth; by default, on the linear path,
//!
//! ```text
//! x_t = t·ε + (1−t)·a,  v ≈ ε − a
//! velocity mode:  l = mean (v − (ε − a))²
//! noise mode:     l = mean (ε̂ − ε)²,  ε̂ = x_t + (1−t)·v      which is (1−t)² times the above
//! ```
//!
//! with a **mean** over action dimensions, unless [`crate::Reduction`] says otherwise. ε has the
//! width of the source ([`crate::SourceWidth`]), and all may happen in a frame
//! ([`crate::ActionFrame`]).

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::draws::SampleDraws;
use crate::flow::frame::ActionFrame;
use crate::flow::path::Path;
use crate::flow::sampler::VelocityField;
use crate::flow::source::SourceWidth;
use crate::flow::time::upload;
use crate::nn::mlp::Mlp;
use crate::nn::params::FlatParams;
use crate::policy::flow_constants::Constants;
use crate::policy::learned_frame::LearnedFrame;
use crate::policy::learned_source::LearnedSource;
use crate::policy::{Acted, Evaluated, KernelForm, Policy, PolicySpec, description};
use crate::random::{Noise, Purpose};
use crate::rollout::stored::Source;

/// A velocity field with its parameters.
#[derive(Clone, Debug)]
pub struct FlowPolicy {
    pub(super) config: FlowConfig,
    pub(super) mlp: Mlp,
    pub(super) params: FlatParams,
    spec: PolicySpec,
    constants: OnceLock<Constants>,
}

impl FlowPolicy {
    /// Returns a policy with freshly drawn weights.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for sizes that cannot work.
    pub fn new(
        config: FlowConfig,
        noise: &Noise,
        dtype: DType,
        device: &Device,
    ) -> Result<FlowPolicy> {
        let mlp = config.mlp()?;
        let mut values = mlp.init(noise, Purpose::PolicyInit);
        if config.frame == ActionFrame::PerState {
            let (own, layers) = (mlp.parameters(), mlp.sizes().len() - 1);
            let frame = config.frame_mlp();
            let hidden = frame.init_layers(noise, Purpose::PolicyInit, layers, layers - 1);
            values[own..].copy_from_slice(&hidden);
        }
        let params = FlatParams::new(mlp.layout().clone(), values, dtype, device)?;
        Ok(FlowPolicy::assemble(config, mlp, params))
    }

    /// Returns a policy with the weights `policy.k.weight|bias` that `find` yields.
    ///
    /// # Errors
    /// [`crate::Error::State`] names a tensor that is missing or does not fit.
    pub fn from_tensors(
        config: FlowConfig,
        device: &Device,
        find: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<FlowPolicy> {
        let mlp = config.mlp()?;
        let flat = mlp.layout().flatten(find)?.to_dtype(DType::F32)?.to_device(device)?;
        let params = FlatParams::from_flat(mlp.layout().clone(), &flat)?;
        Ok(FlowPolicy::assemble(config, mlp, params))
    }

    /// Returns the sizes and conventions.
    pub fn config(&self) -> &FlowConfig {
        &self.config
    }

    fn assemble(config: FlowConfig, mlp: Mlp, params: FlatParams) -> FlowPolicy {
        let spec = FlowPolicy::spec_of(&config);
        FlowPolicy { config, mlp, params, spec, constants: OnceLock::new() }
    }

    /// Returns the description of a policy with these settings.
    pub fn spec_of(config: &FlowConfig) -> PolicySpec {
        PolicySpec {
            obs_dim: config.obs_dim,
            action_dim: config.action_dim,
            layers: config.sizes(),
            parameters: config.parameters(),
            squash: config.squash,
            noise_len: config.action_dim,
            source: Source::NoiseAndTime,
            has_kernels: true,
        }
    }

    /// Returns the same flow with other parameters of the same layout.
    pub(crate) fn replace_params(&self, params: FlatParams) -> FlowPolicy {
        FlowPolicy { params, constants: OnceLock::new(), ..self.clone() }
    }

    /// Returns the same flow whose actions start from noise of another standard deviation.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for one out of range.
    pub(crate) fn replace_source_std(&self, source_std: f64) -> Result<FlowPolicy> {
        let config = FlowConfig { source_std, ..self.config.clone() };
        config.validate()?;
        Ok(FlowPolicy { config, ..self.clone() })
    }

    /// Returns the velocity `(…, A)` at `x_t (…, A)` and `t (…, 1)` for normalised `obs (…, O)`, in
    /// the units of the flow's frame.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn velocity(&self, obs: &Tensor, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
        self.config.parametrization().velocity_of(self.predict(obs, x_t, t)?, x_t, t)
    }

    /// Returns the network's prediction, in the shapes of [`FlowPolicy::velocity`].
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn predict(&self, obs: &Tensor, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
        let rows = x_t.elem_count() / self.config.action_dim;
        let obs = obs.reshape((rows, self.config.obs_dim))?;
        let flow = self
            .flow_inputs(&x_t.reshape((rows, self.config.action_dim))?, &t.reshape((rows, 1))?)?;
        // What follows the network's own parameters has no part in it.
        let own = self.params.flat().narrow(0, 0, self.mlp.parameters())?;
        let scale = self.config.output_scale;
        Ok(self.mlp.forward_rows(&own, &obs, Some(&flow), scale)?.reshape(x_t.shape())?)
    }

    /// Returns the constants, which the first call brings to the parameters' device.
    pub(super) fn constants(&self) -> Result<&Constants> {
        if let Some(constants) = self.constants.get() {
            return Ok(constants);
        }
        let constants = Constants::new(&self.config, &self.mlp, self.params.flat())?;
        Ok(self.constants.get_or_init(|| constants))
    }
}

impl VelocityField for FlowPolicy {
    fn path(&self) -> Path {
        self.config.path
    }

    fn steps(&self) -> usize {
        self.config.flow_steps
    }

    fn source(&self, unit: &Tensor) -> Result<Tensor> {
        let base = self.config.flow_std();
        match self.config.source_width {
            SourceWidth::Fixed if base == 1.0 => Ok(unit.clone()),
            SourceWidth::Fixed => Ok((unit * base)?),
            SourceWidth::Learned => {
                let std = LearnedSource::new(&self.config, &self.params)?.std()?;
                Ok(unit.broadcast_mul(&std.detach())?)
            }
        }
    }

    fn place(&self, obs: &Tensor, x: Tensor) -> Result<Tensor> {
        match self.config.frame {
            ActionFrame::Fixed => Ok(x),
            ActionFrame::PerState => LearnedFrame::new(&self.config, &self.params, obs)?.place(&x),
        }
    }

    fn velocity(&self, obs: &Tensor, x: &Tensor, t: f64) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let t = upload(&[t], (1, 1), x)?.broadcast_as((rows, 1))?.contiguous()?;
        FlowPolicy::velocity(self, obs, x, &t)
    }
}

impl Policy for FlowPolicy {
    fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    fn params(&self) -> &FlatParams {
        &self.params
    }

    fn with_params(&self, params: FlatParams) -> Arc<dyn Policy> {
        Arc::new(self.replace_params(params))
    }

    fn deployed(&self) -> Arc<dyn Policy> {
        Arc::new(self.clone())
    }

    fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        let end = self.sample(obs, &VelocityField::source(self, noise)?)?;
        Ok(Acted { action: self.place(obs, end)?, chain: None })
    }

    fn evaluate(
        &self,
        obs: &Tensor,
        action: &Tensor,
        stored: &Tensor,
        t: &Tensor,
    ) -> Result<Evaluated> {
        if !self.config.frame.is_fixed() {
            let framed = self.framed(obs, action, stored, t)?;
            let (losses, energy) = (framed.losses, Some(framed.energy));
            return Ok(Evaluated { losses, entropy: None, energy });
        }
        let losses = self.cfm_loss(obs, action, stored, t)?;
        Ok(Evaluated { losses, entropy: None, energy: None })
    }

    fn scale_noise(&self, noise: &mut [f32]) -> Result<()> {
        let (base, dim) = (self.config.flow_std(), self.config.action_dim);
        let std = match self.config.source_width {
            SourceWidth::Fixed if base == 1.0 => return Ok(()),
            SourceWidth::Fixed => vec![base as f32; dim],
            SourceWidth::Learned => LearnedSource::new(&self.config, &self.params)?.host_std()?,
        };
        for row in noise.chunks_exact_mut(dim) {
            row.iter_mut().zip(&std).for_each(|(x, std)| *x *= std);
        }
        Ok(())
    }

    fn fill_times(
        &self,
        draws: &SampleDraws,
        samples: usize,
        noise: &Noise,
        index: u64,
        out: &mut [f32],
    ) {
        draws.fill_times(self.config.flow_steps, samples, noise, index, out);
    }

    fn field(&self) -> Option<&dyn VelocityField> {
        Some(self)
    }

    fn with_source_std(&self, std: f64) -> Result<Arc<dyn Policy>> {
        Ok(Arc::new(self.replace_source_std(std)?))
    }

    fn kernel_form(&self) -> Option<KernelForm<'_>> {
        Some(KernelForm::Flow { flow: &self.config, chain: None })
    }

    fn description(&self) -> Result<serde_json::Value> {
        description::flow(&self.config)
    }
}
