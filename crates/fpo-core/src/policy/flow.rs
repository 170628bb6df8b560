//! The flow policy: a velocity field over actions, its CFM loss, and Euler sampling.
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
//! with a **mean** over action dimensions, unless [`Reduction`] says otherwise.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::flow::config::{FlowConfig, Reduction};
use crate::flow::path::Path;
use crate::flow::sampler::VelocityField;
use crate::flow::time::{TrainingTimes, draw, embed, grid, upload};
use crate::nn::mlp::Mlp;
use crate::nn::params::FlatParams;
use crate::policy::{Acted, Evaluated, KernelForm, Policy, PolicySpec, description};
use crate::random::{Noise, Purpose};
use crate::rollout::stored::Source;

/// A velocity field with its parameters.
#[derive(Clone, Debug)]
pub struct FlowPolicy {
    config: FlowConfig,
    mlp: Mlp,
    params: FlatParams,
    spec: PolicySpec,
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
        let values = mlp.init(noise, Purpose::PolicyInit);
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
        FlowPolicy { config, mlp, params, spec }
    }

    /// Returns the description of a policy with these settings.
    pub fn spec_of(config: &FlowConfig) -> PolicySpec {
        PolicySpec {
            obs_dim: config.obs_dim,
            action_dim: config.action_dim,
            layers: config.sizes(),
            squash: config.squash,
            noise_len: config.action_dim,
            source: Source::NoiseAndTime,
            has_kernels: true,
        }
    }

    /// Returns the same flow with other parameters of the same layout.
    pub(crate) fn replace_params(&self, params: FlatParams) -> FlowPolicy {
        FlowPolicy { params, ..self.clone() }
    }

    /// Returns the velocity `(…, A)` at `x_t (…, A)` and `t (…, 1)` for normalised `obs (…, O)`.
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
        let first = (self.obs_share(&obs)? + self.flow_share(&flow)?)?;
        Ok(self.finish(&first)?.reshape(x_t.shape())?)
    }

    /// Returns the CFM loss per sample, `(T, B, N)`.
    ///
    /// `obs (T, B, O)` is normalised, `action (T, B, A)` is the taken action before squashing,
    /// `eps (T, B, N, A)` and `t (T, B, N, 1)` are the Monte-Carlo pairs.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn cfm_loss(
        &self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
    ) -> Result<Tensor> {
        let (steps, batch, samples, action_dim) = eps.dims4()?;
        let rows = steps * batch;
        let eps = eps.reshape((rows, samples, action_dim))?;
        let t = t.reshape((rows, samples, 1))?;
        let action = action.reshape((rows, 1, action_dim))?;

        let (x_t, target, weight) = self.config.parametrization().regress(&action, &eps, &t)?;

        let obs_share = self.obs_share(&obs.reshape((rows, self.config.obs_dim))?)?;
        let flow_share = self.flow_share(&self.flow_inputs(&x_t, &t)?)?;
        let width = obs_share.dim(1)?;
        let first = flow_share
            .reshape((rows, samples, width))?
            .broadcast_add(&obs_share.unsqueeze(1)?)?
            .reshape((rows * samples, width))?;
        let predicted = self.finish(&first)?.reshape((rows, samples, action_dim))?;

        let error = (predicted - target)?;
        let error = match weight {
            Some(weight) => error.broadcast_mul(&weight)?,
            None => error,
        };
        let squares = error.sqr()?;
        let losses = match self.config.loss_reduction {
            Reduction::Mean => squares.mean(2)?,
            other => (squares.sum(2)? * other.factor(action_dim))?,
        };
        Ok(losses.reshape((steps, batch, samples))?)
    }

    /// Returns actions `(B, A)` before squashing for normalised `obs (B, O)`. They are the ends of
    /// even steps ([`crate::path::Parametrization::step`]) from `start` (noise at `t = 1`) to `t =
    /// 0`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn sample(&self, obs: &Tensor, start: &Tensor) -> Result<Tensor> {
        self.integrate(obs, start, |_, x| Ok(x))
    }

    /// Does what [`FlowPolicy::sample`] does, but replaces the state `x` after step `k` by
    /// `disturb(k, x)`.
    ///
    /// # Errors
    /// If a tensor operation fails. Also any error of `disturb`.
    pub fn integrate(
        &self,
        obs: &Tensor,
        start: &Tensor,
        disturb: impl Fn(usize, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let obs_share = self.obs_share(obs)?;
        let times = grid(self.config.flow_steps);
        let (action_share, time_shares) = self.sampling_weights(&times, start)?;
        let mut x = start.clone();
        for (k, pair) in times.windows(2).enumerate() {
            let moving = x.matmul(&action_share)?.broadcast_add(&time_shares.narrow(0, k, 1)?)?;
            let out = self.mlp.forward_from_first(self.params.flat(), &(&obs_share + moving)?)?;
            let (keep, gain) = self.config.parametrization().step(pair[0], pair[1]);
            let kept = if keep == 1.0 { x } else { (x * keep)? };
            x = disturb(k, (kept + (out * (gain * self.config.output_scale))?)?)?;
        }
        Ok(x)
    }

    /// Returns the actions' part of the first layer's weight, and the shares of the steps' starting
    /// times in that layer's output, `(K, hidden[0])`. Both are the same for every row.
    fn sampling_weights(&self, times: &[f64], like: &Tensor) -> Result<(Tensor, Tensor)> {
        let FlowConfig { obs_dim, action_dim, flow_steps, time_embedding, .. } = self.config;
        let weight = self.mlp.weight(self.params.flat(), 0)?;
        let starts = upload(&times[..flow_steps], (flow_steps, 1), like)?;
        let embedded = embed(&starts, time_embedding)?;
        let time_weight = weight.narrow(0, obs_dim + action_dim, time_embedding)?;
        Ok((weight.narrow(0, obs_dim, action_dim)?, embedded.matmul(&time_weight)?))
    }

    /// Returns `concat(x_t, embed(t))` as rows.
    fn flow_inputs(&self, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
        let last = x_t.rank() - 1;
        let inputs = Tensor::cat(&[x_t, &embed(t, self.config.time_embedding)?], last)?;
        Ok(inputs.reshape(((), self.config.action_dim + self.config.time_embedding))?)
    }

    /// Returns the observation's share in the first layer's output, bias included, which is the
    /// same for all samples.
    fn obs_share(&self, obs: &Tensor) -> Result<Tensor> {
        let flat = self.params.flat();
        let weight = self.mlp.weight(flat, 0)?.narrow(0, 0, self.config.obs_dim)?;
        Ok(obs.matmul(&weight)?.broadcast_add(&self.mlp.bias(flat, 0)?)?)
    }

    /// Returns the share of `concat(x_t, embed(t))` in the first layer's output.
    fn flow_share(&self, flow: &Tensor) -> Result<Tensor> {
        let len = self.config.action_dim + self.config.time_embedding;
        let weight = self.mlp.weight(self.params.flat(), 0)?;
        Ok(flow.matmul(&weight.narrow(0, self.config.obs_dim, len)?)?)
    }

    fn finish(&self, first: &Tensor) -> Result<Tensor> {
        let out = self.mlp.forward_from_first(self.params.flat(), first)?;
        Ok((out * self.config.output_scale)?)
    }
}

impl VelocityField for FlowPolicy {
    fn path(&self) -> Path {
        self.config.path
    }

    fn steps(&self) -> usize {
        self.config.flow_steps
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
        Ok(Acted { action: self.sample(obs, noise)?, chain: None })
    }

    fn evaluate(
        &self,
        obs: &Tensor,
        action: &Tensor,
        stored: &Tensor,
        t: &Tensor,
    ) -> Result<Evaluated> {
        Ok(Evaluated { losses: self.cfm_loss(obs, action, stored, t)?, entropy: None })
    }

    fn fill_times(&self, times: TrainingTimes, noise: &Noise, index: u64, out: &mut [f32]) {
        draw(times, self.config.flow_steps, noise, index, out);
    }

    fn field(&self) -> Option<&dyn VelocityField> {
        Some(self)
    }

    fn kernel_form(&self) -> Option<KernelForm<'_>> {
        Some(KernelForm::Flow { flow: &self.config, chain: None })
    }

    fn description(&self) -> Result<serde_json::Value> {
        description::flow(&self.config)
    }
}
