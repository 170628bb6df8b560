//! A policy that is to play: what was given on the command line, read and made ready.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::PolicyFile;
use fpo_core::sampler::Start;

use crate::commands::play::PlayArgs;
use crate::commands::sampler_args::SamplerArgs;
use crate::run::best;
use crate::run::dir::RunDir;
use crate::terminal::failure::UsageError;
use crate::training::evaluate::EvalPlan;
use crate::training::player::Player;
use crate::training::policy_file;

/// What the command line says of how policies are to play.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Whether the policy of a run's best evaluation plays instead of its last.
    pub best: bool,
    /// The task, if not the one a policy was trained on.
    pub task: Option<&'a str>,
    /// How actions are drawn.
    pub sampler: &'a SamplerArgs,
    /// How much to play.
    pub play: &'a PlayArgs,
}

/// A policy and the episodes it is to play.
pub struct Entrant {
    /// What was given on the command line.
    pub given: PathBuf,
    /// The policy file.
    pub path: PathBuf,
    /// The policy, with the sampler that was asked for.
    pub player: Player,
    /// What it plays by its own settings and the command line's.
    pub plan: EvalPlan,
}

impl Entrant {
    /// Reads what `given` names, a run's folder or a policy file, onto `device`. Without
    /// `--seed` it plays the episodes of `seed`, or those of its own default seed if `seed` is
    /// `None`.
    ///
    /// # Errors
    /// If the policy cannot be read or does not fit the task; [`UsageError`] for a flag that does
    /// not apply to it.
    pub fn read(
        given: &Path,
        asked: &Asked<'_>,
        device: &Device,
        seed: Option<u64>,
    ) -> Result<Entrant> {
        let run = run_of(given)?;
        let path = policy_path(given, run.as_ref(), asked.best)?;
        let file = policy_file::load(&path, device)?;
        // A run whose seed is not needed is not asked for it.
        let seeded_by = run.as_ref().filter(|_| seed.is_none());
        let mut plan = asked.play.plan_for_policy(&path, &file, asked.task, seeded_by)?;
        plan.seed = seed.unwrap_or(plan.seed);
        let player = player(&path, &file, asked.sampler)?;
        Ok(Entrant { given: given.to_path_buf(), path, player, plan })
    }
}

/// Reads the policy that `given` names, a run's folder or a policy file, onto `device`. Returns its
/// path too.
///
/// # Errors
/// If it cannot be read; [`UsageError`] where the best policy is asked of a file.
pub fn policy_file_of(
    given: &Path,
    is_best: bool,
    device: &Device,
) -> Result<(PathBuf, PolicyFile)> {
    let path = policy_path(given, run_of(given)?.as_ref(), is_best)?;
    let file = policy_file::load(&path, device)?;
    Ok((path, file))
}

fn run_of(given: &Path) -> Result<Option<RunDir>> {
    match given.is_dir() {
        true => Ok(Some(RunDir::open(given)?)),
        false => Ok(None),
    }
}

/// Returns the name of a policy's folder or file.
pub fn name(given: &Path) -> String {
    let path = std::path::absolute(given).unwrap_or_else(|_| given.to_path_buf());
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.unwrap_or(given.as_os_str()).to_string_lossy().into_owned()
}

fn policy_path(given: &Path, run: Option<&RunDir>, is_best: bool) -> Result<PathBuf> {
    let shown = given.display();
    match (run, is_best) {
        (Some(run), false) => Ok(run.policy_path()),
        (Some(run), true) => {
            let best = best::load(run)?;
            let best = best
                .with_context(|| format!("{shown} has no best policy: it was never evaluated"))?;
            Ok(best.policy)
        }
        (None, false) => Ok(given.to_path_buf()),
        (None, true) => {
            let what = format!("--best needs the folder of a run, and {shown} is not a folder");
            Err(UsageError(what).into())
        }
    }
}

fn player(path: &Path, file: &PolicyFile, asked: &SamplerArgs) -> Result<Player> {
    let actor = file.actor()?;
    let with_own_sampler = |start: Option<Start>| {
        let start = start.unwrap_or(actor.start);
        Player::Policy(Box::new(actor.clone().from_start(start)))
    };
    Ok(match file.policy.field() {
        Some(flow) => match asked.sampler(flow.steps(), actor.start)? {
            Some(sampler) => Player::sampled(actor, sampler),
            None => with_own_sampler(asked.start()),
        },
        None => {
            let start =
                asked.start_alone().with_context(|| format!("policy {}", path.display()))?;
            with_own_sampler(start)
        }
    })
}
