//! `fpo train` as one of several processes: rank 0 makes the run, the others follow it.

use std::sync::Arc;

use anyhow::{Error, Result};
use fpo_core::Registry;

use crate::config::resolved::Config;
use crate::ranks::launcher::launcher;
use crate::ranks::mpi::Mpi;
use crate::ranks::{RanksChoice, join};
use crate::terminal::failure::{Stopped, USAGE, describe, exit_code, is_divergence};
use crate::terminal::output::{note, speak};
use crate::terminal::stop::Stop;
use crate::training::crew::handshake::meet;
use crate::training::crew::{Crew, member};

/// Joins the other processes of the launcher, if there are any, and does `work` on rank 0: with
/// this rank's crew, and with the configuration that `load` gives, which all ranks must have alike.
/// A run that is resumed reads its configuration from its folder, so that `load` is `None` there.
/// The other ranks do what rank 0 tells them.
///
/// # Errors
/// Those of `load` and of `work`, and where the ranks cannot reach each other or differ.
pub fn together(
    choice: RanksChoice,
    load: Option<impl FnOnce() -> Result<Config>>,
    work: impl FnOnce(Crew, Option<Config>) -> Result<()>,
) -> Result<()> {
    let Some(mpi) = join(choice).map_err(unreached)? else {
        return work(Crew::alone(), load.map(|load| load()).transpose()?);
    };
    let crew = Crew::of(mpi.clone());
    let config = load.map(|load| load());
    let (ended, in_order) = match crew.rank() {
        0 => {
            let ended = lead(&crew, config, work);
            let in_order = crew.dismiss();
            (ended.map_err(named), in_order)
        }
        _ => {
            let ended = follow(&crew, config);
            let in_order = ended.is_ok();
            (ended, in_order)
        }
    };
    leave(&mpi, ended, in_order)
}

/// Makes the run with `work`, once all ranks agree on what it is.
pub fn lead(
    crew: &Crew,
    config: Option<Result<Config>>,
    work: impl FnOnce(Crew, Option<Config>) -> Result<()>,
) -> Result<()> {
    work(crew.clone(), meet(crew, config)?)
}

/// Follows rank 0, also where the ranks do not agree and rank 0 only says so.
pub fn follow(crew: &Crew, config: Option<Result<Config>>) -> Result<()> {
    let stop = Stop::on_signals()?;
    if let Err(error) = meet(crew, config)
        && matches!(error.downcast_ref(), Some(fpo_core::Error::Rank(_)))
    {
        return Err(error);
    }
    member::follow(crew, &Registry::default(), &stop)
}

/// Returns the error of a process that could not reach the others. It speaks for itself: nobody
/// else can know of it.
pub(crate) fn unreached(error: Error) -> Error {
    speak();
    match launcher() {
        Some(launcher) if launcher.rank > 0 => error.context(format!("rank {}", launcher.rank)),
        _ => error,
    }
}

/// Returns an error of rank 0 with its number, unless it is one of all ranks or names another.
pub(crate) fn named(error: Error) -> Error {
    let is_of_all = error.is::<Stopped>() || is_divergence(&error) || exit_code(&error) == USAGE;
    match is_of_all || describe(&error).starts_with("rank ") {
        true => error,
        false => error.context("rank 0"),
    }
}

/// Leaves the other processes: in good order, or by ending all of them, because they would wait for
/// this one for ever.
pub(crate) fn leave(mpi: &Arc<Mpi>, ended: Result<()>, in_order: bool) -> Result<()> {
    if in_order {
        mpi.finalize();
        return ended;
    }
    if let Err(error) = &ended {
        speak();
        note(&describe(error));
    }
    mpi.abort();
    ended
}
