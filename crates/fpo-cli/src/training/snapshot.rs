//! The state of a trainer between two iterations, as it is kept in memory and in a checkpoint.

use anyhow::{Context, Result, bail};
use fpo_core::{LearnerState, Rate};
use fpo_envs::VecEnvState;

use crate::run::metrics::Metrics;
use crate::training::collapse::CollapseDetector;
use crate::training::collector::Position;
use crate::training::trainer::Trainer;

/// The file of a checkpoint that holds both networks, Adam's moments and the observation
/// statistics.
pub const LEARNER: &str = "learner.safetensors";

/// The file of a checkpoint that holds every environment's state and running episode.
pub const ENVS: &str = "envs.safetensors";

/// Everything that training changes.
pub struct Snapshot {
    /// Networks, optimiser and statistics.
    pub learner: LearnerState,
    /// The environments.
    pub envs: VecEnvState,
    /// Where the environments are in the run.
    pub position: Position,
    /// Iterations done.
    pub iteration: u64,
    /// Metrics of an iteration whose evaluation is still to be made.
    pub pending: Option<Metrics>,
    /// The learning rate.
    pub rate: Rate,
    /// What is known of a collapse.
    pub collapse: CollapseDetector,
    /// How often the run went back after a divergence.
    pub rollbacks: u64,
}

impl Snapshot {
    /// Returns the state of `trainer`.
    ///
    /// # Errors
    /// [`fpo_core::Error::NonFinite`] names a tensor that is not finite.
    pub fn of(trainer: &Trainer) -> Result<Snapshot> {
        Ok(Snapshot {
            learner: LearnerState::capture(&trainer.learner)?,
            envs: trainer.collector.stage.envs.save(),
            position: trainer.collector.position.clone(),
            iteration: trainer.iteration,
            pending: trainer.pending.clone(),
            rate: trainer.rate,
            collapse: trainer.collapse.clone(),
            rollbacks: trainer.rollbacks,
        })
    }

    /// Puts `trainer` back into this state.
    ///
    /// # Errors
    /// Names what does not fit the trainer, by the file of a checkpoint in which it is kept.
    pub fn put_into(self, trainer: &mut Trainer) -> Result<()> {
        self.learner.restore(&mut trainer.learner).context(LEARNER)?;
        let (num_envs, position) = (trainer.config.env.num_envs, &self.position);
        let counts = [position.returns.len(), position.lengths.len(), position.succeeded.len()];
        if counts != [num_envs; 3] {
            bail!("{ENVS} holds running episodes of {counts:?} environments, expected {num_envs}");
        }
        trainer.collector.stage.envs.restore(&self.envs).context(ENVS)?;
        trainer.collector.stage.obs.copy_from_slice(&self.envs.obs);
        trainer.collector.position = self.position;
        trainer.iteration = self.iteration;
        trainer.pending = self.pending;
        trainer.rate = self.rate;
        trainer.collapse = self.collapse;
        trainer.rollbacks = self.rollbacks;
        Ok(())
    }
}
