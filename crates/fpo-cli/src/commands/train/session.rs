//! A run that is going on: trains, evaluates, records and saves until it is done or stopped.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::results::outcome::{Outcome, Status};
use crate::run::dir::RunDir;
use crate::run::metrics::{Metrics, MetricsLog};
use crate::terminal::failure::{Stopped, describe, is_divergence};
use crate::terminal::reporter::{Reporter, Wishes};
use crate::terminal::stop::Stop;
use crate::text::count::count;
use crate::text::duration::seconds;
use crate::text::shell::path;
use crate::training::evaluate::EvalReport;
use crate::training::snapshot::Snapshot;
use crate::training::trainer::Trainer;
use crate::training::{checkpoint, device, policy_file};

/// A trainer with the folder of its run and everything that looks on.
pub struct Session {
    pub(super) run: RunDir,
    pub(super) trainer: Trainer,
    pub(super) log: MetricsLog,
    pub(super) reporter: Box<dyn Reporter>,
    clock: Instant,
    elapsed_before: f64,
    last_save: Instant,
}

impl Session {
    /// Returns a session that goes on where `trainer` stands; the run took `elapsed_before` seconds
    /// until now.
    pub fn new(
        run: RunDir,
        trainer: Trainer,
        log: MetricsLog,
        elapsed_before: f64,
        reporter: Box<dyn Reporter>,
    ) -> Session {
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
        let Err(error) = self.train(stop) else { return Ok(()) };
        if error.is::<Stopped>() {
            return Err(error);
        }
        let error = match is_divergence(&error) {
            true => error,
            false => self.rescue(error),
        };
        let status = match is_divergence(&error) {
            true => Status::Diverged,
            false => Status::Failed,
        };
        // The run has failed already; where this cannot be written either, the error says why.
        let _ = self.outcome(status, Some(describe(&error))).save(&self.run);
        Err(error)
    }

