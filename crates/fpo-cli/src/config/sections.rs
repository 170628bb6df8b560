//! The sections of a configuration that describe the run: `[env]`, `[train]`, `[normalizer]`,
//! `[eval]` and `[checkpoint]`. Every field states its unit, range, default and source.
//!
//! "Paper" is arXiv 2507.21053; "official" is the Playground program of akanazawa/fpo at 418c255.

use fpo_core::NormalizerKind;
use fpo_core::sampler::Start;
use fpo_envs::{AutoReset, Starts};
use serde::{Deserialize, Serialize};

use crate::config::choices::{
    DeviceChoice, DivergenceChoice, KernelChoice, OverlapChoice, PrecisionChoice, UpdateChoice,
};

/// `[env]`: the task and how many copies of it run.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct EnvConfig {
    /// Name of the task, such as `"CheetahRun"`; `fpo envs` lists them. Default: none, it must be
    /// set.
    pub task: String,
    /// Environments that run side by side. Range 1 to 1,048,576, a divisor of
    /// `train.batch_size · train.num_minibatches`. Default 2048 (official).
    pub num_envs: usize,
    /// Where an environment starts again after an episode: `"fresh"`, at a newly drawn start, or
    /// `"first"`, at its first one again. Default `"fresh"`; the official code has `"first"`.
    pub auto_reset: AutoReset,
    /// Which starts an episode may have. `"drawn"`: every start is drawn, also where MuJoCo
    /// Playground knows a single one (then each coordinate is moved by up to ±0.01 m or rad).
    /// `"official"`: exactly the starts of Playground 0.0.5. Default `"drawn"`; the paper's runs
    /// have `"official"`.
    pub starts: Starts,
    /// Control steps after which an episode is cut off, instead of the task's own number. Range 1
    /// to 1,000,000,000. Default: not set, the task's own number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_length: Option<usize>,
    /// Control steps for which each action is held, while their rewards are summed. A step of this
    /// configuration (`train.total_steps`, `train.unroll_length`) is then that many control
    /// steps; `env.episode_length` still counts single ones, and the discount applies per action.
    /// Range 1 to 1000. Default 1 (official).
    pub action_repeat: usize,
    /// Whether the first episodes are cut at lengths spread evenly up to the step limit, so that
    /// the environments of a task without early ends do not all restart on the same step. Default
    /// true; the official code does not do it.
    pub stagger: bool,
    /// Groups of the observation that the policy sees, at least one, such as
    /// `["position", "target"]`; `fpo envs TASK` lists them. What it does not see is zero to it
    /// after normalisation, in training and evaluation alike. Default: not set, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_sees: Option<Vec<String>>,
    /// Groups of the observation that the policy does not see, at least one and not all of them, in
    /// place of `env.policy_sees`. Default: not set, none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_hides: Option<Vec<String>>,
    /// Groups of the observation that the critic, the value network, sees, at least one. Default:
    /// not set, all of them, whatever the policy sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critic_sees: Option<Vec<String>>,
}

impl Default for EnvConfig {
    fn default() -> Self {
        Self {
            task: String::new(),
            num_envs: 2048,
            auto_reset: AutoReset::Fresh,
            starts: Starts::Drawn,
            episode_length: None,
            action_repeat: 1,
            stagger: true,
            policy_sees: None,
            policy_hides: None,
            critic_sees: None,
        }
    }
}

