//! The step of one environment: it acts, checks the numbers, ends the episode and begins the next.

use std::ops::RangeFrom;
use std::sync::atomic::{AtomicU64, Ordering};

use super::next_start::{NextStart, Schedule};
use crate::error::EnvError;
use crate::options::AutoReset;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;
use crate::task::{Task, Transition};

/// Everything that stays the same from step to step, for all environments of a batch.
pub(super) struct Stepper<T> {
    pub(super) task: T,
    pub(super) spec: EnvSpec,
    pub(super) state_len: usize,
    pub(super) grain: usize,
    pub(super) seed: u64,
    pub(super) auto_reset: AutoReset,
    pub(super) action_repeat: usize,
    /// Reward of one control step that left the finite numbers.
    pub(super) diverged_reward: f32,
    /// Number of pieces of work that make one start: the draw, then the settling.
    pub(super) pieces: usize,
    pub(super) schedule: Schedule,
    pub(super) divergences: AtomicU64,
}

/// One environment's share of everything that a step reads and writes.
pub(super) struct EnvRow<'a> {
    pub(super) env: usize,
    pub(super) next_start: &'a mut NextStart,
    pub(super) state: &'a mut [f64],
    pub(super) obs: &'a mut [f32],
    pub(super) steps: &'a mut u32,
    pub(super) episode: &'a mut u64,
    pub(super) next_obs: &'a mut [f32],
    pub(super) final_obs: &'a mut [f32],
}

impl<T: Task> Stepper<T> {
    /// Makes the start of an episode, which is given by its environment and its number, from piece
    /// `pieces.start` to the last one.
    pub(super) fn draw(
        &self,
        worker: &mut T::Worker,
        episode: (usize, u64),
        pieces: RangeFrom<usize>,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        for piece in pieces.start..self.pieces {
            self.make_piece(worker, episode, piece, state, obs)?;
        }
        Ok(())
    }

    /// Makes one piece of a start: the draw itself or a piece of settling.
    fn make_piece(
        &self,
        worker: &mut T::Worker,
        (env, episode): (usize, u64),
        piece: usize,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        match piece.checked_sub(1) {
            None => {
                let mut rng = EnvRng::for_reset(self.seed, env as u64, episode);
                self.task.reset(worker, &mut rng, state, obs)?;
            }
            Some(piece) => self.task.settle(worker, piece, state, obs)?,
        }
        if piece + 1 < self.pieces || all_finite(obs) {
            Ok(())
        } else {
            Err(EnvError::NonFinite { env, what: "the first observation of an episode" })
        }
    }

    /// Makes those pieces of a row's next start that are due.
    fn prepare(&self, worker: &mut T::Worker, row: &mut EnvRow<'_>) -> Result<(), EnvError> {
        for _ in 0..self.schedule.pieces_now(row.env, *row.steps as usize, row.next_start.done) {
            let NextStart { done, state, obs } = &mut *row.next_start;
            self.make_piece(worker, (row.env, *row.episode + 1), *done, state, obs)?;
            *done += 1;
        }
        Ok(())
    }

    /// Begins the next episode of a row. `first` holds the row's first state and observation where
    /// this batch returns to them.
    fn restart(
        &self,
        worker: &mut T::Worker,
        first: Option<&[f64]>,
        row: &mut EnvRow<'_>,
    ) -> Result<(), EnvError> {
        *row.steps = 0;
        *row.episode += 1;
        if let Some((state, obs)) = first.map(|row| row.split_at(self.state_len)) {
            row.state.copy_from_slice(state);
            for (to, &from) in row.next_obs.iter_mut().zip(obs) {
                *to = from as f32;
            }
            return Ok(());
        }
        let done = row.next_start.done;
        if done > 0 {
            row.state.copy_from_slice(&row.next_start.state);
            row.next_obs.copy_from_slice(&row.next_start.obs);
            row.next_start.discard();
        }
        self.draw(worker, (row.env, *row.episode), done.., row.state, row.next_obs)
    }

    /// Advances one row by one control step. A step whose action, observation or reward is not
    /// finite becomes one that diverged.
    fn control_step(
        &self,
        worker: &mut T::Worker,
        action: &[f32],
        row: &mut EnvRow<'_>,
    ) -> Result<Transition, EnvError> {
        let mut transition = if all_finite(action) {
            self.task.step(worker, row.state, action, row.next_obs)?
        } else {
            Transition::DIVERGED
        };
        if transition.diverged || !transition.reward.is_finite() || !all_finite(row.next_obs) {
            transition = Transition { reward: self.diverged_reward, ..Transition::DIVERGED };
            row.next_obs.copy_from_slice(row.obs);
            self.divergences.fetch_add(1, Ordering::Relaxed);
        }
        *row.steps += 1;
        Ok(transition)
    }

    /// Advances one row by one step: the action is held for `action_repeat` control steps, or
    /// until the episode ends. Returns the sum of the transitions, and whether the step limit ended
    /// the episode.
    pub(super) fn advance(
        &self,
        worker: &mut T::Worker,
        action: &[f32],
        first: Option<&[f64]>,
        row: &mut EnvRow<'_>,
    ) -> Result<(Transition, bool), EnvError> {
        let mut sum = Transition::reward(0.0);
        let mut truncated = false;
        for _ in 0..self.action_repeat {
            let transition = self.control_step(worker, action, row)?;
            let success = sum.success || transition.success;
            sum = Transition { reward: sum.reward + transition.reward, success, ..transition };
            truncated = !sum.terminated && *row.steps as usize >= self.spec.episode_length;
            let ended = sum.terminated || truncated;
            if ended {
                row.final_obs.copy_from_slice(row.next_obs);
                self.restart(worker, first, row)?;
            } else {
                self.prepare(worker, row)?;
            }
            row.obs.copy_from_slice(row.next_obs);
            if ended {
                break;
            }
        }
        Ok((sum, truncated))
    }
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}
