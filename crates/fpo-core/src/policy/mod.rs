//! Policies, and the interface through which acting and the update use a policy of any kind.
//!
//! All that the update sees of a policy are N losses `L` of each action that was taken:
//!
//! | policy | an action is | stored with it | L |
//! |---|---|---|---|
//! | [`flow::FlowPolicy`] | the flow's end | N pairs of noise and time | N CFM losses |
//! | [`chain::ChainPolicy`] | a noisy chain's end | the chain's scored end | `−log p` per step |
//! | [`gaussian::GaussianPolicy`] | `mean + std·ε` | noise for the entropy | `−log p`, N = 1 |
//!
//! Everything after that, `ratio = exp(L_old − L_new)` and the surrogate, is shared. A policy's own
//! methods are composed Candle operations, the reference on every device; a [`crate::Backend`]
//! computes the same numbers, faster where it can.

pub(crate) mod chain;
pub(crate) mod description;
pub(crate) mod flow;
pub(crate) mod flow_constants;
mod flow_loss;
mod flow_sampling;
mod framed_loss;
pub(crate) mod gaussian;
pub(crate) mod gaussian_config;
mod learned_frame;
mod learned_source;
pub(crate) mod squashed_normal;

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::flow::config::{FlowConfig, Squash};
use crate::flow::denoising::DenoisingMdp;
use crate::flow::draws::SampleDraws;
use crate::flow::frame::ActionFrame;
use crate::flow::sampler::VelocityField;
use crate::nn::params::FlatParams;
use crate::policy::gaussian_config::GaussianConfig;
use crate::random::Noise;
use crate::rollout::stored::{Source, Stored};

/// A policy: a map from observations to actions, with its parameters.
pub trait Policy: Debug + Send + Sync {
    /// Returns the sizes and conventions.
    fn spec(&self) -> &PolicySpec;

    /// Returns the trainable parameters.
    fn params(&self) -> &FlatParams;

    /// Returns the same policy with other parameters of the same layout.
    fn with_params(&self, params: FlatParams) -> Arc<dyn Policy>;

    /// Returns the policy that is evaluated and exported: without disturbances that only training
    /// needs.
    fn deployed(&self) -> Arc<dyn Policy>;

    /// Returns actions for normalised `obs (B, O)` from unit normals `noise (B, noise_len)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted>;

    /// Returns the losses of actions under the present parameters, for normalised `obs (T, B, O)`,
    /// `action (T, B, A)`, and what was stored: `stored (T, B, rows, A)` and `t (T, B, N, 1)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn evaluate(
        &self,
        obs: &Tensor,
        action: &Tensor,
        stored: &Tensor,
        t: &Tensor,
    ) -> Result<Evaluated>;

    /// Fills `out` with the flow times that go with the losses of actions, which have `samples`
    /// each; `index` is the rollout step. Policies without flow times fill it with zeros.
    fn fill_times(
        &self,
        _draws: &SampleDraws,
        _samples: usize,
        _noise: &Noise,
        _index: u64,
        out: &mut [f32],
    ) {
        out.fill(0.0);
    }

    /// Turns the unit normals in `noise`, rows of an action's length, into the noise of the samples
    /// that are stored with actions.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn scale_noise(&self, _noise: &mut [f32]) -> Result<()> {
        Ok(())
    }

    /// Returns the velocity field that leads to the actions, for samplers other than the policy's
    /// own, or `None` if the policy is not a flow.
    fn field(&self) -> Option<&dyn VelocityField> {
        None
    }

    /// Returns the same policy with the same parameters, whose actions start from noise of another
    /// standard deviation ([`FlowConfig::source_std`]).
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for one out of range, and [`Error::Invalid`] for a policy that has
    /// none.
    fn with_source_std(&self, _std: f64) -> Result<Arc<dyn Policy>> {
        let what = "this policy has no `source_std` that can be set";
        Err(Error::Invalid(what.into()))
    }

    /// Returns what the fused kernels need to compute this policy, or `None` if there are no
    /// kernels for it. Its part of a gradient step is then composed of Candle operations.
    fn kernel_form(&self) -> Option<KernelForm<'_>> {
        None
    }

    /// Returns what a policy file says about the policy besides its weights: an object whose `kind`
    /// names the reader ([`crate::PolicyKind`]) and whose other entries are for that reader.
    ///
    /// # Errors
    /// If the settings cannot be written as JSON.
    fn description(&self) -> Result<serde_json::Value>;

    /// Returns the same policy without gradients, for acting and for stored losses.
    fn frozen(&self) -> Arc<dyn Policy> {
        self.with_params(self.params().frozen())
    }

    /// Returns the length of an observation.
    fn obs_dim(&self) -> usize {
        self.spec().obs_dim
    }

    /// Returns the length of an action.
    fn action_dim(&self) -> usize {
        self.spec().action_dim
    }

    /// Returns how actions reach the environment.
    fn squash(&self) -> Squash {
        self.spec().squash
    }

    /// Returns the number of unit normals that acting takes per action.
    fn noise_len(&self) -> usize {
        self.spec().noise_len
    }

    /// Returns the sizes of what is stored with every action, for `num_samples` Monte-Carlo pairs.
    fn stored(&self, num_samples: usize) -> Stored {
        self.spec().source.stored(num_samples)
    }
}

/// The description of a policy, which is known before the policy is built.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySpec {
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Length A of an action.
    pub action_dim: usize,
    /// Sizes of the layers of the network that acts: input, hidden layers, output.
    pub layers: Vec<usize>,
    /// Number of all parameters, those of a learned source or frame included.
    pub parameters: usize,
    /// How actions reach the environment.
    pub squash: Squash,
    /// Unit normals that acting takes per action: its start, and for a chain its disturbances.
    pub noise_len: usize,
    /// What is stored with an action.
    pub source: Source,
    /// Whether the fused kernels can compute the policy ([`Policy::kernel_form`]).
    pub has_kernels: bool,
}

impl PolicySpec {
    /// Returns the largest width of a hidden layer.
    pub fn width(&self) -> usize {
        let hidden = self.layers.len().saturating_sub(1).max(1);
        self.layers[1..hidden].iter().copied().max().unwrap_or(1)
    }
}

/// A policy as the fused kernels compute it.
#[derive(Clone, Copy, Debug)]
pub enum KernelForm<'a> {
    /// A flow.
    Flow {
        /// Sizes and conventions.
        flow: &'a FlowConfig,
        /// The noise after its steps, where these make a chain.
        chain: Option<DenoisingMdp>,
    },
    /// A squashed normal.
    Gaussian(&'a GaussianConfig),
}

impl KernelForm<'_> {
    /// Returns whether the policy is a flow whose kinetic energy can have a weight.
    pub(crate) fn has_energy(self) -> bool {
        match self {
            KernelForm::Flow { flow, chain: None } => flow.frame == ActionFrame::PerState,
            _ => false,
        }
    }
}

/// Actions, and the states that training stores with them.
#[derive(Clone, Debug)]
pub struct Acted {
    /// Actions before squashing, `(B, A)`.
    pub action: Tensor,
    /// The scored end of the chain, `(B, S + 1, A)`; `None` for policies without chains.
    pub chain: Option<Tensor>,
}

/// The losses of given actions, and the policy's mean entropy and energy where it has them.
pub struct Evaluated {
    /// L, `(T, B, N)`.
    pub losses: Tensor,
    /// Mean entropy in nats, a scalar.
    pub entropy: Option<Tensor>,
    /// Mean kinetic energy of a flow in its frame, `½‖v‖²`, a scalar.
    pub energy: Option<Tensor>,
}
