//! A run that is going on: trains, evaluates, records and saves until it is done or stopped.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Result;

use crate::results::outcome::{Outcome, Status};
use crate::run::best::{self, Offered, Score};
use crate::run::dir::RunDir;
use crate::run::metrics::{Metrics, MetricsLog};
use crate::terminal::failure::{Stopped, describe};
use crate::terminal::progress::Progress;
use crate::terminal::reporter::Reporter;
use crate::terminal::stop::Stop;
use crate::text::shell::path;
use crate::training::collapse::{Evaluation, Iteration};
use crate::training::evaluate::EvalReport;
use crate::training::trainer::{Trainer, eval_metrics};
use crate::training::{checkpoint, device, policy_file};

/// A trainer with the folder of its run and everything that looks on.
pub struct Session {
    run: RunDir,
    trainer: Trainer,
    log: MetricsLog,
    reporter: Box<dyn Reporter>,
    clock: Instant,
    elapsed_before: f64,
    last_save: Instant,
}

impl Session {
    /// Returns a session that goes on where `trainer` stands; the run took `elapsed_before` seconds
    /// until now.
    pub fn new(run: RunDir, trainer: Trainer, log: MetricsLog, elapsed_before: f64) -> Session {
        let total = trainer.config.num_iterations() * trainer.config.steps_per_iteration();
        let reporter = Box::new(Progress::on_stderr(total, trainer.steps()));
        let clock = Instant::now();
        Session { run, trainer, log, reporter, clock, elapsed_before, last_save: clock }
    }

    /// Trains to the end of the run, or until `stop` is asked for. The folder then says how the run
    /// ended, unless it was stopped.
    ///
    /// # Errors
    /// Anything that ends the run early; [`Stopped`] if it was asked to stop.
    pub fn run(mut self, stop: Stop) -> Result<()> {
        Outcome::remove(&self.run)?;
        let ended = self.train(stop);
        if let Err(error) = &ended
            && !error.is::<Stopped>()
        {
            let status = match error.downcast_ref::<fpo_core::Error>() {
                Some(fpo_core::Error::NonFinite { .. }) => Status::Diverged,
                _ => Status::Failed,
            };
            // The run has failed already; where this cannot be written either, the error says why.
            let _ = self.outcome(status, Some(describe(error))).save(&self.run);
        }
        ended
    }

    fn train(&mut self, mut stop: Stop) -> Result<()> {
        self.greet();
        let mut report = None;
        loop {
            if let Some(metrics) = self.trainer.pending.take() {
                report = self.complete(metrics, stop.flag())?;
                self.reporter.iteration(self.trainer.steps());
                if self.trainer.pending.is_none() && self.save_is_due() {
                    self.save()?;
                }
            }
            if self.trainer.is_done() || stop.is_asked() {
                break;
            }
            let done = self.trainer.steps();
            let Session { trainer, reporter, .. } = self;
            let mut watch = |phase| {
                stop.announce(reporter.as_mut());
                reporter.phase(done, phase);
            };
            let metrics = trainer.iterate(&mut watch).map_err(advise)?;
            self.trainer.pending = Some(metrics);
        }
        stop.announce(self.reporter.as_mut());
        self.save()?;
        self.reporter.finish(self.trainer.steps());
        self.farewell(report)
    }

    fn greet(&mut self) {
        let config = &self.trainer.config;
        let spec = self.trainer.collector.stage.envs.spec();
        let policy = self.trainer.learner.policy().params().layout().len();
        let learner = &self.trainer.learner;
        let value = learner.value().params().layout().len();
        let from = match self.trainer.iteration {
            0 => String::new(),
            _ => format!(", continued at step {}", self.trainer.steps()),
        };
        let text = format!(
            "fpo {} · {} on {} (obs {}, act {}) · {} environments · {}\n\
             policy {policy} parameters · value {value} · {} iterations of {} steps, {} gradient \
             steps each\n{}\nrun: {}{from}",
            env!("CARGO_PKG_VERSION"),
            config.algorithm.kind.name,
            spec.name,
            spec.obs_dim,
            spec.action_dim,
            config.env.num_envs,
            device::describe(learner.device(), learner.compute()),
            config.num_iterations(),
            config.steps_per_iteration(),
            config.train.num_epochs * config.train.num_minibatches,
            self.trainer.memory,
            self.run.root().display(),
        );
        self.reporter.message(&text);
    }

