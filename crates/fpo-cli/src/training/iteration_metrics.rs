//! What an iteration and an evaluation leave in the metrics, by their keys.

use std::time::Duration;

use fpo_core::{PhaseTimes, RewardScaling};

use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::training::evaluate::EvalReport;
use crate::training::finished_episodes::FinishedEpisodes;

/// Returns the metrics of an evaluation.
pub fn eval_metrics(report: &EvalReport) -> Metrics {
    let mut metrics: Metrics = vec![
        ("eval/episode_return_mean".into(), report.return_mean),
        ("eval/episode_return_min".into(), report.return_min),
        ("eval/episode_return_max".into(), report.return_max),
        ("eval/episode_length_mean".into(), report.length_mean),
    ];
    let optional = [
        ("eval/episode_return_stderr", report.return_stderr),
        ("eval/success_rate", report.success_rate),
    ];
    metrics.extend(optional.into_iter().filter_map(|(key, value)| Some((key.into(), value?))));
    metrics
}

/// Returns the metrics of the episodes that ended in a rollout.
pub(super) fn episode_metrics(episodes: &FinishedEpisodes, has_success: bool) -> Metrics {
    let mut metrics = vec![("rollout/episodes".into(), episodes.count as f64)];
    if episodes.count > 0 {
        let n = episodes.count as f64;
        metrics.push(("rollout/episode_return_mean".into(), episodes.returns / n));
        metrics.push(("rollout/episode_length_mean".into(), episodes.lengths as f64 / n));
        if has_success {
            metrics.push(("rollout/success_rate".into(), episodes.successes as f64 / n));
        }
    }
    metrics
}

/// Returns the settings that move over a run, as they were in an iteration, counted from 0, out of
/// all iterations. `reward_scale` is the scale of rewards then.
pub(super) fn moving_settings(
    config: &Config,
    (iteration, of): (u64, u64),
    reward_scale: f64,
) -> Metrics {
    let Config { algorithm, policy, .. } = config;
    let source_std = policy.source_std_to.map(|_| policy.source_std_at(iteration, of));
    let entropy_coefficient =
        algorithm.entropy_coefficient_to.map(|_| algorithm.entropy_coefficient_at(iteration, of));
    let noise_correlation =
        algorithm.noise_correlation_to.map(|_| algorithm.noise_correlation_at(iteration, of));
    let follows = algorithm.objective.reward_scaling != RewardScaling::Fixed;
    let all = [
        ("train/reward_scale", follows.then_some(reward_scale)),
        ("train/entropy_coefficient", entropy_coefficient),
        ("train/noise_correlation", noise_correlation),
        ("train/source_std", source_std),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.into(), value?))).collect()
}

/// Returns how the wall-clock time of an iteration was spent. The parts add up to
/// `time/iteration_s`. While the environments step in halves (`train.overlap`), `env` is the time
/// in which one half stepped, and `sample` is only the time that sampling for the other half took
/// beyond it.
pub(super) fn time_metrics(
    whole: Duration,
    env: Duration,
    sample: Duration,
    update: &PhaseTimes,
) -> Metrics {
    let PhaseTimes { gae, policy, value, optim } = *update;
    let known = [
        ("env", env),
        ("sample", sample),
        ("gae", gae),
        ("policy", policy),
        ("value", value),
        ("optim", optim),
    ];
    let other = whole.saturating_sub(known.iter().map(|(_, time)| *time).sum());
    let all = known.into_iter().chain([("other", other), ("iteration", whole)]);
    all.map(|(name, time)| (format!("time/{name}_s"), time.as_secs_f64())).collect()
}
