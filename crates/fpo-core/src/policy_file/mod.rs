//! Trained policies as self-describing safetensors files.
//!
//! Tensors: `policy.k.weight (in, out)` and `policy.k.bias (out)` of layer `k`, and
//! `normalizer.mean` and `normalizer.std` of the observations. The metadata entry `fpo` is a JSON
//! object with the format's version, the task, all sizes and conventions of a flow
//! ([`crate::FlowConfig`], with the times of its steps and what each does) or of a Gaussian
//! ([`crate::GaussianConfig`]), what actions start from, and a digest of all that. Where a policy
//! does not see all of an observation, `sight` names its groups with their ranges, and those that
//! are zero after normalisation; the format's version is then 3, and otherwise 2. A reader needs
//! nothing else; `scripts/read_policy.py` is one.
//!
//! ```no_run
//! use candle_core::Device;
//! use fpo_core::PolicyFile;
//!
//! let file = PolicyFile::from_bytes(&std::fs::read("policy.safetensors")?, &Device::Cpu)?;
//! let actor = file.actor()?;
//! let (obs, noise) = ([0.0, 0.0], [0.3, -1.0]);
//! let mut control = actor.act(&obs, &noise)?;
//! actor.policy.squash().apply(&mut control);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod kind;
mod seal;
pub(crate) mod tensor_file;

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::acting::Actor;
use crate::acting::single::SingleActor;
use crate::backend::choice::Compute;
use crate::error::{Error, Result};
use crate::flow::sampler::Start;
use crate::nn::normalizer::{DeviceNormalizer, Normalizer, NormalizerKind};
use crate::nn::sight::Sight;
use crate::policy::Policy;
use crate::policy::description::only_known;
use crate::policy_file::kind::{POLICY_KINDS, PolicyKind};
use crate::policy_file::tensor_file::{Data, TensorFile};

const FORMAT: &str = "fpo-policy";
/// The version of a file whose policy sees all of an observation.
const VERSION: u32 = 2;
/// The version of a file whose policy does not: a reader that knows nothing of that must not play
/// it.
const VERSION_WITH_SIGHT: u32 = 3;

/// What a policy file says about the training of its policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// The task that the policy was trained on.
    pub task: String,
    /// Environment steps that it was trained for.
    pub steps: u64,
    /// Step limit of the episodes that it was trained on, in control steps.
    pub episode_length: usize,
    /// Starts of the episodes that it was trained on, in the words of the environments.
    #[serde(default = "drawn")]
    pub starts: String,
    /// Control steps for which each of its actions is held.
    #[serde(default = "one")]
    pub action_repeat: usize,
    /// What actions start from: `"noise"` or `"zero"`.
    pub start: Start,
    /// What the policy does not see of an observation; `None` where it sees all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sight: Option<Sight>,
}

/// Returns the `starts` of files that have no such entry.
fn drawn() -> String {
    "drawn".into()
}

/// Returns the `action_repeat` of files that have no such entry.
fn one() -> usize {
    1
}

/// The metadata of a policy file.
#[derive(Serialize, Deserialize)]
struct Metadata {
    format: String,
    format_version: u32,
    #[serde(flatten)]
    info: PolicyInfo,
    policy: Value,
    created_by: String,
}

/// A policy that was read from a file.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Information about its training.
    pub info: PolicyInfo,
    /// The policy, frozen.
    pub policy: Arc<dyn Policy>,
    /// Means and standard deviations of the observations, and what the policy does not see of them.
    pub normalizer: DeviceNormalizer,
    /// Whether the file names its digest, which then was right. Files of version 0.1.0 do not, and
    /// damage to them may go unnoticed.
    pub has_digest: bool,
}

impl PolicyFile {
    /// Returns the bytes of a file with `policy`, the statistics of its observations and `info`;
    /// `created_by` names the program that writes it. Equal arguments give equal bytes.
    ///
    /// # Errors
    /// [`Error::File`] names a tensor with a number that is not finite: such a policy is not
    /// written.
    pub fn to_bytes(
        policy: &dyn Policy,
        statistics: &Normalizer,
        info: &PolicyInfo,
        created_by: &str,
    ) -> Result<Vec<u8>> {
        let mut file = TensorFile::default();
        let params = policy.params();
        for (name, tensor) in params.layout().views(params.flat())? {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            if !values.iter().all(|x| x.is_finite()) {
                return Err(Error::File(format!(
                    "tensor `{name}` holds a number that is not finite: the policy was not saved"
                )));
            }
            file.insert(name, tensor.dims(), Data::F32(values));
        }
        let narrow = |x: &[f64]| Data::F32(x.iter().map(|&x| x as f32).collect());
        let (mean, std) = (statistics.mean(), statistics.std());
        file.insert("normalizer.mean", &[mean.len()], narrow(mean));
        file.insert("normalizer.std", &[std.len()], narrow(&std));
        if let Some(sight) = &info.sight {
            sight.hidden(policy.obs_dim())?;
        }
        let metadata = Metadata {
            format: FORMAT.into(),
            format_version: version_of(info),
            info: info.clone(),
            policy: policy.description()?,
            created_by: created_by.into(),
        };
        let text = serde_json::to_string(&metadata).map_err(unreadable)?;
        file.metadata = Some(seal::seal(&text, &file));
        file.to_bytes()
    }

