//! Saves a trainer's whole state as checkpoint files, and restores it.
//!
//! `learner.safetensors` holds both networks, Adam's moments, the observation statistics, and what
//! else the learner moves (averaged weights, the scale of rewards, the width of a flow's noise);
//! `envs.safetensors` holds every environment's state and running episode; `state.json` holds the
//! counters, which are also the positions of all random streams.

use anyhow::{Context, Result, bail};
use fpo_core::{Counters, LearnerState, Rate, TensorFile};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::choices::{DeviceChoice, OverlapChoice};
use crate::config::resolved::Config;
use crate::host;
use crate::results::identity::Identity;
use crate::run::checkpoint_files::CheckpointFiles;
use crate::run::dir::RunDir;
use crate::run::metrics::Metrics;
use crate::run::sealed_json::sha256;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::Reporter;
use crate::training::changes::Change;
use crate::training::collapse::CollapseDetector;
use crate::training::snapshot::{ENVS, LEARNER, Snapshot};
use crate::training::state_files::{env_state, envs_file, learner_file, tensors};
use crate::training::trainer::Trainer;

const STATE: &str = "state.json";

/// The lines of a configuration in TOML whose fields version 0.1.0 did not have, at their defaults.
const ADDED_SINCE_0_1_0: [&str; 14] = [
    "mean_ratio_weight = 0.0\n",
    "kinetic_weight = 0.0\n",
    "on_divergence = \"stop\"\n",
    "rollback_factor = 0.5\n",
    "max_rollbacks = 3\n",
    "sample_noise = \"independent\"\n",
    "sample_times = \"independent\"\n",
    "grad_norm_over = \"all\"\n",
    "noise_correlation = 0.0\n",
    "source_std = 1.0\n",
    "source_width = \"fixed\"\n",
    "frame = \"fixed\"\n",
    "step_times = \"start\"\n",
    "reward_scaling = \"fixed\"\n",
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// What the run is recognised by: the digest of its configuration
    /// ([`crate::results::identity`]) and its seed.
    config: String,
    /// The fields by which the configuration is recognised. A checkpoint from before these were
    /// kept has none.
    #[serde(default)]
    fields: Option<Map<String, Value>>,
    iteration: u64,
    rollout_steps: u64,
    elapsed_s: f64,
    pending: Option<Metrics>,
    rate: Rate,
    collapse: CollapseDetector,
    #[serde(default)]
    rollbacks: u64,
    /// The version of the program that saved it. A checkpoint from before this was kept has none.
    #[serde(default)]
    fpo: Option<String>,
    learner: Counters,
}

/// Saves `trainer` as the newest checkpoint of `run`.
///
/// # Errors
/// If writing fails, or if the state holds a number that is not finite: such a state is not saved.
pub fn save(run: &RunDir, trainer: &Trainer, elapsed_s: f64) -> Result<()> {
    let snapshot = Snapshot::of_all_ranks(trainer)?;
    let state = State {
        config: recognised_by(&trainer.config)?,
        fields: Some(recognised_fields(&trainer.config)?),
        iteration: snapshot.iteration,
        rollout_steps: snapshot.position.steps,
        elapsed_s,
        pending: snapshot.pending,
        rate: snapshot.rate,
        collapse: snapshot.collapse,
        rollbacks: snapshot.rollbacks,
        fpo: Some(host::VERSION.into()),
        learner: snapshot.learner.counters,
    };
    let learner = learner_file(&snapshot.learner)?.to_bytes()?;
    let envs = envs_file(&snapshot.envs, &snapshot.position).to_bytes()?;
    let state = serde_json::to_vec_pretty(&state)?;
    let files: [(&str, &[u8]); 3] = [(LEARNER, &learner), (ENVS, &envs), (STATE, &state)];
    CheckpointFiles::write(run, trainer.steps(), &files, trainer.config.checkpoint.keep)?;
    Ok(())
}

/// Returns the newest whole checkpoint of `run`, or `None` if there is no checkpoint. Damaged ones
/// are passed over, and `reporter` is told their names.
///
/// # Errors
/// If there are checkpoints but all are damaged, or one cannot be read.
pub fn newest(run: &RunDir, reporter: &mut dyn Reporter) -> Result<Option<CheckpointFiles>> {
    let search = CheckpointFiles::latest_good(run).with_context(|| {
        format!(
            "the newest checkpoint in {} cannot be read: make it readable, or move it elsewhere to \
             go on from an older one",
            run.checkpoints_dir().display()
        )
    })?;
    for (folder, why) in &search.refused {
        reporter.note(&format!("checkpoint {} is passed over: {why}", folder.display()));
    }
    if search.found.is_none() && !search.refused.is_empty() {
        bail!("no checkpoint of {} is whole", run.root().display());
    }
    Ok(search.found)
}

