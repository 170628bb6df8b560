//! Trains iteration by iteration: collects a rollout, updates the statistics, computes the stored
//! losses, and updates the networks.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use candle_core::Device;
use fpo_core::sampler::Start;
use fpo_core::{ACTION, Learner, Noise, PhaseTimes, Rate};

use crate::config::choices::{DivergenceChoice, UpdateChoice};
use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::terminal::reporter::Phase;
use crate::training::collapse::CollapseDetector;
use crate::training::collector::{Collected, Collector, FinishedEpisodes, Plan};
use crate::training::evaluate::{EvalPlan, EvalReport, evaluate};
use crate::training::memory::Memory;
use crate::training::moved::Before;
use crate::training::player::Player;
use crate::training::probe::Modes;
use crate::training::{build, probe};

/// Everything that training changes, and the frozen configuration.
pub struct Trainer {
    /// The configuration.
    pub config: Config,
    /// Networks, optimiser and statistics.
    pub learner: Learner,
    /// Environments and where they are in the run.
    pub collector: Collector,
    /// The memory that the run is expected to take.
    pub memory: Memory,
    /// Iterations done.
    pub iteration: u64,
    /// The learning rate.
    pub rate: Rate,
    /// Watches for a collapse.
    pub collapse: CollapseDetector,
    /// How often the run went back to a checkpoint after a divergence.
    pub rollbacks: u64,
    /// Metrics of the last iteration, as long as the evaluation that belongs to them is still to be
    /// made; none, but there, before the evaluation of step 0. They are kept because an
    /// interruption can come in between.
    pub pending: Option<Metrics>,
    noise: Noise,
}

impl Trainer {
    /// Builds a trainer at the start of a run.
    ///
    /// # Errors
    /// Those of building the environments and the networks. Also if the run would not fit into
    /// memory; nothing large has been allocated then.
    pub fn new(config: Config, device: &Device) -> Result<Trainer> {
        let noise = Noise::new(config.train.seed);
        let envs = build::envs(&config)?;
        let memory = Memory::of(&config, envs.as_ref(), device);
        memory.check(&config, device)?;
        let learner = build::learner(&config, envs.spec(), &noise, device)?;
        let collector = Collector::new(envs)?;
        let rate = Rate::new(config.optimizer.learning_rate);
        let mut trainer = Trainer {
            config,
            learner,
            collector,
            memory,
            iteration: 0,
            rate,
            collapse: CollapseDetector::default(),
            rollbacks: 0,
            pending: None,
            noise,
        };
        // The evaluation before any update is due from the beginning.
        trainer.pending = trainer.evaluation_is_due().then(Metrics::new);
        Ok(trainer)
    }

    /// Returns the number of environment steps done.
    pub fn steps(&self) -> u64 {
        self.iteration * self.config.steps_per_iteration()
    }

    /// Returns the steps that have a line of metrics by now: one for each iteration but the one
    /// whose evaluation is still to be made; before them step 0, where an evaluation came first.
    pub fn recorded_steps(&self) -> Vec<u64> {
        let end = self.iteration + u64::from(self.pending.is_none());
        (0..end).map(|iteration| iteration * self.config.steps_per_iteration()).collect()
    }

    /// Returns whether all iterations are done, evaluations included.
    pub fn is_done(&self) -> bool {
        self.iteration >= self.config.num_iterations() && self.pending.is_none()
    }

    /// Returns whether the schedule asks for an evaluation now. There are `eval.count` of them,
    /// evenly spread, the first before any update and the last after all of them.
    pub fn evaluation_is_due(&self) -> bool {
        self.evaluation_is_due_after(self.iteration)
    }

    fn evaluation_is_due_after(&self, iteration: u64) -> bool {
        let (count, total) = (self.config.eval.count as u64, self.config.num_iterations());
        match count {
            0 => false,
            1 => iteration == total,
            _ => (0..count).any(|k| {
                let at = u128::from(k) * u128::from(total) / u128::from(count - 1);
                at == u128::from(iteration)
            }),
        }
    }

