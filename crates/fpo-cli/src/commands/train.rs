//! `fpo train`: a run from its configuration, or from its last checkpoint, to its end.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, bail};
use fpo_core::Registry;

use crate::config::choices::DeviceChoice;
use crate::config::resolved::Config;
use crate::run::best::{self, Offered, Score};
use crate::run::dir::RunDir;
use crate::run::metrics::{Metrics, MetricsLog};
use crate::terminal::failure::Stopped;
use crate::terminal::progress::Progress;
use crate::terminal::reporter::{Notes, Reporter};
use crate::terminal::stop::Stop;
use crate::training::collapse::{Evaluation, Iteration};
use crate::training::evaluate::EvalReport;
use crate::training::trainer::{Trainer, eval_metrics};
use crate::training::{checkpoint, device, policy_file};

/// Starts a new run in `out`, or in a new folder under `runs/` named after the configuration's
/// files.
///
/// # Errors
/// Anything that stops the run; its folder keeps the last checkpoint.
pub fn start(config: Config, config_paths: &[PathBuf], out: Option<PathBuf>) -> Result<()> {
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let trainer = Trainer::new(config, &device)?;
    let folder = out.unwrap_or_else(|| free_folder(config_paths, trainer.config.train.seed));
    let run = RunDir::create(&folder)?;
    let _lock = run.lock()?;
    run.save_config(&trainer.config.to_toml()?)?;
    let log = MetricsLog::create(&run)?;
    Session::new(run, trainer, log, 0.0).run()
}

/// Continues the run in `folder`, whose algorithm is one of `registry`, from its newest whole
/// checkpoint.
///
/// # Errors
/// As [`start`]; also where the folder is no run or the run is finished.
pub fn resume(
    folder: &Path,
    device_choice: Option<DeviceChoice>,
    registry: &Registry,
) -> Result<()> {
    let run = RunDir::open(folder)?;
    let _lock = run.lock()?;
    let mut config = Config::load_with(registry, &[run.config_path()], &[])?;
    if let Some(choice) = device_choice {
        config.train.device = choice;
    }
    let device = device::open(config.train.device, &mut Notes)?;
    device::set_precision(&device, config.train.precision)?;
    let mut trainer = Trainer::new(config, &device)?;
    let elapsed = match checkpoint::newest(&run, &mut Notes)? {
        Some(files) => checkpoint::restore(&files, &mut trainer)?,
        None => {
            Notes.note(&format!("{} has no checkpoint yet: starting over", folder.display()));
            0.0
        }
    };
    if trainer.is_done() {
        // A kill may have come between the last checkpoint and the policy.
        policy_file::save(&run.policy_path(), &trainer)?;
        bail!("the run in {} is finished: there is nothing to resume", folder.display());
    }
    if trainer.iteration > 0 && !trainer.learner.resumes_exactly() {
        Notes.note(
            "this optimiser's state cannot be saved: it starts afresh, so the run will differ \
             from one that was never interrupted",
        );
    }
    // At the start not even the evaluation of step 0 is kept: it is about to be repeated.
    // Nor is a line whose evaluation is to be made once more.
    let log = match (trainer.iteration, &trainer.pending) {
        (0, _) => MetricsLog::restart(&run)?,
        (_, None) => MetricsLog::resume(&run, trainer.steps())?,
        (_, Some(_)) => MetricsLog::resume(&run, trainer.steps() - 1)?,
    };
    Session::new(run, trainer, log, elapsed).run()
}

/// `runs/STEMS-seedN`, or the first of `runs/STEMS-seedN-2`, `-3`, … that is free.
fn free_folder(config_paths: &[PathBuf], seed: u64) -> PathBuf {
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let stems: Vec<String> = config_paths.iter().filter_map(stem).collect();
    let base = format!("runs/{}-seed{seed}", stems.join("-"));
    let mut folder = PathBuf::from(&base);
    for number in 2.. {
        if !folder.exists() {
            break;
        }
        folder = PathBuf::from(format!("{base}-{number}"));
    }
    folder
}

struct Session {
    run: RunDir,
    trainer: Trainer,
    log: MetricsLog,
    reporter: Box<dyn Reporter>,
    clock: Instant,
    elapsed_before: f64,
    last_save: Instant,
}

impl Session {
    fn new(run: RunDir, trainer: Trainer, log: MetricsLog, elapsed_before: f64) -> Session {
        let total = trainer.config.num_iterations() * trainer.config.steps_per_iteration();
        let reporter = Box::new(Progress::on_stderr(total, trainer.steps()));
        let clock = Instant::now();
        Session { run, trainer, log, reporter, clock, elapsed_before, last_save: clock }
    }

    fn run(mut self) -> Result<()> {
        let mut stop = Stop::on_signals()?;
        self.greet();
        let mut report = None;
        if self.trainer.iteration == 0 && self.trainer.evaluation_is_due() {
            self.trainer.pending = Some(Metrics::new());
        }
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
            let Session { trainer, reporter, .. } = &mut self;
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
            self.reporter.note(&format!("{error}: the present policy takes its place"));
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
        let folder = self.run.root().display().to_string();
        if !self.trainer.is_done() {
            return Err(Stopped(folder).into());
        }
        let result = report.map(|report| format!(": {report}")).unwrap_or_default();
        let text = format!(
            "finished in {:.0} s{result}\npolicy: {}\nplay it: fpo eval {folder}",
            self.elapsed(),
            self.run.policy_path().display()
        );
        self.reporter.message(&text);
        Ok(())
    }

    fn elapsed(&self) -> f64 {
        self.elapsed_before + self.clock.elapsed().as_secs_f64()
    }
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
