//! What an algorithm is: a name, the settings that it changes, and the policy that it builds.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device};
use serde::{Serialize, Serializer};

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::objective::Objective;
use crate::objective::surrogate::Surrogate;
use crate::policy::{Policy, PolicySpec};
use crate::random::Noise;

/// Everything that a policy of any algorithm may be built from; each takes what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// Sizes and conventions of a flow; of a Gaussian, `obs_dim`, `action_dim`, `hidden`,
    /// `activation` and `squash`.
    pub flow: FlowConfig,
    /// Least standard deviation of a Gaussian.
    pub min_std: f64,
    /// The noise after each step of a chain.
    pub denoising: DenoisingMdp,
}

/// One algorithm.
#[derive(Clone, Copy)]
pub struct Algorithm {
    /// Its name in configurations.
    pub name: &'static str,
    /// Where it is described.
    pub paper: &'static str,
    /// The settings that it changes, as TOML in the words of a run's configuration. Whatever a
    /// configuration file or an override writes wins over it.
    pub preset: &'static str,
    /// Describes the policy that [`Algorithm::build`] will build.
    pub spec: fn(&PolicySettings) -> PolicySpec,
    /// Builds the policy in its initial state.
    pub build: fn(&PolicySettings, &Noise, DType, &Device) -> Result<Arc<dyn Policy>>,
    /// What is maximised instead of the objective's named surrogate, if anything.
    pub surrogate: Option<fn(&Objective) -> Arc<dyn Surrogate>>,
}

impl PartialEq for Algorithm {
    /// Algorithms are told apart by their names.
    fn eq(&self, other: &Algorithm) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Algorithm({})", self.name)
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
