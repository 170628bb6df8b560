//! A run in the list: what its files say of it, as far as they can be read.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use fpo_core::Registry;
use serde::Serialize;

use crate::config::resolved::Config;
use crate::results::outcome::Outcome;
use crate::results::standing::Standing;
use crate::results::tail::tail;
use crate::run::best;
use crate::run::dir::RunDir;
use crate::terminal::failure::describe;

/// A run in the list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    /// Path of its folder.
    pub run: String,
    /// The same below the folder that is listed.
    #[serde(skip)]
    pub name: String,
    /// Name of its task.
    pub task: Option<String>,
    /// Its algorithm.
    pub method: Option<String>,
    /// Seed of training.
    pub seed: Option<u64>,
    /// How it stands.
    pub state: Standing,
    /// Why it diverged or failed.
    pub reason: Option<String>,
    /// Environment steps done.
    pub steps: Option<u64>,
    /// Environment steps of the whole run, rounded down to whole iterations.
    pub total_steps: Option<u64>,
    /// Mean return of the last evaluation.
    pub last: Option<f64>,
    /// The best mean return of an evaluation.
    pub best: Option<f64>,
    /// Seconds since the run wrote last.
    pub age_s: u64,
    /// What is wrong with its files.
    pub problem: Option<String>,
}

impl Entry {
    /// Returns what is known of the run at `path`, which was found below `folder`.
    pub fn of(folder: &Path, path: &Path) -> Entry {
        let below = path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty());
        let mut entry = Entry {
            run: path.display().to_string(),
            name: below.unwrap_or(path).display().to_string(),
            task: None,
            method: None,
            seed: None,
            state: Standing::Damaged,
            reason: None,
            steps: None,
            total_steps: None,
            last: None,
            best: None,
            age_s: 0,
            problem: None,
        };
        let run = RunDir::at(path);
        entry.age_s = age(&run).unwrap_or(0);
        // Each reads a file of its own, so that one that is damaged does not hide the others.
        let readers = [Entry::read_config, Entry::read_metrics, Entry::read_best];
        let mut problems: Vec<String> = Vec::new();
        let mut note = |read: Result<()>| problems.extend(read.err().map(|e| describe(&e)));
        for read in readers {
            note(read(&mut entry, &run));
        }
        note(entry.read_state(&run));
        if !problems.is_empty() {
            entry.problem = Some(problems.join("; "));
        }
        entry
    }

    fn read_config(&mut self, run: &RunDir) -> Result<()> {
        let run = RunDir::open(run.root())?;
        let config = Config::load_with(&Registry::default(), &[run.config_path()], &[])?;
        self.total_steps = Some(config.num_iterations() * config.steps_per_iteration());
        self.seed = Some(config.train.seed);
        self.method = Some(config.algorithm.kind.name.into());
        self.task = Some(config.env.task);
        Ok(())
    }

    fn read_metrics(&mut self, run: &RunDir) -> Result<()> {
        let path = run.metrics_path();
        let tail = tail(&path).with_context(|| path.display().to_string())?;
        self.steps = Some(tail.step.unwrap_or(0));
        self.last = tail.last;
        Ok(())
    }

    fn read_best(&mut self, run: &RunDir) -> Result<()> {
        self.best = best::score(run)?.map(|score| score.return_mean);
        Ok(())
    }

    /// Reads how the run stands.
    fn read_state(&mut self, run: &RunDir) -> Result<()> {
        let found = Standing::of(run).with_context(|| run.root().display().to_string())?;
        self.state = match found.0 {
            Standing::Stopped if self.task.is_none() => Standing::Damaged,
            standing => standing,
        };
        self.reason = found.1.and_then(|outcome| outcome.reason);
        Ok(())
    }

    /// Orders by task, and within a task by the best return, the highest first.
    pub fn by_task_and_best(&self, other: &Entry) -> Ordering {
        let best = |entry: &Entry| entry.best.unwrap_or(f64::NEG_INFINITY);
        let tasks = self.task.is_none().cmp(&other.task.is_none());
        tasks
            .then_with(|| self.task.cmp(&other.task))
            .then_with(|| best(other).total_cmp(&best(self)))
            .then_with(|| self.name.cmp(&other.name))
    }
}

/// Returns the seconds since `run` wrote last: a line of metrics, its outcome, or its
/// configuration.
fn age(run: &RunDir) -> Option<u64> {
    let files = [run.metrics_path(), Outcome::path(run), run.config_path()];
    let folder = run.root().to_path_buf();
    let written = |path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let newest = files.into_iter().filter_map(written).max().or_else(|| written(folder))?;
    // A clock that was set back makes nothing older than it is.
    Some(SystemTime::now().duration_since(newest).map_or(0, |age| age.as_secs()))
}
