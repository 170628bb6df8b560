//! Who acts and learns: the policies of FPO, DPPO and Gaussian PPO behind one face.
//!
//! The update knows of a policy only the losses `L` of an action that was taken, N of them:
//!
//! | policy | an action is | stored with it | L |
//! |---|---|---|---|
//! | [`Policy::Flow`] | the flow's end | N pairs of noise and time | N CFM losses |
//! | [`Policy::Chain`] | the end of a noisy chain | the chain's scored end | `−log p` of each step |
//! | [`Policy::Gaussian`] | `mean + std·ε` | noise for the entropy | `−log p`, N = 1 |
//!
//! Everything after that, `ratio = exp(L_old − L_new)` and the surrogate, is shared.

pub(crate) mod denoising;
pub(crate) mod flow;
pub(crate) mod gaussian;
pub(crate) mod squashed_normal;

use candle_core::Tensor;

use crate::backend::Compute;
use crate::backend::fused::sampling::fused_chain;
use crate::error::Result;
use crate::flow::config::Squash;
use crate::flow::time;
use crate::flow::time::TrainingTimes;
use crate::nn::params::FlatParams;
use crate::policy::denoising::DenoisingMdp;
use crate::policy::flow::FlowPolicy;
use crate::policy::gaussian::GaussianPolicy;
use crate::random::Noise;

/// A policy of one of the three kinds.
#[derive(Clone, Debug)]
pub enum Policy {
    /// FPO and FPO++: a flow whose CFM losses stand for likelihoods.
    Flow(FlowPolicy),
    /// DPPO: a flow whose sampler is a chain of Gaussian transitions.
    Chain(FlowPolicy, DenoisingMdp),
    /// PPO: a squashed normal.
    Gaussian(GaussianPolicy),
}

/// Actions, and what of their making must be stored.
#[derive(Clone, Debug)]
pub struct Acted {
    /// Actions before squashing, `(B, A)`.
    pub action: Tensor,
    /// The scored end of the chain, `(B, S + 1, A)`, of [`Policy::Chain`].
    pub chain: Option<Tensor>,
}

/// What is drawn for, or stored with, every action besides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Losses per action, N.
    pub losses: usize,
    /// Rows of `A` numbers per action in [`crate::Rollout::eps`].
    pub rows: usize,
    /// Whether those rows are drawn noise, or come from acting.
    pub source: Source,
}

/// Where the rows stored with an action come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard normals, with a flow time each.
    NoiseAndTime,
    /// Standard normals.
    Noise,
    /// The chain that led to the action.
    Chain,
}

/// The losses of given actions, and the policy's mean entropy where it is known.
pub struct Evaluated {
    /// L, `(T, B, N)`.
    pub losses: Tensor,
    /// In nats, a scalar.
    pub entropy: Option<Tensor>,
}

impl From<FlowPolicy> for Policy {
    fn from(policy: FlowPolicy) -> Policy {
        Policy::Flow(policy)
    }
}

impl From<GaussianPolicy> for Policy {
    fn from(policy: GaussianPolicy) -> Policy {
        Policy::Gaussian(policy)
    }
}

