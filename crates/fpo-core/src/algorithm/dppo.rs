//! DPPO (arXiv 2409.00588), the paper's second baseline, with the settings that the paper tuned
//! (Table 1). It is PPO on the denoising steps of a flow ([`crate::DenoisingMdp`]), with one ratio
//! per step.

use std::sync::Arc;

use candle_core::{DType, Device};

use crate::algorithm::settings::{Algorithm, PolicySettings};
use crate::error::Result;
use crate::policy::chain::ChainPolicy;
use crate::policy::flow::FlowPolicy;
use crate::policy::{Policy, PolicySpec};
use crate::random::Noise;

/// DPPO.
pub(crate) const ALGORITHM: Algorithm = Algorithm {
    name: "dppo",
    paper: "arXiv 2507.21053, DPPO baseline; after arXiv 2409.00588",
    preset: r#"
        algorithm = { clip_epsilon = 0.2, ratio = "per_sample" }
    "#,
    spec,
    build,
    surrogate: None,
};

fn spec(settings: &PolicySettings) -> PolicySpec {
    let PolicySettings { flow, denoising, .. } = settings;
    ChainPolicy::spec_of(&FlowPolicy::spec_of(flow), flow.flow_steps, denoising)
}

fn build(
    settings: &PolicySettings,
    noise: &Noise,
    dtype: DType,
    device: &Device,
) -> Result<Arc<dyn Policy>> {
    let flow = FlowPolicy::new(settings.flow.clone(), noise, dtype, device)?;
    Ok(Arc::new(ChainPolicy::new(flow, settings.denoising)?))
}
