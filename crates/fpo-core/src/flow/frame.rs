//! The frame in which a flow acts: fixed, or one that a network learns for each state.
//!
//! Where the frame is learned, a flow does not yield the action `a` but what it is in units of a
//! width σ(s) about a centre μ(s),
//!
//! ```text
//! a = μ(s) + σ(s)·x,    x the end of the flow from N(0, 1),    σ = source_std · exp θ(s)
//! L(a | s) = L_flow((a − μ)/σ | s) + Σ_i ln σ_i
//! ```
//!
//! so that its source is a Gaussian policy, which the flow bends. The second line is the change of
//! variables of a likelihood, of which the CFM loss in nats is an estimate. The noise of that loss
//! is taken out: with the error e of the velocity,
//!
//! ```text
//! L_flow = Σ_i (e_i² − ε_i²)/2
//! ```
//!
//! for errors of the velocity; those of noise or data weigh `3·w(t)²`, of mean 1 over uniform
//! times.
//!
//! For a flow that bends nothing, v = 0, `e = x − ε` with the taken `x = (a − μ)/σ`, and the mean
//! over a couple ±ε is `Σ x_i²/2`: the negative log-likelihood of a Gaussian without any
//! Monte-Carlo noise, and PPO on a Gaussian policy is this special case. The flow sees `x_t` in the
//! frame too, so that its input and its error are of unit size however narrow a policy becomes; in
//! the units of actions an error of 0.1 is nothing to a wide policy, and all to a narrow one.
//!
//! h and μ are the outputs of a perceptron of its own on the normalised observation, with hidden
//! layers as those of the velocity, and `θ = R·tanh(h/R)`, R = 3: where widths could be a
//! thousandth, gradients of a few narrow states were all that was left of an update. Its last layer
//! starts at zero, hence σ at `source_std` and μ at 0.

use serde::{Deserialize, Serialize};

/// What the frame of a flow depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionFrame {
    /// On nothing: actions are the flow's ends.
    #[default]
    Fixed,
    /// On the observation, by a network that is learned together with the velocity.
    PerState,
}

/// The name before the layers of the network that yields a frame for each state.
pub(crate) const FRAME_NETWORK: &str = "frame";

/// The largest size of θ: a width of 1/20 to 20 times `source_std`.
pub(crate) const LOG_SCALE_RANGE: f64 = 3.0;

/// Returns θ for the output `h` of the network of frames.
pub(crate) fn log_scale(output: f64) -> f64 {
    LOG_SCALE_RANGE * (output / LOG_SCALE_RANGE).tanh()
}

impl ActionFrame {
    /// Returns whether it is the default, which policy files do not mention.
    pub(crate) fn is_fixed(&self) -> bool {
        *self == ActionFrame::Fixed
    }
}
