//! What follows when a number of training is not finite: a record for whoever looks for the cause,
//! and the end of the run, or its return to the last checkpoint with a smaller learning rate.

use anyhow::{Context, Error, Result};
use candle_core::{DType, Device, Tensor};
use fpo_core::{StepMetrics, Summary};
use serde_json::{Value, json};

use crate::commands::train::session::Session;
use crate::config::choices::DivergenceChoice;
use crate::host;
use crate::run::durable;
use crate::run::metrics::{MetricsLog, last_lines, number};
use crate::terminal::failure::describe;
use crate::training::checkpoint;

/// How many gradient steps before the divergence, and lines of metrics, the record has.
const TRAIL: usize = 10;

impl Session {
    /// Returns whether the run goes on after a divergence.
    pub(super) fn rolls_back(&self) -> bool {
        self.trainer.config.train.on_divergence == DivergenceChoice::Rollback
    }

    /// Records the divergence `error` of the iteration under way, and goes back to the last
    /// checkpoint if the configuration asks for it.
    ///
    /// # Errors
    /// The divergence itself, with advice, where the run does not go on.
    pub(super) fn diverged(&mut self, error: Error) -> Result<()> {
        self.record(&error);
        let train = &self.trainer.config.train;
        let (most, factor, count) =
            (train.max_rollbacks, train.rollback_factor, self.trainer.rollbacks + 1);
        if !self.rolls_back() {
            return Err(error.context(
                "training diverged (often a smaller optimizer.learning_rate helps, or \
                 optimizer.max_grad_norm, algorithm.log_ratio_clamp, or train.on_divergence = \
                 \"rollback\")",
            ));
        }
        if count > most {
            let text = format!(
                "training diverged again after train.max_rollbacks = {most} returns to a checkpoint"
            );
            return Err(error.context(text));
        }
        if let Err(other) = self.go_back(count) {
            // It stays a divergence: the state in memory is spoilt and must not be saved.
            let text = format!("training diverged, and it cannot go back: {}", describe(&other));
            return Err(error.context(text));
        }
        self.reporter.note(&format!(
            "training diverged ({error}): back to step {}, with the learning rate times {factor} \
             (return {count} of at most {most})",
            self.trainer.steps()
        ));
        Ok(())
    }

    /// Puts the trainer back to the last whole checkpoint, for the time `count` of the run.
    fn go_back(&mut self, count: u64) -> Result<()> {
        let files = checkpoint::newest(&self.run, self.reporter.as_mut())?;
        checkpoint::restore(&files.context("there is no checkpoint")?, &mut self.trainer)?;
        let further = count - self.trainer.rollbacks;
        let factor = self.trainer.config.train.rollback_factor;
        self.trainer.rate.scale(factor.powi(further as i32));
        self.trainer.rollbacks = count;
        (self.log, _) = MetricsLog::resume(&self.run, &self.trainer.recorded_steps())?;
        Ok(())
    }

    /// Writes what is known of the divergence `error` to a file in the run's folder.
    fn record(&mut self, error: &Error) {
        let path = self.run.divergence_path(self.trainer.iteration + 1, self.trainer.rollbacks);
        let written = self
            .description(error)
            .and_then(|record| Ok(serde_json::to_vec_pretty(&record)?))
            .and_then(|bytes| Ok(durable::write_file(&path, &bytes)?));
        match written {
            Ok(()) => self.reporter.note(&format!("what is known of it: {}", path.display())),
            Err(error) => {
                self.reporter.note(&format!("{} cannot be written: {error}", path.display()));
            }
        }
    }

    fn description(&self, error: &Error) -> Result<Value> {
        let trainer = &self.trainer;
        let mut record = json!({
            "fpo": host::VERSION,
            "iteration": trainer.iteration + 1,
            "step": trainer.steps(),
            "learning_rate": trainer.rate.current(),
            "rollbacks": trainer.rollbacks,
        });
        if let Some(fpo_core::Error::NonFinite { tensor, value, step }) = error.downcast_ref() {
            record["gradient_step"] = json!(step);
            record["tensor"] = json!(tensor);
            record["value"] = number(*value);
        }
        let learner = &trainer.learner;
        record["parameters"] = json!({
            "policy": summary(learner.policy().params().flat())?,
            "value": summary(learner.value().params().flat())?,
        });
        if let Some(rollout) = trainer.collector.rollout() {
            let named = rollout.summaries()?.map(|(name, all)| (name.to_string(), json!(all)));
            record["rollout"] = Value::Object(named.into_iter().collect());
        }
        record["gradient_steps"] = trainer.learner.last_update.as_ref().map(steps).into();
        record["metrics"] = last_lines(&self.run, TRAIL).into();
        Ok(record)
    }
}

fn summary(flat: &Tensor) -> Result<Summary> {
    let flat = flat.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
    Ok(Summary::of(&flat.to_vec1::<f32>()?))
}

/// Returns the diagnostics of the gradient steps up to the first that has one that is not finite.
fn steps(update: &StepMetrics) -> Value {
    let is_bad = |row: &Vec<f32>| row.iter().any(|x| !x.is_finite());
    let end = update.rows.iter().position(is_bad).map_or(update.rows.len(), |bad| bad + 1);
    let object = |row: &Vec<f32>| -> Value {
        let columns = StepMetrics::names().zip(row);
        columns.map(|(name, &x)| (name.to_string(), number(f64::from(x)))).collect()
    };
    update.rows[end.saturating_sub(TRAIL)..end].iter().map(object).collect()
}
