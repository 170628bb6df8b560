//! One iteration of training: roll out, update the statistics, compute the stored losses, update.

use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::{Learner, Noise};

use crate::actor::Actor;
use crate::collector::{Collector, FinishedEpisodes, Plan};
use crate::config::Config;
use crate::evaluate::{EvalPlan, EvalReport, evaluate};
use crate::setup;

/// Everything that training changes, and the frozen configuration.
pub struct Trainer {
    /// The configuration.
    pub config: Config,
    /// Networks, optimiser and statistics.
    pub learner: Learner,
    /// Environments and where they are.
    pub collector: Collector,
    /// Iterations done.
    pub iteration: u64,
    noise: Noise,
}

/// Metrics of an iteration by key.
pub type Metrics = Vec<(String, f64)>;

impl Trainer {
    /// A trainer at the start of a run.
    pub fn new(config: Config, device: &Device) -> Result<Trainer> {
        let noise = Noise::new(config.train.seed);
        let envs = setup::envs(&config)?;
        let learner = setup::learner(&config, envs.spec(), &noise, device)?;
        let collector = Collector::new(envs)?;
        Ok(Trainer { config, learner, collector, iteration: 0, noise })
    }

    /// Environment steps done.
    pub fn steps(&self) -> u64 {
        self.iteration * self.config.steps_per_iteration()
    }

    /// Whether all iterations are done.
    pub fn is_done(&self) -> bool {
        self.iteration >= self.config.num_iterations()
    }

    /// Whether the schedule asks for an evaluation now: `eval.count` of them, evenly spread, the
    /// first before any update and the last after all of them.
    pub fn evaluation_is_due(&self) -> bool {
        let (count, total) = (self.config.eval.count as u64, self.config.num_iterations());
        match count {
            0 => false,
            1 => self.iteration == total,
            _ => (0..count).any(|k| k * total / (count - 1) == self.iteration),
        }
    }

    /// Rolls out, then learns from it (Algorithm 1, lines 3–14).
    pub fn iterate(&mut self) -> Result<Metrics> {
        let config = &self.config;
        let plan = Plan {
            length: config.iteration_length(),
            unroll_length: config.train.unroll_length,
            num_samples: config.algorithm.num_samples,
            training_times: config.policy.training_times,
        };
        let clock = Instant::now();
        let divergences = self.collector.envs.divergences();
        let collected = self.collector.collect(&self.learner, &self.noise, plan)?;
        let rollout_s = clock.elapsed().as_secs_f64();
        let episodes = collected.episodes;

        // The statistics come first and L_old is computed under them, so that the first ratio is 1.
        let clock = Instant::now();
        self.learner.normalizer.update(&collected.obs);
        let rollout = collected.into_rollout(&self.learner, &self.noise)?;
        let steps = self.learner.update(&rollout, setup::schedule(config), &self.noise)?;
        let update_s = clock.elapsed().as_secs_f64();
        self.iteration += 1;

        let mut metrics: Metrics =
            steps.summary().into_iter().map(|(k, v)| (format!("train/{k}"), v)).collect();
        metrics.extend(episode_metrics(&episodes, self.collector.envs.spec().has_success));
        let diverged = self.collector.envs.divergences() - divergences;
        metrics.push(("rollout/divergences".into(), diverged as f64));
        metrics.push(("time/rollout_s".into(), rollout_s));
        metrics.push(("time/update_s".into(), update_s));
        let steps_per_s = self.config.steps_per_iteration() as f64 / (rollout_s + update_s);
        metrics.push(("time/steps_per_s".into(), steps_per_s));
        Ok(metrics)
    }

    /// Evaluates the present policy over the configured episodes.
    pub fn evaluate(&self) -> Result<EvalReport> {
        let actor = Actor {
            policy: self.learner.policy.clone(),
            normalizer: self.learner.device_normalizer()?,
        };
        let plan = EvalPlan {
            task: self.config.env.task.clone(),
            episodes: self.config.eval.episodes,
            seed: self.config.eval.seed,
            episode_length: self.config.env.episode_length,
        };
        evaluate(&actor, &plan, None).context("evaluation")
    }
}

/// The metrics of an evaluation.
pub fn eval_metrics(report: &EvalReport) -> Metrics {
    let mut metrics: Metrics = vec![
        ("eval/episode_return_mean".into(), report.return_mean),
        ("eval/episode_return_stderr".into(), report.return_stderr),
        ("eval/episode_return_min".into(), report.return_min),
        ("eval/episode_return_max".into(), report.return_max),
        ("eval/episode_length_mean".into(), report.length_mean),
    ];
    if let Some(rate) = report.success_rate {
        metrics.push(("eval/success_rate".into(), rate));
    }
    metrics
}

fn episode_metrics(episodes: &FinishedEpisodes, has_success: bool) -> Metrics {
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
