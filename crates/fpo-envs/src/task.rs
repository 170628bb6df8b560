//! The interface between the driver and a task: the rules of one environment.
//!
//! A task owns no mutable data. Everything that changes from step to step lies in one row of
//! `f64` per environment, so that a batch can be saved, restored and spread over threads. Scratch
//! memory that need not survive a step (a simulator's buffers) lives in a worker, of which there
//! is one per thread, never one per environment.

use crate::error::EnvError;
use crate::options::Starts;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;

/// The result of one control step, apart from the new state and observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Reward of this step.
    pub reward: f32,
    /// Whether the episode ended in a state from which nothing more can be earned.
    pub terminated: bool,
    /// Whether the goal was reached on this step.
    pub success: bool,
    /// Whether the simulation left the finite numbers. The driver then ignores the other fields: it
    /// ends the episode as terminated, pays the lower end of [`EnvSpec::reward_range`], counts the
    /// divergence and starts anew. Observation and state may hold anything.
    pub diverged: bool,
}

impl Transition {
    /// The transition of a simulation that left the finite numbers. Its reward is a placeholder:
    /// the driver, which knows the task's range of rewards, puts the worst one in its place.
    pub const DIVERGED: Self =
        Self { reward: 0.0, terminated: true, success: false, diverged: true };

    /// Returns the transition of an ordinary step, after which the episode goes on.
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

    /// Number of elements in one environment's state row, at least 1.
    fn state_len(&self) -> usize;

    /// Number of environments that make a piece of work worth handing to another thread.
    fn grain(&self) -> usize {
        16
    }

    /// Makes the scratch memory of one thread.
    ///
    /// # Errors
    /// When the simulator cannot be set up.
    fn worker(&self) -> Result<Self::Worker, EnvError>;

    /// Chooses the starts that `reset` draws from. The driver calls it once, before any other call
    /// that draws or steps. The default does nothing, since most tasks have one kind of start.
    fn choose_starts(&mut self, _starts: Starts) {}

    /// Draws a start: writes the state row (`state_len`) and the observation (`obs_dim`). The
    /// observation need not be right yet if [`settling`](Self::settling) follows.
    ///
    /// # Errors
    /// When the simulator refuses the start.
    fn reset(
        &self,
        worker: &mut Self::Worker,
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError>;

    /// Number of pieces of work that finish a start after `reset`. A start that costs more than a
    /// few steps should be cut into pieces of a few steps each: the driver then prepares the next
    /// start of each environment piece by piece while its episode runs, so that the end of an
    /// episode stalls no batch. With 0, the default, each start is drawn when it is needed.
    fn settling(&self) -> usize {
        0
    }

    /// Does piece `piece` (0, 1, … in order) of the work that finishes the start in `state`; the
    /// last piece leaves the observation in `obs`. The driver never calls it where
    /// [`settling`](Self::settling) is 0.
    ///
    /// # Errors
    /// When the simulator refuses the state.
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
    /// When the simulator refuses the state. Leaving the finite numbers is no error: see
    /// [`Transition::diverged`].
    fn step(
        &self,
        worker: &mut Self::Worker,
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError>;
}
