//! The flow policy's sampler as a Markov decision process: DPPO's view of its steps.
//!
//! Noise of a fixed size is added after every step of the sampler, so that each is a Gaussian
//! transition with a likelihood of its own. With `k_k·x + g_k·p` the undisturbed step
//! ([`crate::flow::path::Geometry::step`]; on the linear path Euler's `x + Δt·v`),
//!
//! ```text
//! x_{k+1} = k_k·x_k + g_k·p(x_k, t_k, o) + σ·ε_k,   ε_k ~ N(0, I)
//! log p_k = −½·‖(x_{k+1} − k_k·x_k − g_k·p) / (σ + 1e-6)‖² − ½·A·ln 2π
//! ```
//!
//! The last step is disturbed too. The likelihood is the official code's: it leaves out `−A·ln σ`,
//! which cancels in ratios, and guards σ by 1e-6. (That code stops with a shape error when σ is a
//! scalar, as its own default is; an array of length 1 works.)

use std::cell::RefCell;
use std::f64::consts::TAU;

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::flow::time::{grid, upload};
use crate::policy::flow::FlowPolicy;

/// Keeps the deviation of a transition finite, as in the official code.
const SIGMA_GUARD: f64 = 1e-6;

/// Which steps have a ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredSteps {
    /// All K.
    #[default]
    All,
    /// The last `K − ⌊K/2⌋` (the official `final_steps_only`).
    FinalHalf,
}

/// The noise of the chain and how its steps are scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DenoisingMdp {
    /// σ, the standard deviation of the noise after each step, above 0.
    pub sigma: f64,
    /// Which steps have a ratio.
    pub steps: ScoredSteps,
}

impl Default for DenoisingMdp {
    /// The σ = 0.05 of the paper's Table 1, all steps scored.
    fn default() -> DenoisingMdp {
        DenoisingMdp { sigma: 0.05, steps: ScoredSteps::default() }
    }
}

impl DenoisingMdp {
    /// Checks numbers that come from outside.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        if self.sigma > 0.0 && self.sigma.is_finite() {
            return Ok(());
        }
        Err(Error::Invalid(format!("sigma is {}; allowed: above 0, finite", self.sigma)))
    }

    /// How many of a sampler's `flow_steps` steps are scored.
    pub fn scored(&self, flow_steps: usize) -> usize {
        match self.steps {
            ScoredSteps::All => flow_steps,
            ScoredSteps::FinalHalf => flow_steps - flow_steps / 2,
        }
    }

    /// The deviation that likelihoods are computed with.
    pub(crate) fn deviation(&self) -> f64 {
        self.sigma + SIGMA_GUARD
    }

    /// `−log p` of a transition without noise.
    pub(crate) fn constant(action_dim: usize) -> f64 {
        0.5 * action_dim as f64 * TAU.ln()
    }

    /// Chains `(B, K + 1, A)` of the sampler for normalised `obs (B, O)`; the last entry is the
    /// action before squashing.
    ///
    /// Of the unit normals `noise (B, K + 1, A)`, the first are the chain's start, the others
    /// disturb the steps. Without disturbance the action is [`FlowPolicy::sample`]'s.
    pub fn chain(&self, policy: &FlowPolicy, obs: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let draw = |k: usize| noise.narrow(1, k, 1)?.squeeze(1)?.contiguous();
        let start = draw(0)?;
        let states = RefCell::new(vec![start.clone()]);
        policy.integrate(obs, &start, |k, x| {
            let x = (x + (draw(k + 1)? * self.sigma)?)?;
            states.borrow_mut().push(x.clone());
            Ok(x)
        })?;
        Ok(Tensor::stack(&states.into_inner(), 1)?)
    }

    /// `−log p_k (…, S)` of the transitions of `chain (…, S + 1, A)`, the end of a chain of
    /// `policy`, at normalised `obs (…, O)`: of all K steps, or of those that are scored.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a chain of another length.
    pub fn negative_log_likelihood(
        &self,
        policy: &FlowPolicy,
        obs: &Tensor,
        chain: &Tensor,
    ) -> Result<Tensor> {
        self.validate()?;
        let along = chain.rank() - 2;
        let flow_steps = policy.config().flow_steps;
        let steps = chain.dim(along)? - 1;
        if steps != flow_steps && steps != self.scored(flow_steps) {
            return Err(Error::Invalid(format!(
                "a chain of {} states does not belong to {flow_steps} steps of a sampler",
                steps + 1
            )));
        }
        let from = chain.narrow(along, 0, steps)?.contiguous()?;
        let to = chain.narrow(along, 1, steps)?;
        let mut lead = from.dims().to_vec();
        let action_dim = lead.pop().unwrap_or_default();

        let times = &grid(flow_steps)[flow_steps - steps..];
        let t = upload(&times[..steps], (steps, 1), chain)?;
        let t = t.broadcast_as([&lead[..], &[1]].concat())?.contiguous()?;
        let obs_dim = policy.config().obs_dim;
        let obs = obs.unsqueeze(along)?.broadcast_as([&lead[..], &[obs_dim]].concat())?;
        let predicted = policy.predict(&obs.contiguous()?, &from, &t)?;

        let rule = policy.config().geometry();
        let (keep, gain): (Vec<f64>, Vec<f64>) =
            times.windows(2).map(|pair| rule.step(pair[0], pair[1])).unzip();
        let kept = match keep.iter().all(|&keep| keep == 1.0) {
            true => from,
            false => from.broadcast_mul(&upload(&keep, (steps, 1), chain)?)?,
        };
        let expected = (kept + predicted.broadcast_mul(&upload(&gain, (steps, 1), chain)?)?)?;
        let deviation = ((to - expected)? * (1.0 / self.deviation()))?;
        let half = (deviation.sqr()?.sum(D::Minus1)? * 0.5)?;
        Ok((half + DenoisingMdp::constant(action_dim))?)
    }
}
