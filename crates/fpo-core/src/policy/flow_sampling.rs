//! The flow policy's own sampler: even steps from noise at `t = 1` to the action at `t = 0`
//! ([`crate::path::Parametrization::step`]).
//!
//! On a GPU a step of a small network costs its kernel launches. What is the same in every step is
//! therefore computed before the first: the shares of the observation and of all times in the first
//! layer, and the last layer's weights times the size of the step. Biases are part of the matrix
//! products ([`crate::nn::unit`]). That leaves a product and an activation for each layer, and two
//! additions.

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::steps::FlowStep;
use crate::policy::flow::FlowPolicy;
use crate::policy::flow_constants::Constants;

/// Numbers that the sampler may hold for steps to come.
const SHARED_NUMBERS: usize = 16 << 20;

impl FlowPolicy {
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
        let FlowConfig { obs_dim, action_dim, flow_steps, time_embedding, .. } = self.config;
        let Constants { times, columns, .. } = self.constants()?;
        let layers = self.mlp.with_units(self.params.flat(), columns)?;
        let rows = |from: usize, len: usize| layers.first.narrow(0, from, len);
        // The shares of observations and times in the first layer are known before the first step.
        let obs_share = obs.matmul(&rows(0, obs_dim)?)?.broadcast_add(&layers.bias)?;
        let time_share = times.matmul(&rows(obs_dim + action_dim, time_embedding)?)?;
        let action_rows = rows(obs_dim, action_dim)?;

        let at_once = (SHARED_NUMBERS / obs_share.elem_count().max(1)).clamp(1, flow_steps);
        let mut known = Tensor::clone(&obs_share);
        let mut last: Option<(f64, Tensor)> = None;
        let mut x = start.clone();
        for (k, FlowStep { keep, gain, .. }) in self.config.steps().into_iter().enumerate() {
            if k % at_once == 0 {
                let steps = time_share.narrow(0, k, at_once.min(flow_steps - k))?;
                known = obs_share.unsqueeze(0)?.broadcast_add(&steps.unsqueeze(1)?)?;
            }
            let first = (x.matmul(&action_rows)? + known.get(k % at_once)?)?;
            let hidden = layers.hidden(&first)?;
            let gain = gain * self.config.output_scale;
            // Even steps have one gain, but for its last bits, and so one scaled weight.
            let weight = match last.take() {
                Some((of, weight)) if (of - gain).abs() <= 1e-12 * gain.abs() => weight,
                _ => (&layers.last * gain)?,
            };
            let kept = if keep == 1.0 { x } else { (x * keep)? };
            x = disturb(k, (kept + hidden.matmul(&weight)?)?)?;
            last = Some((gain, weight));
        }
        Ok(x)
    }
}
