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

mod acting;
mod algorithm;
mod backend;
mod diagnostics;
mod error;
mod flow;
mod learner;
mod nn;
mod objective;
mod optimizer;
mod policy;
mod policy_file;
mod random;
mod reduce;
mod rollout;
mod simd;
mod tensor;
mod timing;

pub use acting::{ACTION, Actions, Actor, require_finite};
pub use algorithm::settings::{Algorithm, PolicySettings};
pub use algorithm::{ALGORITHMS, Registry};
pub use backend::Backend;
pub use backend::choice::Compute;
pub use diagnostics::knn_entropy::{
    DEFAULT_NEIGHBOURS, MIN_DISTANCE, knn_entropy, mean_knn_entropy,
};
pub use diagnostics::modality;
pub use error::{Error, Result};
pub use flow::config::{FlowConfig, Reduction, Squash};
pub use flow::denoising::{DenoisingMdp, ScoredSteps};
pub use flow::{path, sampler, time};
pub use learner::ema::{Ema, EmaConfig};
pub use learner::state::{Counters, LearnerState};
pub use learner::{Learner, MinibatchSchedule};
pub use nn::mlp::{Activation, Mlp};
pub use nn::normalizer::{DeviceNormalizer, Normalizer, NormalizerKind};
pub use nn::params::{FlatParams, Layout};
pub use nn::value_net::ValueNet;
pub use objective::diagnostics::{StepDiagnostics, StepMetrics};
pub use objective::guards::{Guards, clamp_straight_through};
pub use objective::loss::{MinibatchLoss, ValueTerms, minibatch_loss};
pub use objective::step_loss::{LossInputs, StepLoss};
pub use objective::{AdvantageNormalization, Objective, RatioKind};
pub use objective::{gae, surrogate};
pub use optimizer::Optimizer;
pub use optimizer::adam::{Adam, clip_global_norm};
pub use optimizer::adam_config::AdamConfig;
pub use optimizer::config::{OptimizerConfig, OptimizerKind};
pub use optimizer::rate_schedule::{Rate, RateSchedule};
pub use policy::chain::ChainPolicy;
pub use policy::flow::FlowPolicy;
pub use policy::gaussian::GaussianPolicy;
pub use policy::gaussian_config::GaussianConfig;
pub use policy::squashed_normal::SquashedNormal;
pub use policy::{Acted, Evaluated, KernelForm, Policy, PolicySpec};
pub use policy_file::kind::{POLICY_KINDS, PolicyKind, Reader};
pub use policy_file::tensor_file::{Array, Data, TensorFile};
pub use policy_file::{PolicyFile, PolicyInfo};
pub use random::{Noise, Purpose};
pub use reduce::{Alone, Reduce};
pub use rollout::storage::{RolloutSize, RolloutStorage, RolloutView, StepOutcome};
pub use rollout::stored::{Source, Stored};
pub use rollout::{Minibatch, MinibatchTensors, Rollout, Transitions};
pub use simd::isa::Isa;
pub use tensor::host_tensor::HostTensor;
pub use timing::PhaseTimes;
