//! What a trainer finds out about its present policy: returns of whole episodes, and the modes of
//! its actions.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use fpo_core::sampler::Start;

use crate::training::crew::command::Command;
use crate::training::evaluate::{EvalPlan, EvalReport, evaluate, evaluate_together};
use crate::training::player::Player;
use crate::training::probe::{self, Modes};
use crate::training::spoilt::spoilt;
use crate::training::trainer::Trainer;

impl Trainer {
    /// Evaluates the present policy over the configured episodes. Returns `None` if `stop` was set.
    /// With several ranks each of them calls this, or on rank 0 calls the others to it, and one
    /// that is to stop sets `stop` for all.
    ///
    /// # Errors
    /// Those of [`fpo_core::Learner::deployed_actor`] and of [`evaluate`], but
    /// [`fpo_core::Error::NonFinite`] for an action that is not finite.
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
        let explain = |error| spoilt(error, "in the evaluation", &self.learner);
        if self.crew.size() == 1 {
            return evaluate(&player, &plan, None, stop).map_err(explain);
        }
        self.crew.tell(&Command::Evaluate)?;
        self.crew.settle(evaluate_together(&player, &plan, &self.crew, stop, explain))
    }

    /// Returns the modes of the present policy at the states where several ways are equally good,
    /// or `None` for a task without such states.
    ///
    /// # Errors
    /// Those of [`fpo_core::Learner::deployed_actor`] and of [`probe::modes`], but
    /// [`fpo_core::Error::NonFinite`] for an action that is not finite.
    pub fn modes(&self) -> Result<Option<Modes>> {
        let saddles = fpo_envs::saddles(&self.config.env.task);
        if saddles.is_empty() {
            return Ok(None);
        }
        let actor = self.learner.deployed_actor(Start::Noise)?;
        let explain = |error| spoilt(error, "where ways are equally good", &self.learner);
        let modes = probe::modes(&actor, &saddles, &self.noise, self.iteration);
        Ok(Some(modes.map_err(explain)?))
    }
}
