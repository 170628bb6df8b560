//! The flow policy's sampler as a Markov decision process: DPPO's view of its steps.
//!
//! Noise of a fixed size is added after every step of the sampler, so that each is a Gaussian
//! transition with a likelihood of its own. Let `k_k·x + g_k·p` be the undisturbed step
//! ([`crate::path::Parametrization::step`]), which is Euler's `x + Δt·v` on the linear path. Then
//!
//! ```text
//! x_{k+1} = k_k·x_k + g_k·p(x_k, t_k, o) + σ·ε_k,   ε_k ~ N(0, I)
//! log p_k = −½·‖(x_{k+1} − k_k·x_k − g_k·p) / (σ + 1e-6)‖² − ½·A·ln 2π
//! ```
//!
//! The last step is disturbed too. The likelihood is the official code's: it leaves out `−A·ln σ`,
//! which cancels in ratios, and guards σ by 1e-6. (That code stops with a shape error when σ is a
//! scalar, as its own default is; an array of length 1 works.)

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Keeps the deviation of a transition finite, as in the official code.
const SIGMA_GUARD: f64 = 1e-6;

/// Which steps have a ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredSteps {
    /// All K steps.
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
    /// Returns the σ = 0.05 of the paper's Table 1, all steps scored.
    fn default() -> DenoisingMdp {
        DenoisingMdp { sigma: 0.05, steps: ScoredSteps::default() }
    }
}

impl DenoisingMdp {
    /// Checks σ against its range.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let good = self.sigma > 0.0 && self.sigma.is_finite();
        require(good, "sigma", self.sigma, "above 0")
    }

    /// Returns how many of a sampler's `flow_steps` steps are scored.
    pub fn scored(&self, flow_steps: usize) -> usize {
        match self.steps {
            ScoredSteps::All => flow_steps,
            ScoredSteps::FinalHalf => flow_steps - flow_steps / 2,
        }
    }

    /// Returns the deviation with which likelihoods are computed.
    pub(crate) fn deviation(&self) -> f64 {
        self.sigma + SIGMA_GUARD
    }

    /// Returns `−log p` of a transition that no noise disturbed.
    pub(crate) fn constant(action_dim: usize) -> f64 {
        0.5 * action_dim as f64 * TAU.ln()
    }
}
