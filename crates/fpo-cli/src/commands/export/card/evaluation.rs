//! The episodes that are played for a card, with exactly the policy that is exported.
//!
//! Evaluations during training are of other policies, and the best of them is the luckiest, so that
//! a card has a return of its own, from episodes that training has not seen.

use std::path::Path;

use anyhow::{Context, Result};
use fpo_core::PolicyFile;

use crate::commands::export::card::origin::Origin;
use crate::commands::play::{PlayArgs, played};
use crate::commands::summary::resampling;
use crate::config::sections::EvalConfig;
use crate::statistics::bootstrap::{Interval, interval};
use crate::statistics::sample::mean;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::evaluate::EvalReport;
use crate::training::player::Player;

/// How far the seed of a card's episodes is from that of evaluations during training.
const FARTHER: u64 = 1_000_000;

/// Episodes that were played for a card.
pub(crate) struct Evaluation {
    /// What came of them.
    pub(crate) report: EvalReport,
    /// The 95 % interval of their mean; a single episode has none.
    pub(crate) interval: Option<Interval>,
    /// Their seed.
    pub(crate) seed: u64,
}

impl Evaluation {
    /// Returns a seed that neither the training of a policy of this origin nor its evaluations have
    /// used; without an origin, that their defaults have not.
    pub(crate) fn seed_for(origin: Option<&Origin>) -> u64 {
        let Some(Origin { config, .. }) = origin else {
            return EvalConfig::default().seed + FARTHER;
        };
        let seed = config.eval.seed.wrapping_add(FARTHER);
        if seed == config.train.seed { seed.wrapping_add(1) } else { seed }
    }
}

/// Plays `episodes` episodes of `seed` with the policy of `file`, which was read from `path`.
///
/// # Errors
/// If this build has no such task, or playing fails.
pub(crate) fn evaluate(
    file: &PolicyFile,
    path: &Path,
    episodes: u32,
    seed: u64,
) -> Result<Evaluation> {
    let plan = PlayArgs::unrecorded(episodes, Some(seed)).plan_for_policy(path, file, None, None);
    let plan = plan.context("--episodes 0 writes a card without a return of its own")?;
    Notes.note(&format!("playing {episodes} episodes of {} for the card", plan.task));
    let report = played(&Player::Policy(Box::new(file.actor()?)), &plan, None)?;
    let mean_of = |returns: &Vec<f64>| mean(returns.iter().copied());
    let interval = interval(&report.returns, mean_of, resampling(report.returns.len()));
    Ok(Evaluation { report, interval, seed })
}
