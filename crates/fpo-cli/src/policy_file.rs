//! Trained policies as self-describing safetensors files.
//!
//! Tensors: `policy.k.weight (in, out)` and `policy.k.bias (out)` of layer `k`, and
//! `normalizer.mean` and `normalizer.std` of the observations. The metadata entry `fpo` is a JSON
//! object with the format's version, the task, all sizes and conventions ([`FlowConfig`]) and the
//! times of the Euler steps. A reader needs nothing else; `scripts/read_policy.py` is one.

use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use fpo_core::{DeviceNormalizer, FlowConfig, FlowPolicy, time};
use fpo_envs::Starts;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::durable;
use crate::tensor_file::{Data, TensorFile};
use crate::trainer::Trainer;

const FORMAT: &str = "fpo-policy";
const VERSION: u32 = 1;

/// The metadata of a policy file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// `"fpo-policy"`.
    pub format: String,
    /// Version of the format, 1.
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
    /// Sizes and conventions of network and sampler.
    pub policy: FlowConfig,
    /// Times of the Euler steps, from 1 (noise) to 0 (action).
    pub schedule: Vec<f64>,
    /// The program that wrote it.
    pub created_by: String,
}

/// What files without `action_repeat` mean.
fn one() -> usize {
    1
}

/// The bytes of a policy file for the trainer's present policy.
pub fn to_bytes(trainer: &Trainer) -> Result<Vec<u8>> {
    let learner = &trainer.learner;
    let config = learner.policy.config().clone();
    let mut file = TensorFile::default();
    let params = learner.policy.params();
    for (name, tensor) in params.layout().views(params.flat())? {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        if !values.iter().all(|x| x.is_finite()) {
            bail!("tensor `{name}` holds a number that is not finite: the policy was not saved");
        }
        file.insert(name, tensor.dims(), Data::F32(values));
    }
    let narrow = |x: &[f64]| Data::F32(x.iter().map(|&x| x as f32).collect());
    let (mean, std) = (learner.normalizer.mean(), learner.normalizer.std());
    file.insert("normalizer.mean", &[config.obs_dim], narrow(mean));
    file.insert("normalizer.std", &[config.obs_dim], narrow(&std));
    let info = PolicyInfo {
        format: FORMAT.into(),
        format_version: VERSION,
        task: trainer.config.env.task.clone(),
        steps: trainer.steps(),
        episode_length: trainer.collector.stage.spec().episode_length,
        starts: trainer.config.env.starts,
        action_repeat: trainer.config.env.action_repeat,
        schedule: time::grid(config.flow_steps),
        policy: config,
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
    info.policy.validate().context("metadata")?;
    if info.schedule != time::grid(info.policy.flow_steps) {
        bail!("metadata: the schedule is not that of {} Euler steps", info.policy.flow_steps);
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
    let policy = FlowPolicy::from_tensors(info.policy.clone(), device, |n| tensor(n).ok())?;
    let row = |name: &str| -> Result<Tensor> {
        let row = tensor(name)?;
        if row.dims() != [info.policy.obs_dim] {
            bail!("tensor `{name}` has shape {:?}, expected [{}]", row.dims(), info.policy.obs_dim);
        }
        Ok(row)
    };
    let normalizer = DeviceNormalizer::new(row("normalizer.mean")?, row("normalizer.std")?);
    Ok((info, Actor { policy: policy.frozen(), normalizer }))
}
