//! What happens to one environment in a step: act, check, end the episode, begin the next.

use std::ops::RangeFrom;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ahead::{Ahead, Schedule};
use crate::{AutoReset, EnvError, EnvRng, EnvSpec, Task, Transition};

/// What stays the same from step to step.
pub(crate) struct Rules<T> {
    pub(crate) task: T,
    pub(crate) spec: EnvSpec,
    pub(crate) state_len: usize,
    pub(crate) grain: usize,
    pub(crate) seed: u64,
    pub(crate) auto_reset: AutoReset,
    pub(crate) action_repeat: usize,
    /// Reward of one control step that left the finite numbers.
    pub(crate) diverged_reward: f32,
    /// Pieces of work that make one start: the draw, then the settling.
    pub(crate) pieces: usize,
    pub(crate) schedule: Schedule,
    pub(crate) divergences: AtomicU64,
}

/// One environment's part of everything that a step reads and writes.
pub(crate) struct Row<'a> {
    pub(crate) env: usize,
    pub(crate) ahead: &'a mut Ahead,
    pub(crate) state: &'a mut [f64],
    pub(crate) obs: &'a mut [f32],
    pub(crate) steps: &'a mut u32,
    pub(crate) episode: &'a mut u64,
    pub(crate) next_obs: &'a mut [f32],
    pub(crate) final_obs: &'a mut [f32],
}

impl<T: Task> Rules<T> {
    /// Draws the start of an episode (environment and number), from piece `pieces.start` to the
    /// last.
    pub(crate) fn draw(
        &self,
        worker: &mut T::Worker,
        episode: (usize, u64),
        pieces: RangeFrom<usize>,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        for piece in pieces.start..self.pieces {
            self.piece(worker, episode, piece, state, obs)?;
        }
        Ok(())
    }

    /// Does one piece of drawing a start: the draw itself or a piece of settling.
    fn piece(
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
            Err(EnvError::NonFinite { env, what: "the observation after a reset" })
        }
    }

    /// Goes on preparing the next start of a row, if it is time.
    fn prepare(&self, worker: &mut T::Worker, row: &mut Row<'_>) -> Result<(), EnvError> {
        for _ in 0..self.schedule.pieces_now(row.env, *row.steps as usize, row.ahead.done) {
            let Ahead { done, state, obs } = &mut *row.ahead;
            self.piece(worker, (row.env, *row.episode + 1), *done, state, obs)?;
            *done += 1;
        }
        Ok(())
    }

    /// Begins the next episode of a row. `first` is the row's first state and observation, if
    /// this batch returns to it.
    fn restart(
        &self,
        worker: &mut T::Worker,
        first: Option<&[f64]>,
        row: &mut Row<'_>,
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
        let done = row.ahead.done;
        if done > 0 {
            row.state.copy_from_slice(&row.ahead.state);
            row.next_obs.copy_from_slice(&row.ahead.obs);
            row.ahead.forget();
        }
        self.draw(worker, (row.env, *row.episode), done.., row.state, row.next_obs)
    }

    /// Advances one row by one control step.
    fn control_step(
        &self,
        worker: &mut T::Worker,
        action: &[f32],
        row: &mut Row<'_>,
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
    /// until the episode ends. Returns the sum of the transitions and whether the step limit cut
    /// the episode.
    pub(crate) fn advance(
        &self,
        worker: &mut T::Worker,
        action: &[f32],
        first: Option<&[f64]>,
        row: &mut Row<'_>,
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
