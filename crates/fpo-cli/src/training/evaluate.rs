//! Evaluates a policy over whole episodes from fixed seeds, one episode per environment.
//!
//! Only the first episode of each environment counts. The starts and the sampler's noise come from
//! the evaluation's own seed, so that two evaluations of the same weights give the same numbers.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Error, Result};
use fpo_core::Noise;
use fpo_envs::{PartOf, Starts, VecEnvOptions};
use serde::{Deserialize, Serialize};

use crate::statistics::sample::{mean, standard_error};
use crate::text::count::count;
use crate::training::crew::Crew;
use crate::training::player::Player;
use crate::training::recording::Recording;
use crate::training::sampler_report::SamplerReport;
use crate::training::stepped_envs::SteppedEnvs;

/// What an evaluation plays.
#[derive(Clone, Debug)]
pub struct EvalPlan {
    /// The task's name.
    pub task: String,
    /// Episodes, each in an environment of its own.
    pub episodes: usize,
    /// Seed of starts and noise.
    pub seed: u64,
    /// Step limit in control steps, if it is not the task's own.
    pub episode_length: Option<usize>,
    /// Which starts the episodes may have.
    pub starts: Starts,
    /// Control steps for which each action is held.
    pub action_repeat: usize,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// The task's name.
    pub task: String,
    /// Episodes played.
    pub episodes: usize,
    /// Mean of the episodes' summed rewards.
    pub return_mean: f64,
    /// Standard error of that mean; `None` for a single episode.
    pub return_stderr: Option<f64>,
    /// Smallest return.
    pub return_min: f64,
    /// Largest return.
    pub return_max: f64,
    /// Mean number of steps.
    pub length_mean: f64,
    /// Share of episodes that reached the goal, where the task has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// Episodes of the batch, counted ones and their successors, that were cut because a number
    /// stopped being finite.
    pub divergences: u64,
    /// The sampler, where it was not the policy's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<SamplerReport>,
    /// The episodes' returns, in the order of their starts.
    #[serde(skip)]
    pub returns: Vec<f64>,
}

impl std::fmt::Display for EvalReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "return {:.1}", self.return_mean)?;
        if let Some(stderr) = self.return_stderr {
            write!(f, " ± {stderr:.1}")?;
        }
        write!(f, " (min {:.1}, max {:.1})", self.return_min, self.return_max)?;
        self.write_remarks(f)
    }
}

impl EvalReport {
    /// Writes what a line says after the returns.
    pub fn write_remarks(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ", length {:.1}", self.length_mean)?;
        if let Some(rate) = self.success_rate {
            write!(f, ", success {:.1} %", 100.0 * rate)?;
        }
        if self.divergences > 0 {
            write!(f, ", {} cut by numbers that are not finite", self.divergences)?;
        }
        write!(f, ", {}", count(self.episodes, "episode"))?;
        self.sampler.iter().try_for_each(|sampler| write!(f, ", {sampler}"))
    }
}

/// Plays `plan` with `player`, and adds every step to `recording` if one is given. Returns `None`
/// if `stop` was set before the last episode ended.
///
/// # Errors
/// Those of the environments, and those of [`Player::act`] with the step at which they arose.
pub fn evaluate(
    player: &Player,
    plan: &EvalPlan,
    recording: Option<&mut Recording>,
    stop: &AtomicBool,
) -> Result<Option<EvalReport>> {
    let played = play(player, plan, 0..plan.episodes, recording, stop)?;
    Ok(played.map(|played| report(player, plan, &played)))
}

