//! PPO with a Gaussian policy, the paper's first baseline, with the settings that the paper tuned
//! (Tables 1 and A.2). Evaluations play the mean action, as in the official code.
//!
//! ```text
//! L = −log p(action),   ratio = exp(L_old − L_new)
//! ```

use std::sync::Arc;

use candle_core::{DType, Device};

use crate::algorithm::settings::{Algorithm, PolicySettings};
use crate::error::Result;
use crate::policy::gaussian::GaussianPolicy;
use crate::policy::gaussian_config::GaussianConfig;
use crate::policy::{Policy, PolicySpec};
use crate::random::Noise;

/// PPO.
pub(crate) const ALGORITHM: Algorithm = Algorithm {
    name: "ppo",
    paper: "arXiv 2507.21053, Gaussian baseline",
    preset: r#"
        algorithm = { clip_epsilon = 0.1, entropy_coefficient = 0.01 }
        eval = { start = "zero" }
    "#,
    spec,
    build,
    surrogate: None,
};

fn config(settings: &PolicySettings) -> GaussianConfig {
    let flow = settings.flow.clone();
    GaussianConfig {
        obs_dim: flow.obs_dim,
        action_dim: flow.action_dim,
        hidden: flow.hidden,
        activation: flow.activation,
        min_std: settings.min_std,
        squash: flow.squash,
    }
}

fn spec(settings: &PolicySettings) -> PolicySpec {
    GaussianPolicy::spec_of(&config(settings))
}

fn build(
    settings: &PolicySettings,
    noise: &Noise,
    dtype: DType,
    device: &Device,
) -> Result<Arc<dyn Policy>> {
    Ok(Arc::new(GaussianPolicy::new(config(settings), noise, dtype, device)?))
}
