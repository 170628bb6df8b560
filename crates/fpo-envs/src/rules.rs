//! What happens to one environment in a step: act, check, end the episode, begin the next.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{AutoReset, EnvError, EnvRng, EnvSpec, Task, Transition};

/// What stays the same from step to step.
pub(crate) struct Rules<T> {
    pub(crate) task: T,
    pub(crate) spec: EnvSpec,
    pub(crate) state_len: usize,
    pub(crate) grain: usize,
    pub(crate) seed: u64,
    pub(crate) auto_reset: AutoReset,
    pub(crate) divergences: AtomicU64,
}

/// One environment's part of everything that a step reads and writes.
pub(crate) struct Row<'a> {
    pub(crate) env: usize,
    pub(crate) state: &'a mut [f64],
    pub(crate) obs: &'a mut [f32],
    pub(crate) steps: &'a mut u32,
    pub(crate) episode: &'a mut u64,
    pub(crate) next_obs: &'a mut [f32],
    pub(crate) final_obs: &'a mut [f32],
}

impl<T: Task> Rules<T> {
    /// Draws the start of `episode` of environment `env`.
    pub(crate) fn draw(
        &self,
        worker: &mut T::Worker,
        env: usize,
        episode: u64,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let mut rng = EnvRng::for_reset(self.seed, env as u64, episode);
        self.task.reset(worker, &mut rng, state, obs)?;
        if all_finite(obs) {
            Ok(())
        } else {
            Err(EnvError::NonFinite { env, what: "the observation after a reset" })
        }
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
        let Some((state, obs)) = first.map(|row| row.split_at(self.state_len)) else {
            return self.draw(worker, row.env, *row.episode, row.state, row.next_obs);
        };
        row.state.copy_from_slice(state);
        for (to, &from) in row.next_obs.iter_mut().zip(obs) {
            *to = from as f32;
        }
        Ok(())
    }

    /// Advances one row; returns its transition and whether the step limit cut the episode.
    pub(crate) fn advance(
        &self,
        worker: &mut T::Worker,
        action: &[f32],
        first: Option<&[f64]>,
        row: &mut Row<'_>,
    ) -> Result<(Transition, bool), EnvError> {
        let mut transition = if all_finite(action) {
            self.task.step(worker, row.state, action, row.next_obs)?
        } else {
            Transition::DIVERGED
        };
        if transition.diverged || !transition.reward.is_finite() || !all_finite(row.next_obs) {
            transition = Transition::DIVERGED;
            row.next_obs.copy_from_slice(row.obs);
            self.divergences.fetch_add(1, Ordering::Relaxed);
        }
        *row.steps += 1;
        let truncated = !transition.terminated && *row.steps as usize >= self.spec.episode_length;
        if transition.terminated || truncated {
            row.final_obs.copy_from_slice(row.next_obs);
            self.restart(worker, first, row)?;
        }
        row.obs.copy_from_slice(row.next_obs);
        Ok((transition, truncated))
    }
}

fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|value| value.is_finite())
}
