//! Flow Policy Optimization on Candle tensors.
//!
//! *Flow Matching Policy Gradients* (arXiv 2507.21053) trains a flow-matching policy with PPO's
//! clipped objective, where the likelihood ratio is replaced by
//!
//! ```text
//! ratio = exp(L_old − L_new),   L = Monte-Carlo estimate of the CFM loss of the taken action
//! ```
//!
//! so that neither likelihoods nor a particular sampler are needed. This crate holds the
//! algorithm: [`FlowPolicy`] and [`ValueNet`] over flat parameter vectors, the CFM loss
//! ([`FlowPolicy::cfm_loss`]), the ratio and the clipped objective ([`objective`]), generalised
//! advantage estimation ([`gae`]), Adam ([`Adam`]) and the whole update ([`Learner`]). It knows
//! no environment, no run directory and no terminal, and runs on any Candle device.
//!
//! Conventions: flow time runs from `t = 1` (noise) to `t = 0` (action),
//! `x_t = t·ε + (1−t)·a`, velocity `v ≈ ε − a`. Tensors are time-major, `(T, B, …)`; a linear
//! layer is `x·W + b` with `W` of shape `(in, out)`. Actions are stored before `tanh`.
//!
//! ```
//! use candle_core::{DType, Device};
//! use fpo_core::{FlowConfig, FlowPolicy, Noise, Purpose};
//!
//! let device = Device::Cpu;
//! let noise = Noise::new(0);
//! let policy = FlowPolicy::new(FlowConfig::new(3, 2), &noise, DType::F32, &device)?;
//! let obs = noise.normal_tensor(Purpose::Action, 0, &[4, 3], &device)?;
//! let start = noise.normal_tensor(Purpose::Action, 1, &[4, 2], &device)?;
//! let action = policy.sample(&obs, &start)?;
//! assert_eq!(action.dims(), &[4, 2]);
//! # Ok::<(), fpo_core::Error>(())
//! ```

mod adam;
mod adam_in_place;
mod compute;
mod denoising_mdp;
mod differentiated;
mod ema;
mod error;
mod flow_config;
mod flow_policy;
mod fpo_loss;
mod fused;
mod fused_sampling;
mod fused_steps;
pub mod gae;
mod gaussian;
mod gaussian_policy;
mod guards;
mod host;
mod host_tensor;
mod kernels;
mod knn_entropy;
mod learner;
mod learner_state;
mod mlp;
pub mod modality;
mod noise;
mod normalizer;
pub mod objective;
mod optimizer;
mod params;
pub mod path;
mod path_tensors;
mod phase_times;
mod policy;
mod rate_schedule;
mod rollout;
pub mod sampler;
mod squashed_normal;
mod step_loss;
mod step_metrics;
pub mod surrogates;
pub mod time;
mod value_net;

pub use adam::{Adam, AdamConfig, clip_global_norm};
pub use compute::Compute;
pub use denoising_mdp::{DenoisingMdp, ScoredSteps};
pub use ema::{Ema, EmaConfig};
pub use error::{Error, Result};
pub use flow_config::{FlowConfig, Reduction, Squash};
pub use flow_policy::FlowPolicy;
pub use fpo_loss::{Critique, FpoLoss, fpo_loss};
pub use gae::{AdvantageKind, Advantages, Truncation};
pub use gaussian_policy::{GaussianConfig, GaussianPolicy};
pub use guards::{Guards, clamp_straight_through};
pub use host_tensor::HostTensor;
pub use kernels::Isa;
pub use knn_entropy::{DEFAULT_NEIGHBOURS, MIN_DISTANCE, knn_entropy, mean_knn_entropy};
pub use learner::{Learner, MinibatchSchedule};
pub use learner_state::{Counters, LearnerState};
pub use mlp::{Activation, Mlp};
pub use modality::{DipNull, Modality};
pub use noise::{Noise, Purpose};
pub use normalizer::{DeviceNormalizer, Normalizer, NormalizerKind};
pub use objective::{AdvantageNormalization, Objective, RatioKind};
pub use optimizer::{Optimizer, OptimizerConfig, OptimizerKind};
pub use params::{FlatParams, Layout};
pub use path::{Path, Quantity};
pub use phase_times::PhaseTimes;
pub use policy::{Acted, Evaluated, Policy, Source, Stored};
pub use rate_schedule::{Rate, RateSchedule};
pub use rollout::{Minibatch, MinibatchTensors, Rollout};
pub use sampler::Sampler;
pub use squashed_normal::SquashedNormal;
pub use step_loss::StepLoss;
pub use step_metrics::StepMetrics;
pub use surrogates::SurrogateKind;
pub use time::TrainingTimes;
pub use value_net::ValueNet;