    /// Collects a rollout and learns from it (Algorithm 1, lines 3–14). Calls `watch` with what is
    /// going on and how much of it is done; where that breaks, the iteration is given up halfway.
    /// Returns the iteration's metrics.
    ///
    /// # Errors
    /// Those of [`Collector::collect`], [`Learner::complete`] and [`Learner::update`], and
    /// [`fpo_core::Error::NonFinite`] if the updated policy makes an action that is not finite.
    pub fn iterate(&mut self, watch: &mut dyn FnMut(Phase) -> ControlFlow<()>) -> Result<Metrics> {
        let config = &self.config;
        let plan = Plan {
            length: config.iteration_length(),
            unroll_length: config.train.unroll_length,
            num_samples: config.algorithm.num_samples,
            overlap: config.train.overlap.on(self.learner.device()),
            noise_correlation: config
                .algorithm
                .noise_correlation_at(self.iteration, config.num_iterations()),
        };
        let compares = config.optimizer.schedule.needs_likelihoods()
            || self.evaluation_is_due_after(self.iteration + 1);
        let clock = Instant::now();
        let divergences = self.collector.stage.envs.divergences();
        let mut watch_rollout = |done| watch(Phase { name: "rollout", done, total: plan.length });
        let collected =
            self.collector.collect(&self.learner, &self.noise, plan, &mut watch_rollout)?;
        let Collected { storage, first_step, episodes, env_time, sample_time } = collected;

        // Where the statistics are updated first, L_old is computed under them, so that the first
        // ratio is 1.
        self.learner.times = PhaseTimes::default();
        let statistics = self.learner.statistics_with(storage)?;
        let after = match config.normalizer.update {
            UpdateChoice::Before => {
                self.learner.normalizer = statistics;
                None
            }
            UpdateChoice::After => Some(statistics),
        };
        let times = build::sample_draws(config);
        let rollout = self.learner.complete(storage, times, &self.noise, first_step)?;
        if let Some(statistics) = after {
            self.learner.normalizer = statistics;
        }
        let before = match compares {
            true => {
                let (policy, normalizer) =
                    (self.learner.policy(), self.learner.device_normalizer()?);
                Before::of(policy.as_ref(), &normalizer, &rollout)?
            }
            false => None,
        };
        let (schedule, rates) = (build::schedule(config), &config.optimizer.schedule);
        let caution = config.train.rollback_factor.powi(self.rollbacks as i32);
        let base = config.optimizer.learning_rate * caution;
        let progress = (self.iteration, config.num_iterations());
        self.rate.begin(rates, base, progress);
        self.learner.set_learning_rate(self.rate.current());
        let total = schedule.num_epochs * schedule.num_minibatches;
        let mut watch_update = |done| watch(Phase { name: "update", done, total });
        let steps = self.learner.update(&rollout, schedule, &self.noise, &mut watch_update)?;
        let used = self.rate.current();
        let kl = match &before {
            Some(before) => before.divergence(self.learner.policy().as_ref())?,
            None => None,
        };
        let divergence = match rates.needs_likelihoods() {
            true => kl.unwrap_or(f64::NAN),
            false => steps.mean("divergence"),
        };
        self.rate.after(rates, divergence, progress);
        let (actor, obs) = (self.learner.collecting_actor()?, &self.collector.stage.obs);
        let entropy = probe::action_entropy(&actor, obs, &self.noise, self.iteration)
            .map_err(|error| spoilt(error, self.learner.gradient_steps()))?;
        let whole = clock.elapsed();
        self.iteration += 1;

        let mut metrics: Metrics =
            steps.summary().into_iter().map(|(name, x)| (format!("train/{name}"), x)).collect();
        let scale = build::nats_per_loss(config, self.collector.stage.envs.spec()).powi(2);
        metrics.push(("train/divergence_nats".into(), scale * steps.mean("divergence")));
        metrics.extend(kl.map(|kl| ("train/kl".into(), kl)));
        metrics.push(("train/action_entropy".into(), entropy));
        metrics.push(("train/learning_rate".into(), used));
        if config.train.on_divergence == DivergenceChoice::Rollback {
            metrics.push(("train/rollbacks".into(), self.rollbacks as f64));
        }
        let epochs = steps.rows.len() / schedule.num_minibatches;
        metrics.push(("train/epochs".into(), epochs as f64));
        metrics.extend(episode_metrics(&episodes, self.collector.stage.envs.spec().has_success));
        let diverged = self.collector.stage.envs.divergences() - divergences;
        metrics.push(("rollout/divergences".into(), diverged as f64));
        metrics.extend(time_metrics(whole, env_time, sample_time, &self.learner.times));
        let steps_per_s = self.config.steps_per_iteration() as f64 / whole.as_secs_f64();
        metrics.push(("time/steps_per_s".into(), steps_per_s));
        Ok(metrics)
    }

    /// Evaluates the present policy over the configured episodes. Returns `None` if `stop` was set.
    ///
    /// # Errors
    /// Those of [`Learner::deployed_actor`] and of [`evaluate`].
    pub fn evaluate(&self, stop: &AtomicBool) -> Result<Option<EvalReport>> {
        let player = Player::Policy(Box::new(self.learner.deployed_actor(self.config.eval.start)?));
        let plan = EvalPlan {
            task: self.config.env.task.clone(),
            episodes: self.config.eval.episodes,
            seed: self.config.eval.seed,
            episode_length: self.config.env.episode_length,
            starts: self.config.env.starts,
            action_repeat: self.config.env.action_repeat,
        };
        evaluate(&player, &plan, None, stop)
    }
}

impl Trainer {
    /// Returns the modes of the present policy at the states where several ways are equally good,
    /// or `None` for a task without such states.
    ///
    /// # Errors
    /// Those of [`Learner::deployed_actor`] and of [`probe::modes`].
    pub fn modes(&self) -> Result<Option<Modes>> {
        let saddles = fpo_envs::saddles(&self.config.env.task);
        if saddles.is_empty() {
            return Ok(None);
        }
        let actor = self.learner.deployed_actor(Start::Noise)?;
        Ok(Some(probe::modes(&actor, &saddles, &self.noise, self.iteration)?))
    }
}

/// Turns an `error` about an action that is not finite into a divergence at gradient step `step`,
/// because the policy was just updated and no diagnostic of the update has seen the outcome of its
/// last step. Returns any other error as it is.
fn spoilt(error: Error, step: u64) -> Error {
    match error.downcast_ref::<fpo_core::Error>() {
        Some(&fpo_core::Error::NotFinite { what: ACTION, value, .. }) => {
            let (tensor, value) = ("an action of the updated policy".into(), f64::from(value));
            fpo_core::Error::NonFinite { tensor, value, step }.into()
        }
        _ => error,
    }
}

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

/// Returns how the wall-clock time of an iteration was spent. The parts add up to
/// `time/iteration_s`. While the environments step in halves (`train.overlap`), `env` is the time
/// in which one half stepped, and `sample` is only the time that sampling for the other half took
/// beyond it.
fn time_metrics(whole: Duration, env: Duration, sample: Duration, update: &PhaseTimes) -> Metrics {
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