impl Policy {
    /// The trainable parameters.
    pub fn params(&self) -> &FlatParams {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => flow.params(),
            Policy::Gaussian(gaussian) => gaussian.params(),
        }
    }

    /// The same policy without gradients, for acting and for stored losses.
    pub fn frozen(&self) -> Policy {
        self.with_params(self.params().frozen())
    }

    /// The same policy with other parameters of the same layout.
    pub fn with_params(&self, params: FlatParams) -> Policy {
        match self {
            Policy::Flow(flow) => Policy::Flow(flow.with_params(params)),
            Policy::Chain(flow, mdp) => Policy::Chain(flow.with_params(params), *mdp),
            Policy::Gaussian(gaussian) => Policy::Gaussian(gaussian.with_params(params)),
        }
    }

    /// What is evaluated and exported: a chain without its disturbances, any other as it is.
    pub fn deployed(self) -> Policy {
        match self {
            Policy::Chain(flow, _) => Policy::Flow(flow),
            other => other,
        }
    }

    /// The flow of a policy that has one.
    pub fn flow(&self) -> Option<&FlowPolicy> {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => Some(flow),
            Policy::Gaussian(_) => None,
        }
    }

    /// Who computes.
    pub fn compute(&self) -> Compute {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => flow.compute(),
            Policy::Gaussian(gaussian) => gaussian.compute(),
        }
    }

    /// Length of an observation.
    pub fn obs_dim(&self) -> usize {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => flow.config().obs_dim,
            Policy::Gaussian(gaussian) => gaussian.config().obs_dim,
        }
    }

    /// Length of an action.
    pub fn action_dim(&self) -> usize {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => flow.config().action_dim,
            Policy::Gaussian(gaussian) => gaussian.config().action_dim,
        }
    }

    /// The largest width of its network.
    pub fn width(&self) -> usize {
        let hidden = match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => &flow.config().hidden,
            Policy::Gaussian(gaussian) => &gaussian.config().hidden,
        };
        hidden.iter().copied().max().unwrap_or(1)
    }

    /// How actions reach the environment.
    pub fn squash(&self) -> Squash {
        match self {
            Policy::Flow(flow) | Policy::Chain(flow, _) => flow.config().squash,
            Policy::Gaussian(gaussian) => gaussian.config().squash,
        }
    }

    /// Unit normals that acting takes per action: the start, and for a chain its disturbances.
    pub fn noise_len(&self) -> usize {
        match self {
            Policy::Chain(flow, _) => (flow.config().flow_steps + 1) * flow.config().action_dim,
            _ => self.action_dim(),
        }
    }

    /// What is stored with every action when `samples` Monte-Carlo pairs are asked for.
    pub fn stored(&self, samples: usize) -> Stored {
        match self {
            Policy::Flow(_) => {
                Stored { losses: samples, rows: samples, source: Source::NoiseAndTime }
            }
            Policy::Chain(flow, mdp) => {
                let losses = mdp.scored(flow.config().flow_steps);
                Stored { losses, rows: losses + 1, source: Source::Chain }
            }
            Policy::Gaussian(_) => Stored { losses: 1, rows: 1, source: Source::Noise },
        }
    }

    /// Fills `out` with the flow times that go with the losses of actions; `index` is the rollout
    /// step. Only a flow has any; the others' are 0.
    pub fn fill_times(&self, times: TrainingTimes, noise: &Noise, index: u64, out: &mut [f32]) {
        match self {
            Policy::Flow(flow) => time::draw(times, flow.config().flow_steps, noise, index, out),
            _ => out.fill(0.0),
        }
    }

    /// Actions for normalised `obs (B, O)` from unit normals `noise (B, noise_len)`.
    pub fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        Ok(match self {
            Policy::Flow(flow) => Acted { action: flow.sample(obs, noise)?, chain: None },
            Policy::Gaussian(gaussian) => {
                Acted { action: gaussian.sample(obs, noise)?, chain: None }
            }
            Policy::Chain(flow, mdp) => {
                let config = flow.config();
                let (rows, states) = (noise.dim(0)?, config.flow_steps + 1);
                let noise = noise.reshape((rows, states, config.action_dim))?;
                let chain = match flow.compute() {
                    Compute::Fused(isa) => fused_chain(isa, flow, mdp.sigma, obs, &noise)?,
                    Compute::Composed => mdp.chain(flow, obs, &noise)?,
                };
                let scored = mdp.scored(config.flow_steps);
                let action = chain.narrow(1, states - 1, 1)?.squeeze(1)?.contiguous()?;
                let chain = chain.narrow(1, states - 1 - scored, scored + 1)?;
                Acted { action, chain: Some(chain) }
            }
        })
    }

    /// The losses of actions under the present parameters, for normalised `obs (T, B, O)`, `action
    /// (T, B, A)`, and what was stored: `eps (T, B, rows, A)` and `t (T, B, N, 1)`.
    pub fn evaluate(
        &self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
    ) -> Result<Evaluated> {
        match self {
            Policy::Flow(flow) => {
                Ok(Evaluated { losses: flow.cfm_loss(obs, action, eps, t)?, entropy: None })
            }
            Policy::Chain(flow, mdp) => {
                let losses = mdp.negative_log_likelihood(flow, obs, eps)?;
                Ok(Evaluated { losses, entropy: None })
            }
            Policy::Gaussian(gaussian) => {
                let distribution = gaussian.distribution(obs)?;
                let losses = distribution.log_prob_unsquashed(action)?.neg()?.unsqueeze(2)?;
                let entropy = Some(distribution.mean_entropy(eps)?);
                Ok(Evaluated { losses, entropy })
            }
        }
    }
}