/// `[train]`: how long to train and how a rollout is cut into minibatches.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Environment steps of the whole run, over all environments. Range 1 and up; rounded down
    /// to whole iterations, at least one. Default 60,000,000 (paper).
    pub total_steps: u64,
    /// Steps of one unroll, the unit that minibatches are made of. Range 1 to 65,536.
    /// Default 30 (official).
    pub unroll_length: usize,
    /// Unrolls in one minibatch. Range 1 to 1,048,576. Default 1024 (official).
    pub batch_size: usize,
    /// Minibatches that one rollout is cut into. Range 1 to 65,536. Default 32 (official).
    pub num_minibatches: usize,
    /// Passes over each rollout. Range 1 to 65,536. Default 16 (official).
    pub num_epochs: usize,
    /// Seed of all random numbers of training. Range 0 to 2^63 − 1, other than `eval.seed`. Default
    /// 0 (official).
    pub seed: u64,
    /// Where to compute: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"` or `"metal"`. Default `"auto"`, an
    /// accelerator where there is one.
    pub device: DeviceChoice,
    /// Which code computes on the CPU: `"auto"`, the fused kernels, or `"composed"`, Candle
    /// operations alone, which are the slower reference. Other devices always use composed
    /// operations. Default `"auto"`.
    pub kernels: KernelChoice,
    /// Whether half of the environments step on the CPU while the policy samples for the other
    /// half: `"on"`, `"off"`, or `"auto"`, which is on for every device but the CPU. On the CPU,
    /// stepping and sampling would compete for the cores. The results are the same bits either way
    /// on the CPU, and on a GPU as far as its matrix products do not depend on their number of
    /// rows. `"on"` needs `env.num_envs` of at least 2. Default `"auto"` (ours).
    pub overlap: OverlapChoice,
    /// How a GPU multiplies matrices: `"f32"`, or `"tf32"`, which rounds the factors to 10 bits of
    /// mantissa and is faster and less exact. `"tf32"` needs CUDA and a card of the Ampere
    /// generation (compute capability 8.0) or later. Default `"f32"`.
    pub precision: PrecisionChoice,
    /// What follows when a number of training is not finite: `"stop"`, or `"rollback"`, back to the
    /// last whole checkpoint and on with a smaller learning rate. Default `"stop"` (ours).
    pub on_divergence: DivergenceChoice,
    /// With each such return the learning rate is multiplied by this. Range above 0, below 1.
    /// Default 0.5 (ours).
    pub rollback_factor: f64,
    /// After this many returns the run ends. Range 1 to 1000. Default 3 (ours).
    pub max_rollbacks: u64,
    /// Wall-clock time after which the program saves the run and stops, as a signal would: such as
    /// `"90s"`, `"45m"`, `"1h30m"` or `"2d"`, at least a second and at most 365 days. It counts
    /// from when the program starts training, each time that it does. Default: not set, no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<String>,
    /// A policy file, or the folder of a run, whose weights and observation statistics the run
    /// starts from; relative to the working directory. Default: not set, random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// SHA-256 of that file, 64 hexadecimal digits. A run that starts without it fills it in; with
    /// it, another file is refused. Default: not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_sha256: Option<String>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            total_steps: 60_000_000,
            unroll_length: 30,
            batch_size: 1024,
            num_minibatches: 32,
            num_epochs: 16,
            seed: 0,
            device: DeviceChoice::Auto,
            kernels: KernelChoice::Auto,
            overlap: OverlapChoice::Auto,
            precision: PrecisionChoice::F32,
            on_divergence: DivergenceChoice::Stop,
            rollback_factor: 0.5,
            max_rollbacks: 3,
            stop_after: None,
            init: None,
            init_sha256: None,
        }
    }
}

/// `[normalizer]`: how observations are scaled.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizerConfig {
    /// Which running statistics scale the observations: `"welford"`, those of all observations so
    /// far; `"official"`, the official code's with its known fault, with which the published
    /// numbers were presumably obtained; or `"none"`. Default `"welford"`; the official code has
    /// `"official"`.
    pub kind: NormalizerKind,
    /// When the statistics take in a rollout: `"before"` its stored losses are computed, so that
    /// the first ratio of an update is 1, or `"after"`. Default `"before"`; the official code has
    /// `"after"`.
    pub update: UpdateChoice,
}

impl Default for NormalizerConfig {
    fn default() -> Self {
        Self { kind: NormalizerKind::Welford, update: UpdateChoice::Before }
    }
}

/// `[eval]`: measuring the policy during training.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Number of evaluations, spread evenly over training: the first before any update, the last
    /// after all of them. 0 means no evaluation, 1 only the last one. Range 0 to 1,000,000. Default
    /// 10 (official).
    pub count: usize,
    /// Episodes of one evaluation. Range 1 to 1,048,576. Default 128 (official).
    pub episodes: usize,
    /// Seed of the evaluations' starts and noise, the same each time and never that of training.
    /// Range 0 to 2^63 − 1, other than `train.seed`. Default 1,000,000 (ours).
    pub seed: u64,
    /// What actions start from, in evaluations and in the exported policy: `"noise"`, or `"zero"`,
    /// which is the mean of a Gaussian and the centre of a flow's noise. Default `"noise"`
    /// (official); `"fpo++"` and `"ppo"` have `"zero"`.
    pub start: Start,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { count: 10, episodes: 128, seed: 1_000_000, start: Start::Noise }
    }
}

/// `[checkpoint]`: how often the run is saved.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Wall-clock time between checkpoints, in seconds. 0 saves one after every
    /// iteration. Range 0 to 1e9. Default 60 (ours).
    pub interval_s: f64,
    /// How many of the newest whole checkpoints are kept: with two there is one to go back to where
    /// the newest is damaged. Range 1 to 1,000,000. Default 2 (ours).
    pub keep: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { interval_s: 60.0, keep: 2 }
    }
}
