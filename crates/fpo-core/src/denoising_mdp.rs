//! The flow policy's sampler as a Markov decision process: DPPO's view of Euler steps.
//!
//! Noise of a fixed size is added after every Euler step, so that each step is a Gaussian
//! transition with a likelihood of its own:
//!
//! ```text
//! x_{k+1} = x_k + Δt_k·v(x_k, t_k, o) + σ·ε_k,   ε_k ~ N(0, I),   Δt_k = −1/K
//! log p_k = −½·‖(x_{k+1} − x_k − Δt_k·v) / (σ + 1e-6)‖² − ½·A·ln 2π
//! ```
//!
//! The last step is disturbed too. The likelihood is the official code's: it leaves out `−A·ln σ`,
//! which cancels in ratios, and guards σ by 1e-6. (That code stops with a shape error when σ is a
//! scalar, as its own default is; an array of length 1 works.)

use std::cell::RefCell;
use std::f64::consts::TAU;

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};

use crate::time::grid;
use crate::{Error, FlowPolicy, Result};

/// Keeps the deviation of a transition finite, as in the official code.
const SIGMA_GUARD: f64 = 1e-6;

/// Which Euler steps have a ratio.
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
    /// σ, the standard deviation of the noise after each Euler step, above 0.
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

    /// Chains `(B, K + 1, A)` of the sampler for normalised `obs (B, O)`; the last entry is the
    /// action before squashing.
    ///
    /// Of the unit normals `noise (K + 1, B, A)`, the first are the chain's start, the others
    /// disturb the steps. Without disturbance the action is [`FlowPolicy::sample`]'s.
    pub fn chain(&self, policy: &FlowPolicy, obs: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let start = noise.get(0)?;
        let states = RefCell::new(vec![start.clone()]);
        policy.integrate(obs, &start, |k, x| {
            let x = (x + (noise.get(k + 1)? * self.sigma)?)?;
            states.borrow_mut().push(x.clone());
            Ok(x)
        })?;
        Ok(Tensor::stack(&states.into_inner(), 1)?)
    }

    /// `−log p_k (…, K)`, less a constant, of every transition of `chain (…, K + 1, A)` under `policy` at normalised
    /// `obs (…, O)`.
    pub fn negative_log_likelihood(
        &self,
        policy: &FlowPolicy,
        obs: &Tensor,
        chain: &Tensor,
    ) -> Result<Tensor> {
        self.validate()?;
        let along = chain.rank() - 2;
        let steps = policy.config().flow_steps;
        if chain.dim(along)? != steps + 1 {
            return Err(Error::Invalid(format!(
                "a chain of {} states does not belong to {steps} Euler steps",
                chain.dim(along)?
            )));
        }
        let from = chain.narrow(along, 0, steps)?;
        let to = chain.narrow(along, 1, steps)?;
        let mut lead = from.dims().to_vec();
        let action_dim = lead.pop().unwrap_or_default();

        let times: Vec<f64> = grid(steps)[..steps].to_vec();
        let t = Tensor::new(times, chain.device())?.to_dtype(chain.dtype())?;
        let t = t.broadcast_as(lead.as_slice())?.unsqueeze(D::Minus1)?.contiguous()?;
        let obs_dim = policy.config().obs_dim;
        let obs = obs.unsqueeze(along)?.broadcast_as([&lead[..], &[obs_dim]].concat())?;
        let velocity = policy.velocity(&obs.contiguous()?, &from.contiguous()?, &t)?;

        let step = 1.0 / steps as f64;
        let expected = (from - (velocity * step)?)?;
        let deviation = ((to - expected)? * (1.0 / (self.sigma + SIGMA_GUARD)))?;
        let constant = 0.5 * action_dim as f64 * TAU.ln();
        Ok(((deviation.sqr()?.sum(D::Minus1)? * 0.5)? + constant)?)
    }

    /// The scored steps of `per_step (…, K)`.
    pub(crate) fn scored(&self, per_step: &Tensor) -> Result<Tensor> {
        let steps = per_step.dim(D::Minus1)?;
        let first = match self.steps {
            ScoredSteps::All => 0,
            ScoredSteps::FinalHalf => steps / 2,
        };
        Ok(per_step.narrow(D::Minus1, first, steps - first)?)
    }
}
