//! The state of a trainer between two iterations, as it is kept in memory and in a checkpoint.
//!
//! Where several ranks make a run, each has environments of its own. The snapshot that a rank keeps
//! in memory holds those; that of a checkpoint holds all, in their order, so that any number of
//! ranks can go on from it.

use std::ops::{ControlFlow, Range};

use anyhow::{Context, Result, bail};
use fpo_core::{LearnerState, Rate, TensorFile};
use fpo_envs::VecEnvState;

use crate::run::metrics::Metrics;
use crate::terminal::failure::is_divergence;
use crate::terminal::reporter::Phase;
use crate::training::collapse::CollapseDetector;
use crate::training::collector::Position;
use crate::training::crew::command::{Command, Turn};
use crate::training::env_rows::{joined, part};
use crate::training::state_files::{env_state, envs_file, learner_file, tensors};
use crate::training::trainer::Trainer;

/// The file of a checkpoint that holds the learner's state: both networks, Adam's moments, the
/// observation statistics, and what else it moves.
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
    /// Returns the state of `trainer`, with the environments of this rank.
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

    /// Returns the state of `trainer` with the environments of all ranks, who all call this, or on
    /// rank 0 are called to it.
    ///
    /// # Errors
    /// As [`Snapshot::of`], and where the ranks cannot be reached.
    pub fn of_all_ranks(trainer: &Trainer) -> Result<Snapshot> {
        let mut snapshot = Snapshot::of(trainer)?;
        let crew = &trainer.crew;
        if crew.size() > 1 {
            crew.tell(&Command::SendEnvironments)?;
            let own = envs_file(&snapshot.envs, &snapshot.position).to_bytes()?;
            let steps = snapshot.position.steps;
            let parts: Vec<_> = crew
                .gather(&own)?
                .iter()
                .map(|bytes| env_state(&TensorFile::from_bytes(bytes)?, steps))
                .collect::<Result<_>>()?;
            (snapshot.envs, snapshot.position) = crew.settle(Ok(joined(parts)))?;
        }
        Ok(snapshot)
    }

    /// Puts `trainer` back into this state, which holds the environments of all ranks, and the
    /// other ranks with it.
    ///
    /// # Errors
    /// As [`Snapshot::put_into`], and where the ranks cannot be reached.
    pub fn put_into_all_ranks(self, trainer: &mut Trainer) -> Result<()> {
        if trainer.crew.size() == 1 {
            return self.put_into(trainer);
        }
        // What does not fit must be known before the others are told.
        require_envs(&self.position, trainer.config.env.num_envs)?;
        let turn = Turn { iteration: self.iteration, rate: self.rate, rollbacks: self.rollbacks };
        let numbers = (self.learner.counters, turn, self.position.steps);
        let files = [
            serde_json::to_vec(&numbers)?,
            learner_file(&self.learner)?.to_bytes()?,
            envs_file(&self.envs, &self.position).to_bytes()?,
        ];
        trainer.crew.tell(&Command::TakeState)?;
        for file in &files {
            trainer.crew.hand_out(file)?;
        }
        let (whole, share) = (self.position.returns.len(), own_envs(trainer));
        let (envs, position) = part((&self.envs, &self.position), whole, &share);
        let put = Snapshot { envs, position, ..self }.put_into(trainer);
        trainer.crew.settle(put)
    }

    /// Takes the state that rank 0 hands out.
    ///
    /// # Errors
    /// As [`Snapshot::put_into_all_ranks`].
    pub fn take(trainer: &mut Trainer) -> Result<()> {
        let crew = trainer.crew.clone();
        let [numbers, learner, envs] =
            [crew.hand_out(&[])?, crew.hand_out(&[])?, crew.hand_out(&[])?];
        let mut take = || -> Result<()> {
            let (counters, turn, steps) = serde_json::from_slice(&numbers)?;
            let Turn { iteration, rate, rollbacks } = turn;
            let (envs, position) = env_state(&TensorFile::from_bytes(&envs)?, steps)?;
            let (whole, share) = (position.returns.len(), own_envs(trainer));
            let (envs, position) = part((&envs, &position), whole, &share);
            let tensors = tensors(&TensorFile::from_bytes(&learner)?)?;
            let snapshot = Snapshot {
                learner: LearnerState { tensors, counters },
                envs,
                position,
                iteration,
                pending: None,
                rate,
                collapse: CollapseDetector::default(),
                rollbacks,
            };
            snapshot.put_into(trainer)
        };
        let taken = take();
        crew.settle(taken)
    }

    /// Lets `trainer` make an iteration and returns its metrics. Where `watch` breaks it, gives the
    /// iteration up and returns `None`: a resumed run makes it again to the same bits. A trainer
    /// whose optimiser's state cannot be saved is never broken off.
    ///
    /// # Errors
    /// Those of [`Trainer::iterate`]. But for a divergence, the trainer is then what it was before,
    /// unless its optimiser's state cannot be saved.
    pub fn guard(
        trainer: &mut Trainer,
        watch: &mut dyn FnMut(Phase) -> ControlFlow<()>,
    ) -> Result<Option<Metrics>> {
        let start = match trainer.learner.resumes_exactly() {
            true => Some(Snapshot::of(trainer)?),
            false => None,
        };
        let can_stop = start.is_some();
        let ended = trainer.iterate(&mut |phase| match watch(phase) {
            ControlFlow::Break(()) if can_stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let Err(error) = ended else { return ended.map(Some) };
        if let Some(start) = start
            && !is_divergence(&error)
        {
            start.put_into(trainer)?;
        }
        match error.downcast_ref::<fpo_core::Error>() {
            Some(fpo_core::Error::Interrupted) => Ok(None),
            _ => Err(error),
        }
    }

    /// Puts `trainer` back into this state, which holds the environments of this rank.
    ///
    /// # Errors
    /// Names what does not fit the trainer, by the file of a checkpoint in which it is kept.
    pub fn put_into(self, trainer: &mut Trainer) -> Result<()> {
        self.learner.restore(&mut trainer.learner).context(LEARNER)?;
        require_envs(&self.position, own_envs(trainer).len())?;
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

/// Returns which of the run's environments are this rank's.
fn own_envs(trainer: &Trainer) -> Range<usize> {
    trainer.crew.share(trainer.config.env.num_envs)
}

/// Fails unless there are running episodes of so many environments.
fn require_envs(position: &Position, num_envs: usize) -> Result<()> {
    let counts = [position.returns.len(), position.lengths.len(), position.succeeded.len()];
    if counts != [num_envs; 3] {
        bail!("{ENVS} holds running episodes of {counts:?} environments, expected {num_envs}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::config::resolved::Config;

    const RUN: &str = "[env]\ntask = \"Classic/Cartpole\"\nnum_envs = 4\n\
        [train]\nunroll_length = 5\nbatch_size = 4\nnum_minibatches = 2\ntotal_steps = 120\n\
        [policy]\nhidden = [8]\nsource_std = 0.8\nsource_std_to = 0.2\n[value]\nhidden = [16]\n";

    #[test]
    fn a_run_that_goes_back_to_its_start_has_the_width_of_its_start() {
        let config = Config::from_toml_str(RUN, "run").unwrap();
        let mut trainer = Trainer::new(config, &Device::Cpu).unwrap();
        let width = |trainer: &Trainer| {
            let description = trainer.learner.deployed().unwrap().description().unwrap();
            description["source_std"].as_f64().unwrap()
        };
        let start = Snapshot::of(&trainer).unwrap();
        for expected in [0.8, 0.4, 0.2] {
            trainer.iterate(&mut |_| ControlFlow::Continue(())).unwrap();
            trainer.pending = None;
            assert!((width(&trainer) - expected).abs() < 1e-12, "{}", width(&trainer));
        }
        start.put_into(&mut trainer).unwrap();
        assert_eq!(width(&trainer), 0.8);
    }
}
