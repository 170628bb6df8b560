//! Runs on ranks that are threads, and digests of what a run has left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use fpo_cli::commands::train::operator::Operator;
use fpo_cli::commands::train::ranks::{follow, lead};
use fpo_cli::commands::train::{Changes, resume, start};
use fpo_cli::config::resolved::Config;
use fpo_cli::training::crew::Crew;
use fpo_core::{Communicator, Registry};
use sha2::{Digest, Sha256};

use crate::common::{metrics, root};

/// A run: its configuration's files below `configs/`, and what overrides them.
pub struct Run {
    pub files: Vec<&'static str>,
    pub set: Vec<&'static str>,
}

impl Run {
    pub fn config(&self) -> Result<Config> {
        let paths: Vec<PathBuf> =
            self.files.iter().map(|file| root().join("configs").join(file)).collect();
        let set: Vec<String> = self.set.iter().map(|set| set.to_string()).collect();
        Ok(Config::load(&paths, &set)?)
    }
}

fn operator(crew: Crew) -> Result<Operator> {
    Ok(Operator { plain: true, crew, ..Operator::on_signals()? })
}

pub fn train_alone(run: &Run, out: &Path) -> Result<()> {
    start(run.config()?, &[], Some(out.into()), operator(Crew::alone())?)
}

/// Trains `run` on these ranks, and returns how each has ended.
pub fn on_ranks<C: Communicator + 'static>(
    ranks: Vec<C>,
    run: &Run,
    out: &Path,
) -> Vec<Result<()>> {
    let runs = vec![run; ranks.len()];
    on_ranks_of_their_own(ranks, &runs, out)
}

/// Does the same with a configuration for each rank.
pub fn on_ranks_of_their_own<C: Communicator + 'static>(
    ranks: Vec<C>,
    runs: &[&Run],
    out: &Path,
) -> Vec<Result<()>> {
    let configs = runs.iter().map(|run| Some(run.config())).collect();
    each(ranks, configs, &|crew, config| {
        start(config.unwrap(), &[], Some(out.into()), operator(crew)?)
    })
}

/// Lets the run in `folder` go on to `steps` steps on these ranks.
pub fn resume_on_ranks<C: Communicator + 'static>(
    ranks: Vec<C>,
    folder: &Path,
    steps: u64,
) -> Vec<Result<()>> {
    let configs = ranks.iter().map(|_| None).collect();
    each(ranks, configs, &|crew, _| {
        let steps = format!("train.total_steps={steps}");
        let sets = vec![steps, "train.stop_after=none".into()];
        let changes = Changes { device: None, sets };
        resume(folder, &changes, &Registry::default(), operator(crew)?)
    })
}

/// Does `work` on rank 0, which the others follow.
fn each<C: Communicator + 'static>(
    ranks: Vec<C>,
    configs: Vec<Option<Result<Config>>>,
    work: &(impl Fn(Crew, Option<Config>) -> Result<()> + Sync),
) -> Vec<Result<()>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranks
            .into_iter()
            .zip(configs)
            .map(|(ranks, config)| {
                scope.spawn(move || {
                    let crew = Crew::of(Arc::new(ranks));
                    if crew.rank() > 0 {
                        return follow(&crew, config);
                    }
                    let ended = lead(&crew, config, work);
                    crew.dismiss();
                    ended
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Returns digests of what a run has left, except what says how long something took.
pub fn digests(run: &Path) -> BTreeMap<String, String> {
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes)[..8].iter().map(|x| format!("{x:02x}")).collect();
    let mut found = BTreeMap::<String, String>::new();
    let mut put = |name: &str, bytes: &[u8]| found.insert(name.into(), hex(bytes));
    put("policy", &fs::read(run.join("policy.safetensors")).unwrap());
    put("config", &fs::read(run.join("config.toml")).unwrap());
    let mut rows = metrics(run);
    rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
    put("metrics", format!("{rows:?}").as_bytes());
    if let Ok(best) = fs::read(run.join("best/policy.safetensors")) {
        put("best", &best);
    }
    let checkpoints = fs::read_dir(run.join("checkpoints")).unwrap();
    let last = checkpoints.map(|entry| entry.unwrap().path()).max().unwrap();
    for file in ["learner.safetensors", "envs.safetensors"] {
        put(file, &fs::read(last.join(file)).unwrap());
    }
    let state = fs::read(last.join("state.json")).unwrap();
    let mut state: serde_json::Map<_, _> = serde_json::from_slice(&state).unwrap();
    state.remove("elapsed_s");
    put("state", format!("{state:?}").as_bytes());
    found
}
