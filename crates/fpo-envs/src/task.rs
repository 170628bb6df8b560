//! One environment's rules: what a new task has to supply.
//!
//! A task owns no mutable data. Everything that changes from step to step lies in one row of
//! `f64` per environment, so that a batch can be saved, restored and spread over threads. Scratch
//! memory that need not survive a step (a simulator's buffers) lives in a worker, of which there
//! is one per thread, never one per environment.

use crate::{EnvError, EnvRng, EnvSpec, Starts};

/// What one step brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Reward of this step.
    pub reward: f32,
    /// The episode ended in a state from which nothing more can be earned.
    pub terminated: bool,
    /// The goal was reached on this step.
    pub success: bool,
    /// The simulation left the finite numbers. The driver then ignores the other fields: it ends
    /// the episode as terminated, pays the lower end of [`EnvSpec::reward_range`], counts the
    /// divergence and starts anew. Observation and state may hold anything.
    pub diverged: bool,
}

impl Transition {
    /// The transition of a simulation that left the finite numbers. Its reward is a placeholder:
    /// the driver, which knows the task's range of rewards, puts the worst one in its place.
    pub const DIVERGED: Self =
        Self { reward: 0.0, terminated: true, success: false, diverged: true };

    /// An ordinary step: a reward, and the episode goes on.
    pub fn reward(reward: f32) -> Self {
        Self { reward, terminated: false, success: false, diverged: false }
    }
}

/// The rules of one task, shared by all environments of a batch.
///
/// `reset`, `settle` and `step` must depend on nothing but their arguments: then results are the
/// same for any number of threads. The worker's contents must not leak from one call into the next.
pub trait Task: Send + Sync + 'static {
    /// Scratch memory of one thread.
    type Worker: Send;

    /// The task's description. `obs_dim`, `action_dim` and `episode_length` must not be 0.
    fn spec(&self) -> EnvSpec;

    /// Elements of one environment's state row, at least 1.
    fn state_len(&self) -> usize;

    /// How many environments make a piece of work worth handing to another thread.
    fn grain(&self) -> usize {
        16
    }

    /// Makes the scratch memory of one thread.
    ///
    /// # Errors
    /// When the simulator cannot be set up.
    fn worker(&self) -> Result<Self::Worker, EnvError>;

    /// Chooses the starts that `reset` draws from. Called once, before any other call that draws
    /// or steps. Does nothing by default: most tasks have one kind.
    fn choose_starts(&mut self, _starts: Starts) {}

    /// Draws a start: writes the state row (`state_len`) and the observation (`obs_dim`). The
    /// observation need not be right yet if [`settling`](Self::settling) follows.
    ///
    /// # Errors
    /// When the simulator refuses.
    fn reset(
        &self,
        worker: &mut Self::Worker,
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError>;

    /// Pieces of work that finish a start after `reset`. A start that costs more than a few steps
    /// should be cut into pieces of a few steps each: the driver then prepares the next start of
    /// each environment piece by piece while its episode runs, so that the end of an episode
    /// stalls no batch. 0, the default, draws each start when it is needed.
    fn settling(&self) -> usize {
        0
    }

    /// Does piece `piece` (0, 1, … in order) of what finishes the start in `state`; the last one
    /// leaves the observation in `obs`. Never called where [`settling`](Self::settling) is 0.
    ///
    /// # Errors
    /// When the simulator refuses.
    fn settle(
        &self,
        _worker: &mut Self::Worker,
        _piece: usize,
        _state: &mut [f64],
        _obs: &mut [f32],
    ) -> Result<(), EnvError> {
        Ok(())
    }

    /// Advances one environment by one control step. `action` (`action_dim`) is finite but may
    /// be outside [-1, 1].
    ///
    /// # Errors
    /// When the simulator refuses. Leaving the finite numbers is no error: see
    /// [`Transition::diverged`].
    fn step(
        &self,
        worker: &mut Self::Worker,
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError>;
}