    /// Reads the bytes of a file to `device`.
    ///
    /// # Errors
    /// [`Error::File`] says what is wrong: cut off, damaged, no policy, another version, a setting
    /// out of range or unknown, a tensor that does not fit.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<PolicyFile> {
        PolicyFile::from_bytes_of(bytes, device, &POLICY_KINDS)
    }

    /// Does what [`PolicyFile::from_bytes`] does, for policies of these kinds.
    ///
    /// # Errors
    /// As [`PolicyFile::from_bytes`].
    pub fn from_bytes_of(
        bytes: &[u8],
        device: &Device,
        kinds: &[PolicyKind],
    ) -> Result<PolicyFile> {
        let file = TensorFile::from_bytes(bytes)?;
        let text = file.metadata.as_deref().ok_or_else(|| {
            Error::File("not an fpo policy: there is no metadata entry `fpo`".into())
        })?;
        let Metadata { info, policy: description, .. } = metadata(text)?;
        let has_digest = seal::check(text, &file)?;
        check_numbers(&file)?;
        let tensor = |name: &str| -> Result<Tensor> {
            let shape = file.get(name)?.shape.clone();
            Ok(Tensor::from_vec(file.f32(name)?, shape, device)?)
        };
        let name = description["kind"].as_str().unwrap_or_default().to_string();
        let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
            let known: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.name)).collect();
            let known = known.join(" or ");
            return Err(Error::File(format!(
                "metadata: the policy is of kind `{name}`; this program reads {known}"
            )));
        };
        let find = |name: &str| tensor(name).ok();
        let policy = (kind.read)(description, device, &find)
            .map_err(|error| Error::File(format!("metadata: {error}")))?;
        let obs_dim = policy.obs_dim();
        let row = |name: &str| -> Result<Tensor> {
            let row = tensor(name)?;
            if row.dims() != [obs_dim] {
                let found = row.dims();
                return Err(Error::File(format!(
                    "tensor `{name}` has shape {found:?}, expected [{obs_dim}]"
                )));
            }
            Ok(row)
        };
        let normalizer = DeviceNormalizer::new(row("normalizer.mean")?, row("normalizer.std")?);
        let hidden = match &info.sight {
            None => Vec::new(),
            Some(sight) => sight
                .hidden(obs_dim)
                .map_err(|error| Error::File(format!("metadata: `sight`: {error}")))?,
        };
        let normalizer = normalizer.hiding(&hidden, &[])?;
        Ok(PolicyFile { info, policy: policy.frozen(), normalizer, has_digest })
    }

    /// Returns an actor for the policy, computed by the fastest code for its device.
    ///
    /// # Errors
    /// Those of [`Actor::new`].
    pub fn actor(&self) -> Result<Actor> {
        let compute = Compute::best_for(self.policy.params().var());
        Actor::new(self.policy.clone(), self.normalizer.clone(), self.info.start, compute)
    }

    /// Returns an actor for one observation at a time, which allocates nothing for an action.
    ///
    /// # Errors
    /// Those of [`SingleActor::new`].
    pub fn single_actor(&self) -> Result<SingleActor> {
        SingleActor::new(self.policy.as_ref(), &self.normalizer, None)
    }

    /// Returns the observation statistics for training that goes on from the policy. A file holds
    /// no count of observations: they weigh as much as its steps, each of which gave one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `kind` is [`NormalizerKind::None`] and the file's statistics do not
    /// leave observations unchanged.
    pub fn statistics(&self, kind: NormalizerKind) -> Result<Normalizer> {
        let (mean, std) = self.normalizer.moments();
        // On the host, because Metal knows no f64.
        let wide = |row: &Tensor| -> Result<Vec<f64>> {
            let row = row.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
            Ok(row.into_iter().map(f64::from).collect())
        };
        Normalizer::from_moments(kind, self.info.steps, wide(mean)?, &wide(std)?)
    }
}

/// Returns the format version of a file with this information.
fn version_of(info: &PolicyInfo) -> u32 {
    if info.sight.is_some() { VERSION_WITH_SIGHT } else { VERSION }
}

/// Returns the metadata, or fails unless it is of this format and version.
fn metadata(text: &str) -> Result<Metadata> {
    let head: Value = serde_json::from_str(text)
        .map_err(|error| Error::File(format!("metadata is not JSON: {error}")))?;
    if head["format"] != FORMAT {
        let found = &head["format"];
        return Err(Error::File(format!("not an fpo policy: its format is {found}")));
    }
    let found = &head["format_version"];
    if *found != VERSION && *found != VERSION_WITH_SIGHT {
        return Err(Error::File(format!(
            "format version {found}; this program reads {VERSION} and {VERSION_WITH_SIGHT}"
        )));
    }
    let metadata: Metadata = serde_json::from_value(head.clone()).map_err(unreadable)?;
    let expected = version_of(&metadata.info);
    if *found != expected {
        return Err(Error::File(format!(
            "metadata: format version {found}, but with its `sight` it should be {expected}"
        )));
    }
    only_known(&head, &metadata, &["sha256"])
        .map_err(|error| Error::File(format!("metadata: {error}")))?;
    Ok(metadata)
}

/// Fails unless all numbers are finite f32, and deviations positive.
fn check_numbers(file: &TensorFile) -> Result<()> {
    for (name, array) in file.arrays() {
        let Data::F32(values) = &array.data else {
            return Err(Error::File(format!("tensor `{name}` is not of type F32")));
        };
        let positive = name != "normalizer.std" || values.iter().all(|&x| x > 0.0);
        if !positive || !values.iter().all(|x| x.is_finite()) {
            return Err(Error::File(format!(
                "tensor `{name}` holds a number that is not finite or a deviation that is not \
                 positive"
            )));
        }
    }
    Ok(())
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::File(format!("metadata: {error}"))
}
