//! Plays episodes for the command line, which is what `fpo eval` and `fpo envs --rollout` share.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use fpo_core::PolicyFile;
use fpo_envs::Starts;

use crate::commands::number_arg::whole;
use crate::commands::summary::Summary;
use crate::commands::task_arg::task_spec;
use crate::config::resolved::Config;
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::terminal::failure::UsageError;
use crate::terminal::output::{note, print, print_json};
use crate::training::evaluate::{EvalPlan, EvalReport, evaluate};
use crate::training::player::Player;
use crate::training::policy_file::{require_fit, starts};
use crate::training::recording::Recording;

/// How many episodes are played where nothing else is asked for, as in the evaluations of training.
const EPISODES: u32 = 128;
/// The seed of episodes that belong to no run, the default of `eval.seed`.
const SEED: u64 = 1_000_000;

/// How much to play, and where to write it.
#[derive(Args, Debug)]
pub struct PlayArgs {
    /// Episodes to play [default: 128]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=1 << 20))]
    episodes: Option<u32>,
    /// Seed of starts and noise [default: `eval.seed` of the run if its folder is given, else
    /// 1000000]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u64>(0..=u64::MAX))]
    seed: Option<u64>,
    /// Write every step (obs, noise, action, control, reward, ended) to a safetensors file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

impl PlayArgs {
    /// Returns what `--episodes` and `--seed` alone ask for.
    pub fn unrecorded(episodes: u32, seed: Option<u64>) -> PlayArgs {
        PlayArgs { episodes: Some(episodes), seed, record: None }
    }

    /// Returns the first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--episodes", self.episodes.is_some()),
            ("--seed", self.seed.is_some()),
            ("--record", self.record.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// Returns the plan for a player that was not trained: every setting of `task` is its own.
    pub fn plan(&self, task: String) -> EvalPlan {
        EvalPlan {
            task,
            episodes: self.episodes.unwrap_or(EPISODES) as usize,
            seed: self.seed.unwrap_or(SEED),
            episode_length: None,
            starts: Starts::default(),
            action_repeat: 1,
        }
    }

    /// Returns the plan for the policy that was read from `path`, on `task` or else on the task it
    /// was trained on. `run` is the run it belongs to, if its folder was given.
    ///
    /// Actions are held as long as in training and episodes have the starts of training. They are
    /// as long as in training too, unless the task is another one.
    ///
    /// # Errors
    /// If there is no such task here, or the policy's sizes are not those of the task. Also if the
    /// recording is to be written over the policy.
    pub fn plan_for_policy(
        &self,
        path: &Path,
        file: &PolicyFile,
        task: Option<&str>,
        run: Option<&RunDir>,
    ) -> Result<EvalPlan> {
        if let Some(record) = &self.record
            && durable::overwritten(record, [path]).is_some()
        {
            let text = format!("--record would write over the policy {}", path.display());
            return Err(UsageError(text).into());
        }
        let info = &file.info;
        let spec = match task {
            Some(task) => task_spec(task)?,
            // A task that the file names and this build lacks is no mistake of the command line.
            None => fpo_envs::spec(&info.task)
                .map_err(|error| anyhow!("policy {}: {error}", path.display()))?,
        };
        require_fit(path, file, &spec)?;
        let starts = starts(info).with_context(|| format!("policy {}", path.display()))?;
        Ok(EvalPlan {
            seed: self.seed.unwrap_or_else(|| run.map_or(SEED, seed_of)),
            episode_length: (spec.name == info.task).then_some(info.episode_length),
            starts,
            action_repeat: info.action_repeat,
            ..self.plan(spec.name)
        })
    }
}

/// Returns the seed of the evaluations of `run`. A policy can be played even if the configuration
/// beside it is damaged; then this function says so and returns [`SEED`].
fn seed_of(run: &RunDir) -> u64 {
    match Config::load(&[run.config_path()], &[]) {
        Ok(config) => config.eval.seed,
        Err(error) => {
            note(&format!("using seed {SEED}, because the run's seed cannot be read: {error}"));
            SEED
        }
    }
}

/// Plays `plan`, writes the recording that was asked for, and returns the report.
///
/// # Errors
/// Those of [`played`]. Also if the recording cannot be written.
pub fn play(player: &Player, plan: &EvalPlan, args: &PlayArgs) -> Result<EvalReport> {
    if let Some(record) = &args.record {
        durable::check_output(record).with_context(|| cannot_write(record))?;
    }
    let mut recording = args.record.as_ref().map(|_| Recording::default());
    let report = played(player, plan, recording.as_mut())?;
    if let (Some(path), Some(recording)) = (&args.record, recording) {
        durable::write_output(path, &recording.into_file().to_bytes()?)
            .with_context(|| cannot_write(path))?;
    }
    Ok(report)
}

/// Prints a report.
///
/// # Errors
/// If standard output cannot be written.
pub fn show(report: EvalReport, json: bool) -> Result<()> {
    match json {
        true => print_json(&Summary::new(report), false),
        false => print(&report.to_string()),
    }
}

/// Plays `plan` to its end and returns the report.
///
/// # Errors
/// Those of [`evaluate`].
pub fn played(
    player: &Player,
    plan: &EvalPlan,
    recording: Option<&mut Recording>,
) -> Result<EvalReport> {
    evaluate(player, plan, recording, &AtomicBool::new(false))?
        .context("the evaluation was stopped")
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sections::EvalConfig;

    #[test]
    fn episodes_and_the_seed_without_a_run_are_those_of_evaluations_during_training() {
        let EvalConfig { seed, episodes, .. } = EvalConfig::default();
        assert_eq!((SEED, EPISODES as usize), (seed, episodes));
    }
}