    /// Adds an evaluation to the metrics of an iteration if the schedule asks for one, and records
    /// them. Stopped in the middle of it, leaves them pending.
    fn complete(&mut self, mut metrics: Metrics, stop: &AtomicBool) -> Result<Option<EvalReport>> {
        let mut report = None;
        if self.trainer.evaluation_is_due() {
            let clock = Instant::now();
            report = self.trainer.evaluate(stop)?;
            let Some(report) = &report else {
                self.trainer.pending = Some(metrics);
                return Ok(None);
            };
            metrics.extend(eval_metrics(report));
            if let Some(modes) = self.trainer.modes()? {
                metrics.push(("eval/mode_count".into(), modes));
            }
            metrics.push(("time/eval_s".into(), clock.elapsed().as_secs_f64()));
            self.reporter.evaluated(report.return_mean);
            self.reporter.message(&format!("step {:>10}  {report}", self.trainer.steps()));
        }
        if let Some(report) = &report {
            self.keep_best(report)?;
        }
        self.watch_for_collapse(&mut metrics, report.as_ref())?;
        metrics.push(("time/elapsed_s".into(), self.elapsed()));
        let values: Vec<_> = metrics.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        self.log.append(self.trainer.steps(), &values)?;
        Ok(report)
    }

    /// Offers the present policy as the best of the run.
    fn keep_best(&mut self, report: &EvalReport) -> Result<()> {
        let score = Score {
            step: self.trainer.steps(),
            return_mean: report.return_mean,
            return_stderr: report.return_stderr,
        };
        let policy = policy_file::trained(&self.trainer)?;
        if let Offered::TakenForDamaged(error) = best::offer(&self.run, score, &policy)? {
            self.reporter.note(&format!(
                "{error}: the present policy takes its place, and what was there is in set-aside/"
            ));
        }
        Ok(())
    }

    /// Adds what the collapse detector makes of an iteration, and warns of a collapse.
    fn watch_for_collapse(
        &mut self,
        metrics: &mut Metrics,
        report: Option<&EvalReport>,
    ) -> Result<()> {
        let find = |key: &str| metrics.iter().find(|(k, _)| k == key).map(|(_, value)| *value);
        let observed = self.trainer.collapse.observe(&Iteration {
            step: self.trainer.steps(),
            train_return: find("rollout/episode_return_mean"),
            evaluation: report.map(|report| Evaluation {
                return_mean: report.return_mean,
                return_stderr: report.return_stderr,
            }),
            diagnostics: metrics,
        });
        metrics.extend(observed.metrics());
        if let Some(collapse) = observed.collapse {
            let best = best::load(&self.run)?;
            self.reporter.message(&format!("warning: {}", collapse.describe(best.as_ref())));
        }
        Ok(())
    }

    fn save_is_due(&self) -> bool {
        self.last_save.elapsed().as_secs_f64() >= self.trainer.config.checkpoint.interval_s
    }

    fn save(&mut self) -> Result<()> {
        self.log.sync()?;
        let (trainer, run) = (&self.trainer, &self.run);
        checkpoint::save(run, trainer, self.elapsed())?;
        policy_file::save(&run.policy_path(), trainer)?;
        self.last_save = Instant::now();
        Ok(())
    }

    fn farewell(&mut self, report: Option<EvalReport>) -> Result<()> {
        let folder = path(self.run.root());
        if !self.trainer.is_done() {
            return Err(Stopped(format!("fpo train --resume {folder}")).into());
        }
        self.outcome(Status::Finished, None).save(&self.run)?;
        let result = report.map(|report| format!(": {report}")).unwrap_or_default();
        let text = format!(
            "finished in {:.0} s{result}\npolicy: {}\nplay it: fpo eval {folder}",
            self.elapsed(),
            self.run.policy_path().display()
        );
        self.reporter.message(&text);
        Ok(())
    }

    fn outcome(&self, status: Status, reason: Option<String>) -> Outcome {
        outcome(&self.trainer, status, reason, self.elapsed())
    }

    fn elapsed(&self) -> f64 {
        self.elapsed_before + self.clock.elapsed().as_secs_f64()
    }
}

/// Returns the outcome of a run that `trainer` ends now, after `seconds` of wall-clock.
pub fn outcome(trainer: &Trainer, status: Status, reason: Option<String>, seconds: f64) -> Outcome {
    let device = device::describe(trainer.learner.device(), trainer.learner.compute());
    Outcome::now(status, reason, seconds, &device)
}

/// Says of a divergence what may prevent it.
fn advise(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<fpo_core::Error>() {
        Some(fpo_core::Error::NonFinite { .. }) => error.context(
            "training diverged (often a smaller optimizer.learning_rate helps, or \
             optimizer.max_grad_norm, or algorithm.log_ratio_clamp)",
        ),
        _ => error.context("the run stopped"),
    }
}
