//! What follows an iteration: an evaluation if one is due, the best policy, the watch for a
//! collapse, and the line of metrics.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Result;

use crate::commands::train::session::Session;
use crate::run::best::{self, Offered, Score};
use crate::run::metrics::Metrics;
use crate::terminal::reporter::Phase;
use crate::training::collapse::{Evaluation, Iteration};
use crate::training::evaluate::EvalReport;
use crate::training::iteration_metrics::eval_metrics;
use crate::training::policy_file;

impl Session {
    /// Completes the metrics of the last iteration: adds an evaluation if the schedule asks for
    /// one, and records them. Where the evaluation is stopped, or anything fails, they are pending
    /// as before.
    pub(super) fn complete(&mut self, stop: &AtomicBool) -> Result<Option<EvalReport>> {
        let metrics = self.trainer.pending.clone().unwrap_or_default();
        let collapse = self.trainer.collapse.clone();
        let mut report = None;
        match self.try_complete(metrics, stop, &mut report) {
            Ok(true) => self.trainer.pending = None,
            Ok(false) => {}
            Err(error) => {
                self.trainer.collapse = collapse;
                return Err(error);
            }
        }
        Ok(report)
    }

    /// Does what [`Session::complete`] does, but for the pending metrics. Returns whether the
    /// metrics are recorded; `made` becomes the report of an evaluation.
    fn try_complete(
        &mut self,
        mut metrics: Metrics,
        stop: &AtomicBool,
        made: &mut Option<EvalReport>,
    ) -> Result<bool> {
        let mut report = None;
        if self.trainer.evaluation_is_due() {
            let clock = Instant::now();
            let total = self.trainer.config.eval.episodes;
            let phase = Phase { name: "evaluate", done: 0, total };
            self.reporter.phase(self.trainer.steps(), phase);
            report = self.trainer.evaluate(stop)?;
            let Some(report) = &report else { return Ok(false) };
            metrics.extend(eval_metrics(report));
            if let Some(modes) = self.trainer.modes()? {
                metrics.extend(modes.metrics());
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
        let hash = self.trainer.parameter_hash()?;
        self.log.append(self.trainer.steps(), &values, Some(hash))?;
        self.reporter.recorded(self.trainer.steps(), &metrics);
        *made = report;
        Ok(true)
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
}
