//! Iterations that all ranks of a run make together.

use std::ops::ControlFlow;

use anyhow::{Result, bail};
use candle_core::Device;

use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::terminal::failure::is_divergence;
use crate::terminal::reporter::Phase;
use crate::training::crew::Crew;
use crate::training::crew::command::{Command, Turn};
use crate::training::trainer::Trainer;

impl Trainer {
    /// Builds a trainer at the start of a run on rank 0 of `crew`, and one on each of the others.
    ///
    /// # Errors
    /// As [`Trainer::build`], of any rank.
    pub fn lead(config: Config, device: &Device, crew: Crew) -> Result<Trainer> {
        crew.tell(&Command::Build { config: config.to_toml()? })?;
        crew.settle(Trainer::build(config, device, crew.clone()))
    }

    /// Takes over what rank 0 alone may have changed since the last iteration.
    pub fn take_turn(&mut self, turn: Turn) {
        Turn { iteration: self.iteration, rate: self.rate, rollbacks: self.rollbacks } = turn;
    }

    /// Collects a rollout and learns from it (Algorithm 1, lines 3–14). Calls `watch` with what is
    /// going on and how much of it is done; where that breaks, the iteration is given up halfway.
    /// Returns the iteration's metrics. With several ranks each of them calls this, and `watch` of
    /// each can break it for all.
    ///
    /// # Errors
    /// Those of [`crate::training::collector::Collector::collect`], [`fpo_core::Learner::complete`]
    /// and [`fpo_core::Learner::update`], and [`fpo_core::Error::NonFinite`] if the updated policy
    /// makes an action that is not finite. Also if the ranks have no longer the same parameters.
    pub fn iterate(&mut self, watch: &mut dyn FnMut(Phase) -> ControlFlow<()>) -> Result<Metrics> {
        let mut is_collected = false;
        if self.crew.size() == 1 {
            return self.learn(watch, &mut is_collected);
        }
        let Trainer { iteration, rate, rollbacks, .. } = *self;
        self.crew.tell(&Command::Iterate(Turn { iteration, rate, rollbacks }))?;
        let learnt = self.learn(watch, &mut is_collected);
        if let Err(error) = &learnt {
            let stopped = matches!(error.downcast_ref(), Some(fpo_core::Error::Interrupted));
            if is_collected && !stopped && !is_divergence(error) {
                // The others do not know of it, and wait for this rank in the middle of the update.
                return learnt;
            }
        }
        let same = match self.crew.agree(learnt) {
            Ok(metrics) => self.require_same_parameters().map(|()| metrics),
            Err(error) => Err(error),
        };
        self.crew.settle(same)
    }

    /// Fails on all ranks if one has other parameters than rank 0.
    fn require_same_parameters(&self) -> Result<()> {
        let hashes = self.crew.gather(&self.parameter_hash()?.to_le_bytes())?;
        match hashes.iter().position(|hash| *hash != hashes[0]) {
            None => Ok(()),
            Some(rank) => bail!(
                "rank {rank} no longer has the parameters of rank 0 after iteration {}: their \
                 processors or libraries compute differently",
                self.iteration
            ),
        }
    }
}
