//! Trained policies as self-describing safetensors files.
//!
//! Tensors: `policy.k.weight (in, out)` and `policy.k.bias (out)` of layer `k`, and
//! `normalizer.mean` and `normalizer.std` of the observations. The metadata entry `fpo` is a JSON
//! object with the format's version, the task, all sizes and conventions of a flow ([`FlowConfig`],
//! with the times of its steps and what each does) or of a Gaussian ([`GaussianConfig`]), and what
//! actions start from. A reader needs nothing else; `scripts/read_policy.py` is one.

use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use fpo_core::{
    DeviceNormalizer, FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy, Policy, time,
};
use fpo_envs::Starts;
use serde::{Deserialize, Serialize};

use crate::config::choices::StartChoice;
use crate::run::durable;
use crate::run::tensor_file::{Data, TensorFile};
use crate::training::actor::Actor;
use crate::training::trainer::Trainer;

const FORMAT: &str = "fpo-policy";
const VERSION: u32 = 2;

/// The metadata of a policy file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// `"fpo-policy"`.
    pub format: String,
    /// Version of the format, 2.
    pub format_version: u32,
    /// The task it was trained on.
    pub task: String,
    /// Environment steps it was trained for.
    pub steps: u64,
    /// Step limit of the episodes it was trained on, in control steps.
    pub episode_length: usize,
    /// Starts of the episodes it was trained on.
    #[serde(default)]
    pub starts: Starts,
    /// Control steps for which each of its actions is held.
    #[serde(default = "one")]
    pub action_repeat: usize,
    /// What actions start from: `"noise"` or `"zero"`.
    pub start: StartChoice,
    /// Sizes and conventions of network and sampler.
    pub policy: PolicySpec,
    /// The program that wrote it.
    pub created_by: String,
}

/// What files without `action_repeat` mean.
fn one() -> usize {
    1
}

/// The two kinds of policies that can be played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PolicySpec {
    /// A flow.
    Flow {
        /// Sizes and conventions.
        #[serde(flatten)]
        config: FlowConfig,
        /// Times of the steps, from 1 (noise) to 0 (action).
        schedule: Vec<f64>,
        /// `[k, g]` of each step `x ← k·x + g·output`, the network's output times its scale.
        step_factors: Vec<[f64; 2]>,
    },
    /// A Gaussian.
    Gaussian {
        /// Sizes and conventions.
        #[serde(flatten)]
        config: GaussianConfig,
    },
}

impl PolicySpec {
    /// Of `policy` as it is deployed.
    pub fn of(policy: &Policy) -> PolicySpec {
        match policy {
            Policy::Flow(flow) | Policy::Chain(flow, _) => PolicySpec::flow(flow.config().clone()),
            Policy::Gaussian(policy) => PolicySpec::Gaussian { config: policy.config().clone() },
        }
    }

    fn flow(config: FlowConfig) -> PolicySpec {
        let (schedule, step_factors) = steps(&config);
        PolicySpec::Flow { config, schedule, step_factors }
    }

    /// Lengths of an observation and of an action.
    pub fn dims(&self) -> (usize, usize) {
        match self {
            PolicySpec::Flow { config, .. } => (config.obs_dim, config.action_dim),
            PolicySpec::Gaussian { config } => (config.obs_dim, config.action_dim),
        }
    }
}

/// Times of the steps of a flow, and the factors of each.
fn steps(config: &FlowConfig) -> (Vec<f64>, Vec<[f64; 2]>) {
    let schedule = time::grid(config.flow_steps);
    let factors = |pair: &[f64]| {
        let (keep, gain) = config.geometry().step(pair[0], pair[1]);
        [keep, gain]
    };
    let step_factors = schedule.windows(2).map(factors).collect();
    (schedule, step_factors)
}

/// Checks that a file's times and factors are those that this program steps by. Sines and cosines
/// of another machine may differ in their last digits.
fn check_steps(config: &FlowConfig, schedule: &[f64], step_factors: &[[f64; 2]]) -> Result<()> {
    let count = config.flow_steps;
    let (times, factors) = steps(config);
    if !agree(schedule, &times) {
        bail!("the schedule is not that of {count} even steps");
    }
    if !agree(step_factors.as_flattened(), factors.as_flattened()) {
        bail!("`step_factors` are not those of {count} even steps on the path `path`");
    }
    Ok(())
}

/// Whether two lists are the same but for rounding, relative to their numbers or, where those are
/// all but zero, to a thousandth.
fn agree(found: &[f64], expected: &[f64]) -> bool {
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1e-3);
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

