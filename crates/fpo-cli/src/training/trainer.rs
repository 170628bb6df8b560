//! Trains iteration by iteration: collects a rollout, updates the statistics, computes the stored
//! losses, and updates the networks. Where several ranks make a run, each has a trainer, and all of
//! them do this together.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Result;
use candle_core::Device;
use fpo_core::{Learner, Noise, PhaseTimes, Rate};

use crate::config::choices::{DivergenceChoice, UpdateChoice};
use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::Phase;
use crate::training::collapse::CollapseDetector;
use crate::training::collector::{Collected, Collector, Plan};
use crate::training::crew::Crew;
use crate::training::iteration_metrics::{episode_metrics, moving_settings, time_metrics};
use crate::training::memory::Memory;
use crate::training::moved::{Before, Moved};
use crate::training::spoilt::spoilt;
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
    /// The ranks that make the run together.
    pub crew: Crew,
    pub(super) noise: Noise,
}

impl Trainer {
    /// Builds a trainer at the start of a run.
    ///
    /// # Errors
    /// Those of building the environments and the networks. Also if the run would not fit into
    /// memory; nothing large has been allocated then.
    pub fn new(config: Config, device: &Device) -> Result<Trainer> {
        Trainer::build(config, device, Crew::alone())
    }

    /// Builds this rank's trainer at the start of a run.
    ///
    /// # Errors
    /// As [`Trainer::new`], and [`UsageError`] for a run that ranks cannot share.
    pub fn build(config: Config, device: &Device, crew: Crew) -> Result<Trainer> {
        let (num_envs, size) = (config.env.num_envs, crew.size());
        if num_envs < size {
            let text = format!("env.num_envs is {num_envs}, too few for {size} ranks");
            return Err(UsageError(text).into());
        }
        if size > 1 && !device.is_cpu() {
            let text = "ranks share a run on processors only: give --device cpu, or --ranks off";
            return Err(UsageError(text.into()).into());
        }
        let noise = Noise::new(config.train.seed);
        let envs = build::envs_of(&config, crew.share(num_envs))?;
        let memory = Memory::of(&config, envs.as_ref(), device).on_one_of(size);
        memory.check(&config, device)?;
        let learner = build::learner(&config, envs.spec(), &noise, device)?;
        let learner = learner.with_reduce(crew.reduce());
        let collector = Collector::new(envs, num_envs, crew.clone())?;
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
            crew,
            noise,
        };
        trainer.set_source_std()?;
        // The evaluation before any update is due from the beginning.
        trainer.pending = trainer.evaluation_is_due().then(Metrics::new);
        Ok(trainer)
    }

    /// Gives the policy the width of noise that the coming iteration has, where it moves. The
    /// initial state has one too, to which a run can go back.
    fn set_source_std(&mut self) -> Result<()> {
        let (policy, of) = (&self.config.policy, self.config.num_iterations());
        if policy.source_std_to.is_some() {
            self.learner.set_source_std(policy.source_std_at(self.iteration, of))?;
        }
        Ok(())
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

    /// Collects a rollout and learns from it (Algorithm 1, lines 3–14), as [`Trainer::iterate`]
    /// says, without a word to the other ranks before and after it. Sets `is_collected` once the
    /// rollout is there, which all ranks have then.
    pub(super) fn learn(
        &mut self,
        watch: &mut dyn FnMut(Phase) -> ControlFlow<()>,
        is_collected: &mut bool,
    ) -> Result<Metrics> {
        self.set_source_std()?;
        let config = &self.config;
        let progress = (self.iteration, config.num_iterations());
        let plan = Plan {
            length: config.iteration_length(),
            unroll_length: config.train.unroll_length,
            num_samples: config.algorithm.num_samples,
            overlap: config.train.overlap.on(self.learner.device()),
            noise_correlation: config.algorithm.noise_correlation_at(progress.0, progress.1),
        };
        let nats = build::nats_per_loss(config, self.collector.stage.envs.spec(), progress.0);
        let is_watched = self.evaluation_is_due_after(self.iteration + 1);
        let clock = Instant::now();
        let mut watch_rollout = |done| watch(Phase { name: "rollout", done, total: plan.length });
        let collected =
            self.collector.collect(&self.learner, &self.noise, plan, &mut watch_rollout)?;
        let Collected { storage, first_step, episodes, divergences, env_time, sample_time } =
            collected;
        *is_collected = true;

        // The update and the values that it begins with are under the new statistics. Where those
        // are updated first, L_old is too, so that the first ratio is 1.
        self.learner.times = PhaseTimes::default();
        let new = self.learner.statistics_with(storage)?;
        let old = std::mem::replace(&mut self.learner.normalizer, new);
        self.learner.value_cuts(storage)?;
        let draws = build::sample_draws(config);
        let rollout = match config.normalizer.update {
            UpdateChoice::Before => {
                self.learner.complete(storage, draws, &self.noise, first_step)?
            }
            UpdateChoice::After => {
                let new = std::mem::replace(&mut self.learner.normalizer, old);
                let rollout = self.learner.complete(storage, draws, &self.noise, first_step)?;
                self.learner.normalizer = new;
                rollout
            }
        };
        let mut before = None;
        if is_watched || config.optimizer.schedule.needs_likelihoods() {
            let normalizer = self.learner.device_normalizer()?;
            before = Before::of(self.learner.policy().as_ref(), &normalizer, &rollout)?;
        }
        if is_watched {
            let policy = self.learner.policy();
            let look = |known: Before| {
                known.with_losses(policy.as_ref(), draws, &self.noise, self.iteration)
            };
            before = before.map(look).transpose()?;
        }
        let (schedule, rates) = (build::schedule(config, nats), &config.optimizer.schedule);
        let caution = config.train.rollback_factor.powi(self.rollbacks as i32);
        let base = config.optimizer.learning_rate * caution;
        self.rate.begin(rates, base, progress);
        self.learner.set_learning_rate(self.rate.current());
        let reward_scale = self.learner.reward_scale();
        let weight = config.algorithm.entropy_coefficient_at(progress.0, progress.1);
        self.learner.set_entropy_coefficient(weight);
        let total = schedule.num_epochs * schedule.num_minibatches;
        let (crew, mut unreachable) = (self.crew.clone(), None);
        let mut watch_update = |done| {
            let own = watch(Phase { name: "update", done, total });
            match crew.any(own.is_break()) {
                Ok(false) => ControlFlow::Continue(()),
                Ok(true) => ControlFlow::Break(()),
                Err(error) => {
                    unreachable = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let steps = self.learner.update(&rollout, schedule, &self.noise, &mut watch_update);
        if let Some(error) = unreachable {
            return Err(error);
        }
        let steps = steps?;
        let used = self.rate.current();
        let after = |before: &Before| before.after(self.learner.policy().as_ref());
        let moved = before.as_ref().map(after).transpose()?;
        let kl = moved.as_ref().and_then(Moved::divergence);
        let divergence_nats = nats.powi(2) * steps.mean("divergence");
        self.rate.after(rates, rates.measured(divergence_nats, kl), progress);
        let actor = self.learner.collecting_actor()?;
        let entropy = self
            .collector
            .with_obs(|obs| probe::action_entropy(&actor, obs, &self.noise, self.iteration))?
            .map_err(|error| spoilt(error, "of the updated policy", &self.learner))?;
        let whole = clock.elapsed();
        self.iteration += 1;

        let mut metrics: Metrics =
            steps.summary().into_iter().map(|(name, x)| (format!("train/{name}"), x)).collect();
        metrics.push(("train/divergence_nats".into(), divergence_nats));
        metrics.extend(moved.into_iter().flat_map(|moved| moved.metrics(nats)));
        metrics.extend(moving_settings(config, progress, reward_scale));
        metrics.push(("train/action_entropy".into(), entropy));
        metrics.push(("train/learning_rate".into(), used));
        if config.train.on_divergence == DivergenceChoice::Rollback {
            metrics.push(("train/rollbacks".into(), self.rollbacks as f64));
        }
        let epochs = steps.rows.len() / schedule.num_minibatches;
        metrics.push(("train/epochs".into(), epochs as f64));
        metrics.extend(episode_metrics(&episodes, self.collector.stage.envs.spec().has_success));
        metrics.push(("rollout/divergences".into(), divergences as f64));
        metrics.extend(time_metrics(whole, env_time, sample_time, &self.learner.times));
        let steps_per_s = self.config.steps_per_iteration() as f64 / whole.as_secs_f64();
        metrics.push(("time/steps_per_s".into(), steps_per_s));
        Ok(metrics)
    }
}
