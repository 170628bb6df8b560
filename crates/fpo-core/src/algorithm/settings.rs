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

/// Everything from which an algorithm may build its policy; each algorithm reads what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// Sizes and conventions of a flow. A Gaussian takes its `obs_dim`, `action_dim`, `hidden`,
    /// `activation` and `squash` from here too.
    pub flow: FlowConfig,
    /// Least standard deviation of a Gaussian.
    pub min_std: f64,
    /// The noise after each step of a chain.
    pub denoising: DenoisingMdp,
}

/// Builds a policy in its initial state, with weights drawn from the noise.
pub type PolicyBuilder = fn(&PolicySettings, &Noise, DType, &Device) -> Result<Arc<dyn Policy>>;

/// Makes the surrogate of an algorithm that has one of its own.
pub type SurrogateBuilder = fn(&Objective) -> Arc<dyn Surrogate>;

/// One algorithm.
#[derive(Clone, Copy)]
pub struct Algorithm {
    /// Its name in configurations.
    pub name: &'static str,
    /// Where it is described.
    pub paper: &'static str,
    /// The settings that it changes, as TOML in the words of a run's configuration. A configuration
    /// file or an override wins over them.
    pub preset: &'static str,
    /// Describes the policy that [`Algorithm::build`] will build.
    pub spec: fn(&PolicySettings) -> PolicySpec,
    /// Builds the policy in its initial state.
    pub build: PolicyBuilder,
    /// Makes the surrogate to maximise; `None` for the one that the objective names.
    pub surrogate: Option<SurrogateBuilder>,
}

impl PartialEq for Algorithm {
    /// Returns whether both algorithms have the same name.
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
