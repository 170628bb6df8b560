//! The width of the noise that a flow starts from: `ε ~ N(0, diag σ²)` in sampling, in the losses
//! and in evaluations alike.
//!
//! A narrower source explores less, and a flow that only shifts its source acts with a standard
//! deviation of exactly σ. A **learned** width is therefore to a flow what a learned standard
//! deviation is to a Gaussian policy. Its loss in nats ([`crate::Reduction::Nats`]) is, with noise
//! ε that was drawn from the old width and the measured error e of the velocity,
//!
//! ```text
//! L = Σ_i [ (e_i² − ε_i²) / (2σ_i²) + ln σ_i ],    σ_i = source_std · exp(θ_i)
//! ```
//!
//! For a flow that shifts its source by m, `e = ε − (a − m)`, and the mean over a couple ±ε is
//! `Σ (a_i − m_i)²/(2σ_i²) + ln σ_i`: the negative log-likelihood of `N(m, diag σ²)` but for a
//! constant, without any Monte-Carlo noise. So PPO on a Gaussian with one standard deviation per
//! action dimension is the special case of a flow that bends nothing. The term ε² keeps the width
//! from the error that the noise itself makes; it does not depend on the parameters other than
//! those of σ. A width for each state is that of a frame ([`crate::ActionFrame`]).

use serde::{Deserialize, Serialize};

/// What the width of a flow's source depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceWidth {
    /// On nothing: it is `source_std`.
    #[default]
    Fixed,
    /// On one parameter for each action dimension, which is learned like the network's.
    Learned,
}

/// The name of the parameters θ, `ln(σ / source_std)`.
pub(crate) const LOG_SCALE: &str = "policy.source_log_scale";

impl SourceWidth {
    /// Returns whether the width is the default, which policy files do not mention.
    pub(crate) fn is_fixed(&self) -> bool {
        *self == SourceWidth::Fixed
    }
}
