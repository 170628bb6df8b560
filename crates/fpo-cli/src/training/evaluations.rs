//! What a trainer finds out about its present policy: returns of whole episodes, and the modes of
//! its actions.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use fpo_core::sampler::Start;

use crate::training::crew::command::Command;
use crate::training::evaluate::{EvalPlan, EvalReport, evaluate, evaluate_together};
use crate::training::player::Player;
use crate::training::probe::{self, Modes};
use crate::training::trainer::Trainer;

impl Trainer {
    /// Evaluates the present policy over the configured episodes. Returns `None` if `stop` was set.
    /// With several ranks each of them calls this, or on rank 0 calls the others to it, and one
    /// that is to stop sets `stop` for all.
    ///
    /// # Errors
    /// Those of [`fpo_core::Learner::deployed_actor`] and of [`evaluate`].
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
        if self.crew.size() == 1 {
            return evaluate(&player, &plan, None, stop);
        }
        self.crew.tell(&Command::Evaluate)?;
        self.crew.settle(evaluate_together(&player, &plan, &self.crew, stop))
    }

    /// Returns the modes of the present policy at the states where several ways are equally good,
    /// or `None` for a task without such states.
    ///
    /// # Errors
    /// Those of [`fpo_core::Learner::deployed_actor`] and of [`probe::modes`].
    pub fn modes(&self) -> Result<Option<Modes>> {
        let saddles = fpo_envs::saddles(&self.config.env.task);
        if saddles.is_empty() {
            return Ok(None);
        }
        let actor = self.learner.deployed_actor(Start::Noise)?;
        Ok(Some(probe::modes(&actor, &saddles, &self.noise, self.iteration)?))
    }
}