/// Puts a checkpoint into a freshly built trainer. Returns the seconds that the run had taken, and
/// what has changed in its configuration since.
///
/// # Errors
/// Names the checkpoint and what does not fit, such as the first field that must not change and
/// has.
pub fn restore(files: &CheckpointFiles, trainer: &mut Trainer) -> Result<(f64, Vec<Change>)> {
    restore_parts(files, trainer)
        .with_context(|| format!("checkpoint {}", files.folder().display()))
}

fn restore_parts(files: &CheckpointFiles, trainer: &mut Trainer) -> Result<(f64, Vec<Change>)> {
    let (state, changes) = state(files, &trainer.config)?;
    let elapsed_s = state.elapsed_s;
    let envs = TensorFile::from_bytes(files.file(ENVS)?).context(ENVS)?;
    let (envs, position) = env_state(&envs, state.rollout_steps).context(ENVS)?;
    let snapshot = Snapshot {
        learner: learner_state(files, state.learner)?,
        envs,
        position,
        iteration: state.iteration,
        pending: state.pending,
        rate: state.rate,
        collapse: state.collapse,
        rollbacks: state.rollbacks,
    };
    snapshot.put_into_all_ranks(trainer)?;
    if trainer.iteration > trainer.config.num_iterations() {
        let (total, done) = (trainer.config.train.total_steps, trainer.steps());
        let text = format!("train.total_steps is {total}, but {done} steps are done already");
        return Err(UsageError(text).into());
    }
    Ok((elapsed_s, changes))
}

/// Returns the counters of a checkpoint, and what has changed since in the configuration, which is
/// now `config`. Fails where that must not change.
fn state(files: &CheckpointFiles, config: &Config) -> Result<(State, Vec<Change>)> {
    let state: State = serde_json::from_slice(files.file(STATE)?).context(STATE)?;
    let known = [recognised_by(config)?, recognised_in_0_1_0(config)?];
    if known.contains(&state.config) {
        return Ok((state, Vec::new()));
    }
    const ADVICE: &str = "for other settings start a new run";
    let Some(fields) = &state.fields else {
        bail!(
            "it was saved under another configuration: config.toml of a run must not be edited \
             ({ADVICE})"
        );
    };
    let changes = Change::between(fields, &recognised_fields(config)?);
    if let Some(change) = changes.iter().find(|change| !change.is_allowed()) {
        bail!("it was saved under another configuration: {change} ({ADVICE})");
    }
    Ok((state, changes))
}

fn learner_state(files: &CheckpointFiles, counters: Counters) -> Result<LearnerState> {
    let file = TensorFile::from_bytes(files.file(LEARNER)?).context(LEARNER)?;
    Ok(LearnerState { tensors: tensors(&file)?, counters })
}

/// Returns what a checkpoint knows about the policy: the state of the learner, and the number of
/// iterations that it has learnt.
///
/// # Errors
/// Names the checkpoint and what does not fit.
pub fn learnt(files: &CheckpointFiles, config: &Config) -> Result<(LearnerState, u64)> {
    let read = || -> Result<(LearnerState, u64)> {
        let (state, _) = state(files, config)?;
        Ok((learner_state(files, state.learner)?, state.iteration))
    };
    read().with_context(|| format!("checkpoint {}", files.folder().display()))
}

/// Returns the version of the program that saved a checkpoint, if it says so.
///
/// # Errors
/// If its state cannot be read.
pub fn version(files: &CheckpointFiles) -> Result<Option<String>> {
    let state: State = serde_json::from_slice(files.file(STATE)?).context(STATE)?;
    Ok(state.fpo)
}

/// Returns what a checkpoint recognises the configuration by that it was saved under. Fields that
/// decide no result, and fields at their defaults, which a later version may have added, do not
/// count.
fn recognised_by(config: &Config) -> Result<String> {
    Ok(format!("{} seed {}", Identity::of(config)?.digest(), config.train.seed))
}

/// Returns the fields by which a checkpoint recognises a configuration: those that decide the
/// result and are not at their defaults, and the seed.
///
/// # Errors
/// If the configuration has no form in TOML or JSON.
pub fn recognised_fields(config: &Config) -> Result<Map<String, Value>> {
    let mut fields = Identity::of(config)?.into_fields();
    fields.insert("train.seed".into(), config.train.seed.into());
    Ok(fields)
}

/// Returns the same as version 0.1.0 wrote it: SHA-256 of the whole configuration in TOML, without
/// the fields that it did not know, as long as they are at their defaults.
fn recognised_in_0_1_0(config: &Config) -> Result<String> {
    let mut config = config.clone();
    config.train.device = DeviceChoice::Auto;
    config.train.overlap = OverlapChoice::Auto;
    config.train.stop_after = None;
    let text = config.to_toml()?;
    let known = text.split_inclusive('\n').filter(|line| !ADDED_SINCE_0_1_0.contains(line));
    Ok(sha256(known.collect::<String>().as_bytes()))
}
