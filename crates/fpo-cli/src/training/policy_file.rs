//! Saves and reads policy files, and checks whether they fit a task. [`fpo_core::PolicyFile`]
//! defines their format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use fpo_core::{Normalizer, Policy, PolicyFile, PolicyInfo, SightGroup};
use fpo_envs::{EnvSpec, Starts};
use serde_json::Value;

use crate::config::resolved::Config;
use crate::config::sight::groups;
use crate::run::durable;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::trainer::Trainer;

/// Returns what a policy file says about a policy that was trained under `config` on the task of
/// `spec` for `steps` steps in episodes of `episode_length` steps.
///
/// # Errors
/// If the policy was to see groups that the task does not have.
pub fn info(
    config: &Config,
    spec: &EnvSpec,
    steps: u64,
    episode_length: usize,
) -> Result<PolicyInfo> {
    Ok(PolicyInfo {
        task: config.env.task.clone(),
        steps,
        episode_length,
        starts: config.env.starts.name().into(),
        action_repeat: config.env.action_repeat,
        start: config.eval.start,
        sight: config.env.policy_sight(spec)?,
    })
}

/// Returns the bytes of a policy file.
///
/// # Errors
/// If the policy holds a number that is not finite.
pub fn to_bytes(
    policy: &dyn Policy,
    statistics: &Normalizer,
    info: &PolicyInfo,
) -> Result<Vec<u8>> {
    let created_by = concat!("fpo ", env!("CARGO_PKG_VERSION"));
    Ok(PolicyFile::to_bytes(policy, statistics, info, created_by)?)
}

/// Returns the bytes of a policy file for the trainer's present policy.
///
/// # Errors
/// As [`to_bytes`].
pub fn trained(trainer: &Trainer) -> Result<Vec<u8>> {
    let spec = trainer.collector.stage.spec();
    let info = info(&trainer.config, spec, trainer.steps(), spec.episode_length)?;
    to_bytes(trainer.learner.deployed()?.as_ref(), &trainer.learner.normalizer, &info)
}

/// Writes the trainer's present policy to `path`, whole or not at all.
///
/// # Errors
/// As [`to_bytes`], and those of the file system.
pub fn save(path: &Path, trainer: &Trainer) -> Result<()> {
    write(path, &trained(trainer)?)
}

/// Writes the bytes of a policy file to `path`, whole or not at all.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    durable::write_output(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a policy file.
///
/// # Errors
/// Names the file and what is wrong with it: missing, cut off, not a policy, another version, a
/// tensor that does not fit.
pub fn load(path: &Path, device: &Device) -> Result<PolicyFile> {
    parse(path, &read(path)?, device)
}

/// Reads the bytes of the policy file at `path`.
///
/// # Errors
/// Names the file, if it is missing or cut off.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_whole(path).with_context(|| format!("cannot read policy {}", path.display()))
}

/// Returns the policy in `bytes`, which were read from `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, bytes: &[u8], device: &Device) -> Result<PolicyFile> {
    let file = PolicyFile::from_bytes(bytes, device)
        .with_context(|| format!("policy {}", path.display()))?;
    if !file.has_digest {
        let path = path.display();
        Notes.note(&format!("policy {path} names no digest: damage to it may go unnoticed"));
    }
    Ok(file)
}

/// Reads a safetensors file, and no more of it than its header says that it holds.
///
/// # Errors
/// If it is no regular file, which may never end, or is not as long as its header says.
fn read_whole(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        bail!("it is not a regular file");
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes)?;
    let length = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    let rest = found.len().saturating_sub(8);
    if length <= rest.min(LARGEST_HEADER) {
        file.by_ref().take(length).read_to_end(&mut bytes)?;
        if let Some(numbers) = bytes.get(8..).and_then(length_of_numbers)
            && numbers == rest - length
        {
            file.take(numbers).read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    bail!("not a whole safetensors file ({} bytes)", found.len())
}

/// The longest header of a policy file that is read, in bytes; those written have a few thousand.
const LARGEST_HEADER: u64 = 1 << 24;

/// Returns how many bytes of numbers a header describes, or `None` if it is not a header.
fn length_of_numbers(header: &[u8]) -> Option<u64> {
    let header: serde_json::Map<String, Value> = serde_json::from_slice(header).ok()?;
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    tensors
        .map(|(_, tensor)| tensor["data_offsets"][1].as_u64())
        .try_fold(0, |most, end| Some(most.max(end?)))
}

/// Returns the starts of the episodes that a policy was trained on.
///
/// # Errors
/// If this program does not know them.
pub fn starts(info: &PolicyInfo) -> Result<Starts> {
    let known = [Starts::Drawn, Starts::Official];
    match known.into_iter().find(|starts| starts.name() == info.starts) {
        Some(starts) => Ok(starts),
        None => bail!("`starts` is `{}`; this program knows `drawn` and `official`", info.starts),
    }
}

/// Fails if a policy's sizes are not those of the task it is to play, or, where it does not see all
/// of an observation, the groups are not the same.
///
/// # Errors
/// Names the policy, the task and the sizes or groups of both.
pub fn require_fit(path: &Path, file: &PolicyFile, spec: &EnvSpec) -> Result<()> {
    let (obs_dim, action_dim) = (file.policy.obs_dim(), file.policy.action_dim());
    if (obs_dim, action_dim) != (spec.obs_dim, spec.action_dim) {
        bail!(
            "policy {} was trained on task {} (obs {obs_dim}, act {action_dim}) and cannot play {} \
             (obs {}, act {})",
            path.display(),
            file.info.task,
            spec.name,
            spec.obs_dim,
            spec.action_dim
        );
    }
    match &file.info.sight {
        Some(sight) if sight.groups != groups(spec) => bail!(
            "policy {} was trained on task {} without seeing {} of its groups {}, and cannot play \
             {}, whose groups are {}",
            path.display(),
            file.info.task,
            sight.hides.join(", "),
            named(&sight.groups),
            spec.name,
            named(&groups(spec))
        ),
        _ => Ok(()),
    }
}

/// Returns groups with their numbers in words, such as `position 0-1, velocity 2-3`.
pub fn named(groups: &[SightGroup]) -> String {
    let words = groups.iter().map(|SightGroup { name, range: [start, end] }| {
        let last = end - 1;
        if last == *start { format!("{name} {start}") } else { format!("{name} {start}-{last}") }
    });
    words.collect::<Vec<_>>().join(", ")
}
