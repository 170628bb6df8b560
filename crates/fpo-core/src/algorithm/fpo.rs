//! FPO (arXiv 2507.21053) trains a flow, whose CFM losses take the place of likelihoods.
//!
//! ```text
//! ratio = exp(L_old − L_new),   L = mean over N pairs (ε, t) of the CFM loss of the taken action
//! ```
//!
//! Its settings are the defaults.

use std::sync::Arc;

use candle_core::{DType, Device};

use crate::algorithm::settings::{Algorithm, PolicySettings};
use crate::error::Result;
use crate::policy::flow::FlowPolicy;
use crate::policy::{Policy, PolicySpec};
use crate::random::Noise;

/// FPO.
pub(crate) const ALGORITHM: Algorithm =
    Algorithm { name: "fpo", paper: "arXiv 2507.21053", preset: "", spec, build, surrogate: None };

/// Describes the flow policy with these settings.
pub(crate) fn spec(settings: &PolicySettings) -> PolicySpec {
    FlowPolicy::spec_of(&settings.flow)
}

/// Builds the flow policy in its initial state.
pub(crate) fn build(
    settings: &PolicySettings,
    noise: &Noise,
    dtype: DType,
    device: &Device,
) -> Result<Arc<dyn Policy>> {
    Ok(Arc::new(FlowPolicy::new(settings.flow.clone(), noise, dtype, device)?))
}