/// The bytes of a policy file for the trainer's present policy.
pub fn to_bytes(trainer: &Trainer) -> Result<Vec<u8>> {
    let learner = &trainer.learner;
    let policy = learner.acting()?;
    let mut file = TensorFile::default();
    let params = policy.params();
    for (name, tensor) in params.layout().views(params.flat())? {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        if !values.iter().all(|x| x.is_finite()) {
            bail!("tensor `{name}` holds a number that is not finite: the policy was not saved");
        }
        file.insert(name, tensor.dims(), Data::F32(values));
    }
    let narrow = |x: &[f64]| Data::F32(x.iter().map(|&x| x as f32).collect());
    let (mean, std) = (learner.normalizer.mean(), learner.normalizer.std());
    file.insert("normalizer.mean", &[mean.len()], narrow(mean));
    file.insert("normalizer.std", &[std.len()], narrow(&std));
    let info = PolicyInfo {
        format: FORMAT.into(),
        format_version: VERSION,
        task: trainer.config.env.task.clone(),
        steps: trainer.steps(),
        episode_length: trainer.collector.stage.spec().episode_length,
        starts: trainer.config.env.starts,
        action_repeat: trainer.config.env.action_repeat,
        start: trainer.config.eval.start,
        policy: PolicySpec::of(&policy),
        created_by: concat!("fpo ", env!("CARGO_PKG_VERSION")).into(),
    };
    file.metadata = Some(serde_json::to_string(&info)?);
    file.to_bytes()
}

/// Writes the trainer's present policy to `path`, whole or not at all.
pub fn save(path: &Path, trainer: &Trainer) -> Result<()> {
    let bytes = to_bytes(trainer)?;
    durable::write_output(path, &bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a policy file.
///
/// # Errors
/// Names the file and what is wrong with it: missing, cut off, not a policy, another version, a
/// tensor that does not fit.
pub fn load(path: &Path, device: &Device) -> Result<(PolicyInfo, Actor)> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read policy {}", path.display()))?;
    parse(&bytes, device).with_context(|| format!("policy {}", path.display()))
}

fn parse(bytes: &[u8], device: &Device) -> Result<(PolicyInfo, Actor)> {
    let file = TensorFile::from_bytes(bytes)?;
    let text = file.metadata.as_deref().context("not an fpo policy: no metadata entry `fpo`")?;
    let head: serde_json::Value = serde_json::from_str(text).context("metadata is not JSON")?;
    if head["format"] != FORMAT {
        bail!("not an fpo policy: its format is {}", head["format"]);
    }
    if head["format_version"] != VERSION {
        bail!("format version {}; this program reads {VERSION}", head["format_version"]);
    }
    let info: PolicyInfo = serde_json::from_value(head).context("metadata")?;
    match &info.policy {
        PolicySpec::Gaussian { config } => config.validate().context("metadata")?,
        PolicySpec::Flow { config, schedule, step_factors } => {
            config.validate().context("metadata")?;
            check_steps(config, schedule, step_factors).context("metadata")?;
        }
    }
    for (name, array) in file.arrays() {
        let Data::F32(values) = &array.data else { bail!("tensor `{name}` is not of type F32") };
        let positive = name != "normalizer.std" || values.iter().all(|&x| x > 0.0);
        if !positive || !values.iter().all(|x| x.is_finite()) {
            bail!("tensor `{name}` holds a number that is not finite, or no positive deviation");
        }
    }
    let tensor = |name: &str| -> Result<Tensor> {
        let shape = file.get(name)?.shape.clone();
        Ok(Tensor::from_vec(file.f32(name)?, shape, device)?.to_dtype(DType::F32)?)
    };
    let find = |name: &str| tensor(name).ok();
    let policy = match info.policy.clone() {
        PolicySpec::Flow { config, .. } => {
            Policy::Flow(FlowPolicy::from_tensors(config, device, find)?)
        }
        PolicySpec::Gaussian { config } => {
            Policy::Gaussian(GaussianPolicy::from_tensors(config, device, find)?)
        }
    };
    let row = |name: &str| -> Result<Tensor> {
        let row = tensor(name)?;
        let (obs_dim, _) = info.policy.dims();
        if row.dims() != [obs_dim] {
            bail!("tensor `{name}` has shape {:?}, expected [{obs_dim}]", row.dims());
        }
        Ok(row)
    };
    let normalizer = DeviceNormalizer::new(row("normalizer.mean")?, row("normalizer.std")?);
    let start = info.start.into();
    Ok((info, Actor { policy: policy.frozen(), normalizer, start }))
}
