//! Flow Policy Optimization on Candle tensors.
//!
//! *Flow Matching Policy Gradients* (arXiv 2507.21053) trains a flow-matching policy with PPO's
//! clipped objective, where the likelihood ratio is replaced by
//!
//! ```text
//! ratio = exp(L_old − L_new),   L = Monte-Carlo estimate of the CFM loss of the taken action
//! ```
//!
//! so that neither likelihoods nor a particular sampler are needed. This crate holds the whole
//! algorithm. It knows no environment, no run directory and no terminal, and runs on any Candle
//! device.
//!
//! # From the paper to the code
//!
//! | paper | what it is | here |
//! |---|---|---|
//! | eq. 5 | the clipped surrogate | [`surrogate::ppo_clip`]; also [`surrogate::spo`] |
//! | eq. 6 | the ratio `exp(L_old − L_new)` | [`Objective::log_ratio`] |
//! | eq. 7 to 9 | the CFM loss of an action over pairs (ε, t) | [`FlowPolicy::cfm_loss`] |
//! | eq. 7 to 9 | the path, the flow times | [`path::Path`], [`time::TrainingTimes`] |
//! | Algorithm 1 | act and collect | [`Actor::act_and_keep`], [`RolloutStorage`] |
//! | Algorithm 1 | draw pairs, store `L_old` | [`Learner::complete`] |
//! | Algorithm 1 | epochs of gradient steps | [`Learner::update`], [`Learner::gradient_step`] |
//! | advantages | GAE(λ) | [`gae::estimate`] |
//! | baselines | Gaussian PPO; DPPO | [`GaussianPolicy`]; [`ChainPolicy`] |
//!
//! A policy can be taken elsewhere as a [`PolicyFile`] or an ONNX graph ([`onnx`]).
//!
//! Seams for code of one's own: [`Policy`], [`Algorithm`] with its [`Registry`],
//! [`surrogate::Surrogate`], [`Backend`], [`Reduce`], [`PolicyKind`].
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | `U` | steps of an unroll, the sub-sequence of which minibatches are made |
//! | `B` | rows of a batch: unrolls of a minibatch, or environments that act at once |
//! | `T` | steps of a rollout |
//! | `E` | environments |
//! | `N` | losses of an action: Monte-Carlo pairs, or the scored steps of a chain |
//! | `R` | ratios of an action: 1 or N |
//! | `O`, `A` | lengths of an observation and of an action |
//! | `K` | steps of the sampler |
//! | `L` | the loss of an action: a CFM loss, or `−log p` where a policy has one |
//! | frozen | without gradients: what is computed from it keeps no graph |
//! | deployed | as it is evaluated and exported: averaged weights, no disturbances |
//! | acting | at work on observations in host memory ([`Actor`]) |
//! | composed, fused | computed by Candle operations, or by this crate's kernels |
//! | hidden | zero after normalisation, so that a network does not see it ([`Sight`]) |
//! | stored | kept with an action for its losses: noise, or the states of a chain |
//!
//! # Conventions
//!
//! Flow time runs from `t = 1` (noise) to `t = 0` (action), `x_t = t·ε + (1−t)·a`, velocity
//! `v ≈ ε − a`. Tensors are time-major, `(T, B, …)`; a linear layer is `x·W + b` with `W` of shape
//! `(in, out)`. Actions are stored before `tanh`.
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
pub mod likelihood;
mod nn;
mod objective;
pub mod onnx;
mod optimizer;
mod policy;
mod policy_file;
mod random;
mod reduce;
mod rollout;
mod simd;
mod tensor;
mod timing;

pub use acting::single::SingleActor;
pub use acting::{ACTION, Actions, Actor, require_finite};
pub use algorithm::settings::{Algorithm, PolicyBuilder, PolicySettings, SurrogateBuilder};
pub use algorithm::{ALGORITHMS, Registry};
pub use backend::Backend;
pub use backend::choice::Compute;
pub use backend::fused::chunks::{MOST_BLOCK_ROWS, max_accumulators};
pub use backend::fused::policy_pass::policy_chunks;
pub use backend::fused::value_pass::value_chunks;
pub use diagnostics::knn_entropy::{
    DEFAULT_NEIGHBOURS, MIN_DISTANCE, knn_entropy, mean_knn_entropy,
};
pub use diagnostics::modality;
pub use error::{Error, Result};
pub use flow::config::{FlowConfig, Reduction, Squash};
pub use flow::denoising::{DenoisingMdp, ScoredSteps};
pub use flow::draws::{SampleDraws, SampleNoise, SampleTimes};
pub use flow::frame::ActionFrame;
pub use flow::source::SourceWidth;
pub use flow::steps::StepTimes;
pub use flow::{path, sampler, time};
pub use learner::ema::{Ema, EmaConfig};
pub use learner::state::{Counters, LearnerState};
pub use learner::{Learner, MinibatchSchedule};
pub use nn::mlp::{Activation, Mlp};
pub use nn::normalizer::{DeviceNormalizer, Normalizer, NormalizerKind};
pub use nn::params::{FlatParams, Layout};
pub use nn::sight::{Sight, SightGroup};
pub use nn::value_net::ValueNet;
pub use objective::diagnostics::{StepDiagnostics, StepMetrics};
pub use objective::guards::{Guards, clamp_straight_through};
pub use objective::loss::{MinibatchLoss, ValueTerms, minibatch_loss};
pub use objective::mean_ratio::MeanRatio;
pub use objective::reward_scaling::RewardScaling;
pub use objective::step_loss::{LossInputs, StepLoss};
pub use objective::{AdvantageNormalization, Objective, RatioKind};
pub use objective::{gae, surrogate};
pub use optimizer::Optimizer;
pub use optimizer::adam::Adam;
pub use optimizer::adam_config::AdamConfig;
pub use optimizer::config::{NormScope, OptimizerConfig, OptimizerKind};
pub use optimizer::gradient_norm::clip_global_norm;
pub use optimizer::rate_schedule::{Measure, Rate, RateSchedule};
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
pub use reduce::communicator::Communicator;
pub use reduce::messages::{broadcast_bytes, gather_bytes};
pub use reduce::threads::Threads;
pub use reduce::{Alone, Reduce, Shared};
pub use rollout::storage::{RolloutSize, RolloutStorage, RolloutView, StepOutcome};
pub use rollout::stored::{Source, Stored};
pub use rollout::{Minibatch, MinibatchTensors, Rollout, Transitions};
pub use simd::isa::{Isa, WrongIsa};
pub use tensor::host_tensor::HostTensor;
pub use tensor::summary::Summary;
pub use tensor::transfer::Transfers;
pub use timing::PhaseTimes;