    fn train(&mut self, mut stop: Stop) -> Result<()> {
        self.greet();
        let limit = self.trainer.config.train.stop_after.as_deref();
        if let Some(seconds) = limit.and_then(seconds) {
            stop.also_after(Duration::from_secs(seconds), "train.stop_after has passed")?;
        }
        stop.set_last_words(&format!(
            "left at once: what came after the last checkpoint is not saved; go on with: {}",
            self.how_to_resume()
        ));
        if self.rolls_back() {
            // There must be something to go back to.
            self.save()?;
        }
        let mut report = None;
        loop {
            match self.advance(&mut stop, &mut report) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) if is_divergence(&error) => self.diverged(error)?,
                Err(error) => return Err(error),
            }
        }
        self.reporter.finish(self.trainer.steps());
        self.farewell(report)
    }

    /// Completes the last iteration, and makes another one if there is another to make and no stop
    /// was asked for; else saves the run and breaks. `report` becomes that of an evaluation.
    fn advance(
        &mut self,
        stop: &mut Stop,
        report: &mut Option<EvalReport>,
    ) -> Result<ControlFlow<()>> {
        if self.trainer.pending.is_some() {
            *report = self.complete(stop.flag())?;
            self.reporter.iteration(self.trainer.steps());
            if self.trainer.pending.is_none() {
                self.grant_wishes(stop)?;
                if self.save_is_due() {
                    self.save()?;
                }
            }
        }
        if self.trainer.is_done() || stop.is_asked() {
            stop.announce(self.reporter.as_mut());
            self.save()?;
            return Ok(ControlFlow::Break(()));
        }
        self.trainer.pending = self.iterate(stop)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Makes an iteration and returns its metrics. Where a stop is asked for meanwhile, here or on
    /// another rank, gives the iteration up, and the trainer is what it was before: an iteration
    /// can take minutes, and a resumed run makes it again to the same bits.
    ///
    /// # Errors
    /// Those of [`Snapshot::guard`].
    fn iterate(&mut self, stop: &mut Stop) -> Result<Option<Metrics>> {
        let done = self.trainer.steps();
        let Session { trainer, reporter, .. } = self;
        let mut watch = |phase| {
            stop.announce(reporter.as_mut());
            reporter.phase(done, phase);
            match stop.is_asked() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let made = Snapshot::guard(trainer, &mut watch)?;
        if made.is_none() {
            stop.ask();
        }
        Ok(made)
    }

    /// Does what whoever looks on has wished for. It leaves no trace in the run: an evaluation that
    /// was wished for is shown, but neither recorded nor compared with the best.
    fn grant_wishes(&mut self, stop: &Stop) -> Result<()> {
        let Wishes { save, evaluate } = self.reporter.wishes();
        let steps = self.trainer.steps();
        if save {
            self.save()?;
            self.reporter.message(&format!("step {steps:>10}  saved, as was wished for"));
        }
        if evaluate && let Some(report) = self.trainer.evaluate(stop.flag())? {
            self.reporter.message(&format!("step {steps:>10}  {report}, as was wished for"));
        }
        Ok(())
    }

    fn greet(&mut self) {
        let config = &self.trainer.config;
        let spec = self.trainer.collector.stage.envs.spec();
        let policy = self.trainer.learner.policy().params().layout().len();
        let learner = &self.trainer.learner;
        let value = learner.value().params().layout().len();
        let ranks = match self.trainer.crew.size() {
            1 => String::new(),
            size => format!(" · {size} ranks"),
        };
        let from = match self.trainer.iteration {
            0 => String::new(),
            _ => format!(", continued at step {}", self.trainer.steps()),
        };
        let sights = [config.env.policy_sight(spec), config.env.critic_sight(spec)];
        let unseen: String = ["policy", "critic"]
            .into_iter()
            .zip(sights)
            .filter_map(|(who, sight)| Some((who, sight.ok()??)))
            .map(|(who, sight)| format!("\nthe {who} does not see {}", sight.hides.join(", ")))
            .collect();
        let text = format!(
            "fpo {} · {} on {} (obs {}, act {}) · {} · {}{ranks}\n\
             policy {policy} parameters · value {value} · {} of {} steps, {} each\n\
             {}{unseen}\nrun: {}{from}",
            env!("CARGO_PKG_VERSION"),
            config.algorithm.kind.name,
            spec.name,
            spec.obs_dim,
            spec.action_dim,
            count(config.env.num_envs, "environment"),
            device::describe(learner.device(), learner.compute()),
            count(config.num_iterations() as usize, "iteration"),
            config.steps_per_iteration(),
            count(config.train.num_epochs * config.train.num_minibatches, "gradient step"),
            self.trainer.memory,
            self.run.root().display(),
        );
        self.reporter.message(&text);
    }

    fn save_is_due(&self) -> bool {
        self.last_save.elapsed().as_secs_f64() >= self.trainer.config.checkpoint.interval_s
    }

    pub(super) fn save(&mut self) -> Result<()> {
        self.log.sync()?;
        let (trainer, run) = (&self.trainer, &self.run);
        checkpoint::save(run, trainer, self.elapsed())?;
        policy_file::save(&run.policy_path(), trainer)?;
        self.last_save = Instant::now();
        Ok(())
    }

    fn farewell(&mut self, report: Option<EvalReport>) -> Result<()> {
        if !self.trainer.is_done() {
            return Err(Stopped(self.how_to_resume()).into());
        }
        let folder = path(self.run.root());
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

    pub(super) fn how_to_resume(&self) -> String {
        format!("fpo train --resume {}", path(self.run.root()))
    }

    fn outcome(&self, status: Status, reason: Option<String>) -> Outcome {
        outcome(&self.trainer, status, reason, self.elapsed())
    }

    pub(super) fn elapsed(&self) -> f64 {
        self.elapsed_before + self.clock.elapsed().as_secs_f64()
    }
}

/// Returns the outcome of a run that `trainer` ends now, after `seconds` of wall-clock.
pub fn outcome(trainer: &Trainer, status: Status, reason: Option<String>, seconds: f64) -> Outcome {
    let device = device::describe(trainer.learner.device(), trainer.learner.compute());
    Outcome::now(status, reason, seconds, &device)
}
