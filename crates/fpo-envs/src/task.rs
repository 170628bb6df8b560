//! One environment's rules: what a new task has to supply.
//!
//! A task owns no mutable data. Everything that changes from step to step lies in one row of
//! `f64` per environment, so that a batch can be saved, restored and spread over threads. Scratch
//! memory that need not survive a step (a simulator's buffers) lives in a worker, of which there
//! is one per thread, never one per environment.

use crate::{EnvError, EnvRng, EnvSpec};

/// What one step brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Reward of this step.
    pub reward: f32,
    /// The episode ended in a state from which nothing more can be earned.
    pub terminated: bool,
    /// The goal was reached on this step.
    pub success: bool,
    /// The simulation left the finite numbers. The driver then ends the episode as terminated
    /// with reward 0, counts it, and starts anew; observation and state may hold anything.
    pub diverged: bool,
}

impl Transition {
    /// The transition of a simulation that left the finite numbers.
    pub const DIVERGED: Self =
        Self { reward: 0.0, terminated: true, success: false, diverged: true };

    /// An ordinary step: a reward, and the episode goes on.
    pub fn reward(reward: f32) -> Self {
        Self { reward, terminated: false, success: false, diverged: false }
    }
}

/// The rules of one task, shared by all environments of a batch.
///
/// `reset` and `step` must depend on nothing but their arguments: then results are the same for
/// any number of threads. The worker's contents must not leak from one call into the next.
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

    /// Draws a start: writes the state row (`state_len`) and the observation (`obs_dim`).
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
