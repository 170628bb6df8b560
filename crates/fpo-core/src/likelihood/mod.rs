//! The exact likelihood of a flow's action, by going backward through its sampler.
//!
//! The sampler turns noise into an action in K steps `x_{k+1} = keep·x_k + gain·f(s, x_k, t_k)`.
//! Each has an inverse as long as its derivative `J_k = keep·I + gain·∂f/∂x` is regular, as it is
//! for small steps of a smooth field, and then
//!
//! ```text
//! log π(a|s) = log N(x_0; 0, diag σ²) − Σ_k log |det J_k|
//! ```
//!
//! (minus the logarithms of the widths of a learned frame, in whose units the steps are) is the
//! density of actions before squashing, not of the ODE's but of those that this sampler draws.
//! Newton's method inverts a step. All is computed on the host in f64. FPO needs no likelihood to
//! learn: this says afterwards what its ratios were worth ([`crate::Reduction::Nats`]), and how far
//! an update moved the policy.

mod factors;
mod network;
mod step;
#[cfg(test)]
mod tests;

use std::f64::consts::TAU;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::flow::config::FlowConfig;
use crate::flow::frame::{ActionFrame, log_scale};
use crate::flow::source_terms::SourceTerms;
use crate::flow::steps::FlowStep;
use crate::flow::time::embedding;
use crate::likelihood::network::Network;
use crate::likelihood::step::{Inverse, Search, Step};
use crate::policy::flow::FlowPolicy;
use crate::policy::{KernelForm, Policy};

/// A flow, ready to say how likely actions are.
#[derive(Clone, Debug)]
pub struct FlowLikelihood {
    network: Network,
    config: FlowConfig,
    /// Standard deviations of the source.
    std: Vec<f64>,
    /// The network of frames, if they are learned.
    frames: Option<Network>,
}

/// Where an action came from, and how likely it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The unit normals from which the sampler draws this action.
    pub noise: Vec<f64>,
    /// `log π(a|s)` before squashing, in nats.
    pub log_prob: f64,
}

impl FlowLikelihood {
    /// Copies a policy's weights to the host.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn new(policy: &FlowPolicy) -> Result<FlowLikelihood> {
        FlowLikelihood::with(policy.config(), policy.params().flat())
    }

    /// Does what [`FlowLikelihood::new`] does for a policy of any kind; `None` for one that is not
    /// a flow.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn of(policy: &dyn Policy) -> Result<Option<FlowLikelihood>> {
        match policy.kernel_form() {
            Some(KernelForm::Flow { flow, chain: None }) => {
                FlowLikelihood::with(flow, policy.params().flat()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn with(config: &FlowConfig, flat: &Tensor) -> Result<FlowLikelihood> {
        let (config, flat) = (config.clone(), flat.detach());
        let flat = flat.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
        let std = SourceTerms::new(&config, &flat).std.into_iter().map(f64::from).collect();
        let learned = config.frame == ActionFrame::PerState;
        let frames = learned.then(|| Network::of_frames(&config, &flat));
        Ok(FlowLikelihood { network: Network::new(&config, &flat), config, std, frames })
    }

    /// Returns the centre and the width in each action dimension of the frame at the normalised
    /// observation `obs`.
    fn frame(&self, obs: &[f64]) -> Vec<(f64, f64)> {
        let (dim, base) = (self.config.action_dim, self.config.source_std);
        let Some(network) = &self.frames else { return vec![(0.0, 1.0); dim] };
        let output = network.output(obs);
        let (theta, mean) = output.split_at(dim);
        mean.iter().zip(theta).map(|(&mean, &h)| (mean, base * log_scale(h).exp())).collect()
    }

    /// Returns the origin of `action`, before squashing, at the normalised observation `obs`, or
    /// `None` where a step has no inverse that Newton's method finds.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the lengths are not those of the policy.
    pub fn origin(&self, obs: &[f64], action: &[f64]) -> Result<Option<Origin>> {
        self.require_lengths(obs, action)?;
        let frame = self.frame(obs);
        let x: Vec<f64> =
            action.iter().zip(&frame).map(|(a, (mean, width))| (a - mean) / width).collect();
        let traced = self.trace(obs, &x, Search::Quick);
        let traced = traced.or_else(|| self.trace(obs, &x, Search::Careful));
        let Some((x, stretched)) = traced else { return Ok(None) };
        let log_det = stretched + frame.iter().map(|(_, width)| width.ln()).sum::<f64>();
        let std = &self.std;
        let noise: Vec<f64> = x.iter().zip(std).map(|(x, std)| x / std).collect();
        let normal = noise.iter().zip(std).map(|(z, std)| -0.5 * (z * z + TAU.ln()) - std.ln());
        Ok(Some(Origin { log_prob: normal.sum::<f64>() - log_det, noise }))
    }

    /// Follows the sampler's steps backward from `x`, in the units of the frame. Returns where they
    /// began, and the logarithm of the volume to which they stretch one; `None` where a step has no
    /// inverse that is found.
    fn trace(&self, obs: &[f64], x: &[f64], search: Search) -> Option<(Vec<f64>, f64)> {
        let shared = self.network.shared(obs);
        let (mut x, mut log_det) = (x.to_vec(), 0.0);
        // A smooth field moves a state in a step about as it does in the next one, and has about
        // its derivative.
        let (mut guess, mut known) = (x.clone(), None);
        for step in self.config.steps().into_iter().rev() {
            let Inverse { origin, slope } =
                self.step(&shared, step).invert(&x, guess, known, search)?;
            log_det += slope.log_det();
            (guess, known) = match search {
                Search::Quick => {
                    let moved = origin.iter().zip(&x).map(|(origin, x)| 2.0 * origin - x);
                    (moved.collect(), Some(slope))
                }
                Search::Careful => (origin.clone(), None),
            };
            x = origin;
        }
        Some((x, log_det))
    }

    /// Returns the action that the sampler draws from unit normals `noise`, in f64.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the lengths are not those of the policy.
    pub fn action(&self, obs: &[f64], noise: &[f64]) -> Result<Vec<f64>> {
        self.require_lengths(obs, noise)?;
        let shared = self.network.shared(obs);
        let start = noise.iter().zip(&self.std).map(|(z, std)| z * std).collect();
        let step = |x: Vec<f64>, step| self.step(&shared, step).forward(&x);
        let end = self.config.steps().into_iter().fold(start, step);
        let frame = self.frame(obs);
        Ok(end.iter().zip(frame).map(|(x, (mean, width))| mean + width * x).collect())
    }

    /// Fails unless there are as many numbers as in an observation and in an action.
    fn require_lengths(&self, obs: &[f64], action: &[f64]) -> Result<()> {
        let FlowConfig { obs_dim, action_dim, .. } = self.config;
        if (obs.len(), action.len()) == (obs_dim, action_dim) {
            return Ok(());
        }
        let (obs, action) = (obs.len(), action.len());
        Err(Error::Invalid(format!(
            "an observation of {obs} numbers and an action or noise of {action}; the policy has \
             {obs_dim} and {action_dim}"
        )))
    }

    fn step<'a>(&'a self, shared: &'a [f64], step: FlowStep) -> Step<'a> {
        let FlowStep { t, keep, gain } = step;
        let first = self.network.first(shared, &embedding(t, self.config.time_embedding));
        Step { network: &self.network, first, keep, gain: gain * self.config.output_scale }
    }
}
