//! Evaluation: whole episodes from fixed seeds, one per environment.
//!
//! Environment `i` plays its first episode; what it does afterwards does not count. Starts come
//! from the evaluation's own seed and so does the sampler's noise, so that two evaluations of the
//! same weights give the same numbers.

use anyhow::{Context, Result};
use fpo_core::{Noise, Purpose};
use fpo_envs::{AutoReset, StepOutput, VecEnvOptions};
use serde::Serialize;

use crate::actor::Actor;
use crate::recording::Recording;

/// What to play.
#[derive(Clone, Debug)]
pub struct EvalPlan {
    /// The task's name.
    pub task: String,
    /// Episodes, each in an environment of its own.
    pub episodes: usize,
    /// Seed of starts and noise.
    pub seed: u64,
    /// Step limit, if not the task's own.
    pub episode_length: Option<usize>,
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
    /// Standard error of that mean.
    pub return_stderr: f64,
    /// Smallest return.
    pub return_min: f64,
    /// Largest return.
    pub return_max: f64,
    /// Mean number of steps.
    pub length_mean: f64,
    /// Share of episodes that reached the goal, where the task has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
}

impl std::fmt::Display for EvalReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "return {:.1} ± {:.1} (min {:.1}, max {:.1}), length {:.1}",
            self.return_mean,
            self.return_stderr,
            self.return_min,
            self.return_max,
            self.length_mean
        )?;
        match self.success_rate {
            Some(rate) => write!(f, ", success {:.1} %, {} episodes", 100.0 * rate, self.episodes),
            None => write!(f, ", {} episodes", self.episodes),
        }
    }
}

/// Plays `plan` with `actor`; every step is also written to `recording`, if given.
pub fn evaluate(
    actor: &Actor,
    plan: &EvalPlan,
    mut recording: Option<&mut Recording>,
) -> Result<EvalReport> {
    let episodes = plan.episodes;
    let mut envs = fpo_envs::make(
        &plan.task,
        &VecEnvOptions {
            num_envs: episodes,
            seed: plan.seed,
            auto_reset: AutoReset::Fresh,
            episode_length: plan.episode_length,
            stagger: false,
        },
    )?;
    let spec = envs.spec().clone();
    let noise = Noise::new(plan.seed);
    let mut obs = vec![0.0; episodes * spec.obs_dim];
    let mut final_obs = vec![0.0; episodes * spec.obs_dim];
    let mut start = vec![0.0; episodes * spec.action_dim];
    let mut reward = vec![0.0; episodes];
    let (mut terminated, mut truncated) = (vec![false; episodes], vec![false; episodes]);
    let mut success = vec![false; episodes];
    envs.reset(&mut obs)?;

    let mut running = vec![true; episodes];
    let mut returns = vec![0.0f64; episodes];
    let (mut steps, mut successes) = (0u64, 0u64);
    for step in 0.. {
        noise.fill_normal(Purpose::EvalAction, step, &mut start);
        let mut actions =
            actor.act(&obs, &start).with_context(|| format!("evaluation step {step}"))?;
        if let Some(recording) = recording.as_deref_mut() {
            recording.before_step(&obs, &start, &actions);
        }
        actor.policy.config().squash.apply(&mut actions);
        envs.step(
            &actions,
            StepOutput {
                obs: &mut obs,
                reward: &mut reward,
                terminated: &mut terminated,
                truncated: &mut truncated,
                success: &mut success,
                final_obs: &mut final_obs,
            },
        )?;
        if let Some(recording) = recording.as_deref_mut() {
            recording.after_step(&actions, &reward, &terminated, &truncated);
        }
        for env in 0..episodes {
            if !running[env] {
                continue;
            }
            returns[env] += reward[env] as f64;
            steps += 1;
            successes += success[env] as u64;
            running[env] = !terminated[env] && !truncated[env];
        }
        if !running.contains(&true) {
            break;
        }
    }

    let n = episodes as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let squares = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>();
    Ok(EvalReport {
        task: plan.task.clone(),
        episodes,
        return_mean: mean,
        return_stderr: (squares / (n - 1.0).max(1.0) / n).sqrt(),
        return_min: returns.iter().copied().fold(f64::INFINITY, f64::min),
        return_max: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        length_mean: steps as f64 / n,
        success_rate: spec.has_success.then_some(successes as f64 / n),
    })
}
