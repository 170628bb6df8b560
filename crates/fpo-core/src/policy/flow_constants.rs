//! What a flow policy computes with besides its weights.

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::time::{embedding, frequencies, upload};
use crate::nn::mlp::Mlp;

/// Numbers that do not change with the weights. They come from the host once, not with every call.
#[derive(Clone, Debug)]
pub(crate) struct Constants {
    /// The factors of the time embedding.
    pub(crate) frequencies: Tensor,
    /// The embedded times of the sampler's steps, `(K, time_embedding)`.
    pub(crate) times: Tensor,
    /// See [`Mlp::unit_columns`].
    pub(crate) columns: Vec<Tensor>,
}

impl Constants {
    /// Returns the constants of a flow where and as its parameters `like` are.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn new(config: &FlowConfig, mlp: &Mlp, like: &Tensor) -> Result<Constants> {
        let FlowConfig { flow_steps, time_embedding, .. } = *config;
        let steps = config.steps().into_iter();
        let times: Vec<f64> = steps.flat_map(|step| embedding(step.t, time_embedding)).collect();
        Ok(Constants {
            frequencies: frequencies(time_embedding, like)?,
            times: upload(&times, (flow_steps, time_embedding), like)?,
            columns: mlp.unit_columns(like)?,
        })
    }
}
