//! The frame of a state in composed operations ([`crate::ActionFrame`] has the formulas).

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::frame::LOG_SCALE_RANGE;
use crate::nn::params::FlatParams;

/// Frames at some observations, differentiable where the flow is.
pub(super) struct LearnedFrame {
    /// μ, `(rows, A)`.
    mean: Tensor,
    /// `ln σ`, `(rows, A)`.
    pub(super) log_std: Tensor,
}

impl LearnedFrame {
    /// Returns the frames of a policy with these parameters at normalised `obs (rows, O)`.
    pub(super) fn new(
        config: &FlowConfig,
        params: &FlatParams,
        obs: &Tensor,
    ) -> Result<LearnedFrame> {
        let network = config.frame_mlp();
        let count = network.parameters();
        // The frame's parameters follow the velocity's.
        let own = params.flat().narrow(0, params.layout().len() - count, count)?;
        let output = network.forward_rows(&own, obs, None, 1.0)?;
        let theta = output.narrow(1, 0, config.action_dim)?;
        let theta = ((theta / LOG_SCALE_RANGE)?.tanh()? * LOG_SCALE_RANGE)?;
        Ok(LearnedFrame {
            mean: output.narrow(1, config.action_dim, config.action_dim)?,
            log_std: (theta + config.source_std.ln())?,
        })
    }

    /// Returns the actions `μ + σ·x` of the ends `x (rows, A)`.
    pub(super) fn place(&self, x: &Tensor) -> Result<Tensor> {
        Ok(((x * self.log_std.exp()?)? + &self.mean)?)
    }

    /// Returns `(a − μ)/σ` for actions `(rows, A)`.
    pub(super) fn enter(&self, action: &Tensor) -> Result<Tensor> {
        Ok(((action - &self.mean)? * self.log_std.neg()?.exp()?)?)
    }
}
