//! Who plays: policies that are read from files, and the two players that need none.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;

use crate::commands::eval::comparison::require_same_episodes;
use crate::commands::eval::entrant::{Asked, Entrant};
use crate::commands::task_arg::task_spec;
use crate::terminal::failure::UsageError;
use crate::training::evaluate::EvalPlan;
use crate::training::player::Player;

/// Reads what each of `given` names: a run's folder, a policy file, `random` or `zero`. All play
/// the same episodes: those of the first that is read from a file, or else of the task that is
/// asked for.
///
/// # Errors
/// Those of [`Entrant::read`]. [`UsageError`] if policies were not trained on the same episodes, if
/// neither a policy nor a flag names the task, or if a flag needs a trained policy and none is
/// given.
pub fn read(
    given: &[impl AsRef<Path>],
    asked: &Asked<'_>,
    device: &Device,
) -> Result<Vec<Entrant>> {
    let mut trained: Option<EvalPlan> = None;
    let mut entrants = Vec::new();
    for given in given.iter().map(AsRef::as_ref) {
        entrants.push(match untrained(given) {
            Some(_) => None,
            None => {
                let seed = trained.as_ref().map(|plan| plan.seed);
                let entrant = Entrant::read(given, asked, device, seed)?;
                trained.get_or_insert_with(|| entrant.plan.clone());
                Some(entrant)
            }
        });
    }
    if trained.is_none() {
        refuse_flags_of_policies(asked)?;
    }
    let entrants = given.iter().map(AsRef::as_ref).zip(entrants).map(|(given, entrant)| {
        match (entrant, untrained(given)) {
            (Some(entrant), _) => Ok(entrant),
            (None, player) => {
                let plan = plan(given, asked, trained.as_ref())?;
                let player = player.unwrap_or(Player::Zero);
                Ok(Entrant { given: given.into(), path: given.into(), player, plan })
            }
        }
    });
    let entrants: Vec<Entrant> = entrants.collect::<Result<_>>()?;
    if let Some((first, others)) = entrants.split_first() {
        others.iter().try_for_each(|other| require_same_episodes(first, other))?;
    }
    Ok(entrants)
}

/// Fails if something was asked of trained policies.
fn refuse_flags_of_policies(asked: &Asked<'_>) -> Result<(), UsageError> {
    let (flag, what) = match asked.sampler.given().next() {
        _ if asked.best => ("--best", "the folder of a run"),
        Some(flag) => (flag, "a policy file or the folder of a run"),
        None => return Ok(()),
    };
    let text = format!("{flag} is about trained policies, and none is given: name {what}");
    Err(UsageError(text))
}

/// Returns the player that needs no file, if `given` names one.
fn untrained(given: &Path) -> Option<Player> {
    match given.to_str()? {
        "random" => Some(Player::Random),
        "zero" => Some(Player::Zero),
        _ => None,
    }
}

/// Returns what a player plays that was not trained.
fn plan(given: &Path, asked: &Asked<'_>, trained: Option<&EvalPlan>) -> Result<EvalPlan> {
    match (trained, asked.task) {
        (Some(plan), _) => Ok(EvalPlan { action_repeat: 1, ..plan.clone() }),
        (None, Some(task)) => Ok(asked.play.plan(task_spec(task)?.name)),
        (None, None) => {
            let given = given.display();
            let text = format!("{given} was trained on no task: add --task TASK, as in `fpo envs`");
            Err(UsageError(text).into())
        }
    }
}