/// Plays the episodes of `plan` together with the other ranks of `crew`, each some of them. Returns
/// `None`, and sets `stop`, if `stop` was set on any rank before its last episode ended.
///
/// # Errors
/// As [`evaluate`], on all ranks as `explain` has it, and those of the ranks.
pub fn evaluate_together(
    player: &Player,
    plan: &EvalPlan,
    crew: &Crew,
    stop: &AtomicBool,
    explain: impl FnOnce(Error) -> Error,
) -> Result<Option<EvalReport>> {
    let share = crew.share(plan.episodes);
    let own = match share.is_empty() {
        true => Ok(Some(Played::default())),
        false => play(player, plan, share, None, stop),
    };
    let own = crew.agree(own.map_err(explain))?;
    if crew.any(own.is_none())? {
        stop.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    let mut played = Played::default();
    for bytes in crew.gather(&serde_json::to_vec(&own)?)? {
        let part: Option<Played> =
            serde_json::from_slice(&bytes).context("the episodes of a rank")?;
        let part = part.unwrap_or_default();
        played.episodes.extend(part.episodes);
        played.divergences += part.divergences;
        played.has_success |= part.has_success;
    }
    Ok(Some(report(player, plan, &played)))
}

/// Plays the episodes of `plan` whose numbers are in `share`.
fn play(
    player: &Player,
    plan: &EvalPlan,
    share: Range<usize>,
    mut recording: Option<&mut Recording>,
    stop: &AtomicBool,
) -> Result<Option<Played>> {
    let options = VecEnvOptions {
        num_envs: share.len(),
        part_of: Some(PartOf { first: share.start, total: plan.episodes }),
        seed: plan.seed,
        episode_length: plan.episode_length,
        starts: plan.starts,
        action_repeat: plan.action_repeat,
        ..VecEnvOptions::default()
    };
    let mut envs = SteppedEnvs::new(fpo_envs::make(&plan.task, &options)?)?;
    let noise = Noise::new(plan.seed);
    let width = player.noise_len(envs.spec().action_dim);
    let mut draws = vec![0.0; share.len() * width];
    let mut episodes = vec![Episode::default(); share.len()];
    for step in 0.. {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut actions = player
            .act(&noise, (step, share.start * width), &envs.obs, &mut draws)
            .with_context(|| format!("evaluation step {step}"))?;
        if let Some(recording) = recording.as_deref_mut() {
            recording.before_step(&envs.obs, &draws, &actions);
        }
        player.squash().apply(&mut actions);
        envs.step(&actions)?;
        if let Some(recording) = recording.as_deref_mut() {
            recording.after_step(&actions, &envs);
        }
        for (env, episode) in episodes.iter_mut().enumerate().filter(|(_, episode)| !episode.over) {
            episode.reward += envs.reward[env] as f64;
            episode.steps += 1;
            episode.success |= envs.success[env];
            episode.over = envs.ended(env);
        }
        if episodes.iter().all(|episode| episode.over) {
            break;
        }
    }
    let divergences = envs.envs.divergences();
    Ok(Some(Played { episodes, divergences, has_success: envs.spec().has_success }))
}

/// Episodes that were played.
#[derive(Default, Serialize, Deserialize)]
struct Played {
    episodes: Vec<Episode>,
    divergences: u64,
    has_success: bool,
}

/// The first episode of an environment, as far as it has been played.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Episode {
    reward: f64,
    steps: u64,
    success: bool,
    over: bool,
}

/// Returns the report on what `player` has played.
fn report(player: &Player, plan: &EvalPlan, played: &Played) -> EvalReport {
    let Played { episodes, divergences, has_success } = played;
    let n = episodes.len() as f64;
    let returns: Vec<f64> = episodes.iter().map(|episode| episode.reward).collect();
    let successes = episodes.iter().filter(|episode| episode.success).count();
    EvalReport {
        task: plan.task.clone(),
        episodes: episodes.len(),
        return_mean: mean(returns.iter().copied()),
        return_stderr: standard_error(&returns),
        return_min: returns.iter().copied().fold(f64::INFINITY, f64::min),
        return_max: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        length_mean: episodes.iter().map(|episode| episode.steps).sum::<u64>() as f64 / n,
        success_rate: has_success.then_some(successes as f64 / n),
        divergences: *divergences,
        sampler: player.sampler_report(),
        returns,
    }
}
