//! The driver that runs any [`Task`] as a batch, in parallel.
//!
//! Environments lie in rows; rows are cut into chunks of a fixed number of environments; rayon
//! hands chunks to threads. An environment's results depend on its own row, its action and its
//! own random numbers only, so they are the same bits for any number of threads.

mod next_start;
mod stepper;
mod workers;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use self::next_start::{NextStart, Schedule};
use self::stepper::{EnvRow, Stepper};
use self::workers::WorkerPool;
use crate::error::{EnvError, check_len};
use crate::options::{AutoReset, PartOf, VecEnvOptions};
use crate::spec::EnvSpec;
use crate::task::Task;
use crate::vec_env::{StepOutput, VecEnv, VecEnvState};

/// A batch of environments of one task.
pub struct Batch<T: Task> {
    stepper: Stepper<T>,
    num_envs: usize,
    part: PartOf,
    workers: WorkerPool<T::Worker>,
    now: VecEnvState,
    next_starts: Vec<NextStart>,
    stagger: bool,
    started: bool,
}

impl<T: Task> Batch<T> {
    /// Makes a batch of `task`. It holds no starts before the first `reset` or `restore`.
    ///
    /// # Errors
    /// [`EnvError::Option`] when a size of the task or of the options is 0, or the task's groups do
    /// not make up its observation.
    pub fn new(mut task: T, options: &VecEnvOptions) -> Result<Self, EnvError> {
        task.choose_starts(options.starts);
        let mut spec = task.spec();
        if let Some(length) = options.episode_length {
            spec.episode_length = length;
        }
        let diverged_reward = worst(spec.reward_range);
        spec.reward_range = summed(spec.reward_range, options.action_repeat);
        let state_len = task.state_len();
        let sizes = [
            ("num_envs", options.num_envs),
            ("episode_length", spec.episode_length),
            ("action_repeat", options.action_repeat),
            ("chunk", options.chunk.unwrap_or(1)),
            ("obs_dim", spec.obs_dim),
            ("action_dim", spec.action_dim),
            ("state_len", state_len),
        ];
        if let Some((what, _)) = sizes.into_iter().find(|&(_, size)| size == 0) {
            return Err(EnvError::Option { what, got: "0".into(), expected: "at least 1" });
        }
        if !spec.has_whole_groups() {
            let (what, got) = ("groups", format!("{:?}", spec.groups));
            let expected = "groups of other names each, from the first number to the last";
            return Err(EnvError::Option { what, got, expected });
        }
        let n = options.num_envs;
        let part = options.part_of.unwrap_or(PartOf { first: 0, total: n });
        if part.first.checked_add(n).is_none_or(|end| end > part.total) {
            let got = format!("{n} environments from {} on, of {}", part.first, part.total);
            return Err(EnvError::Option { what: "part_of", got, expected: "a part of them" });
        }
        let now = VecEnvState {
            states: vec![0.0; n * state_len],
            first_states: Vec::new(),
            obs: vec![0.0; n * spec.obs_dim],
            episode_steps: vec![0; n],
            episodes: vec![0; n],
        };
        let grain = options.chunk.unwrap_or(task.grain()).max(1);
        let settling = match options.auto_reset {
            AutoReset::Fresh => task.settling(),
            AutoReset::First => 0,
        };
        let schedule = Schedule::new(settling, spec.episode_length, options.stagger);
        let next_starts = (0..n).map(|_| schedule.allocate(state_len, spec.obs_dim)).collect();
        let stepper = Stepper {
            pieces: 1 + task.settling(),
            task,
            spec,
            state_len,
            grain,
            seed: options.seed,
            auto_reset: options.auto_reset,
            action_repeat: options.action_repeat,
            diverged_reward,
            schedule,
            divergences: AtomicU64::new(0),
        };
        let (workers, stagger) = (WorkerPool::new(), options.stagger);
        Ok(Self { stepper, num_envs: n, part, workers, now, next_starts, stagger, started: false })
    }

    /// Returns the task that this batch runs.
    pub fn task(&self) -> &T {
        &self.stepper.task
    }

    /// Number of elements in one row of `first_states`: a state and its observation.
    fn first_len(&self) -> usize {
        self.stepper.state_len + self.stepper.spec.obs_dim
    }

    /// Stores the present states and observations, to which `AutoReset::First` returns.
    fn keep_first_states(&mut self) {
        let (state_len, obs_dim) = (self.stepper.state_len, self.stepper.spec.obs_dim);
        let rows = self.now.states.chunks(state_len).zip(self.now.obs.chunks(obs_dim));
        self.now.first_states.clear();
        for (state, obs) in rows {
            self.now.first_states.extend_from_slice(state);
            self.now.first_states.extend(obs.iter().map(|&x| f64::from(x)));
        }
    }
}

impl<T: Task> VecEnv for Batch<T> {
    fn spec(&self) -> &EnvSpec {
        &self.stepper.spec
    }

    fn num_envs(&self) -> usize {
        self.num_envs
    }

    fn reset(&mut self, obs: &mut [f32]) -> Result<(), EnvError> {
        check_len("obs", obs.len(), self.now.obs.len())?;
        self.workers.fit_threads();
        self.started = false;
        let (stepper, workers) = (&self.stepper, &self.workers);
        let (grain, state_len, obs_dim) = (stepper.grain, stepper.state_len, stepper.spec.obs_dim);
        let part = self.part;
        (
            self.now.states.par_chunks_mut(grain * state_len),
            self.now.obs.par_chunks_mut(grain * obs_dim),
        )
            .into_par_iter()
            .enumerate()
            .try_for_each(|(chunk, (states, obs))| {
                workers.with(&stepper.task, |worker| {
                    let rows = states.chunks_mut(state_len).zip(obs.chunks_mut(obs_dim));
                    for (offset, (state, obs)) in rows.enumerate() {
                        let env = part.first + chunk * grain + offset;
                        stepper.draw(worker, (env, 0), 0.., state, obs)?;
                    }
                    Ok(())
                })
            })?;
        let limit = if self.stagger { self.stepper.spec.episode_length } else { 0 };
        for (env, steps) in self.now.episode_steps.iter_mut().enumerate() {
            *steps = ((part.first + env) * limit / part.total) as u32;
        }
        self.now.episodes.fill(0);
        self.next_starts.iter_mut().for_each(NextStart::discard);
        if self.stepper.auto_reset == AutoReset::First {
            self.keep_first_states();
        }
        obs.copy_from_slice(&self.now.obs);
        self.started = true;
        Ok(())
    }

    fn step_range(
        &mut self,
        envs: Range<usize>,
        actions: &[f32],
        out: StepOutput<'_>,
    ) -> Result<(), EnvError> {
        let Range { start: first, end } = envs;
        let num_envs = self.num_envs;
        if first >= end || end > num_envs {
            return Err(EnvError::Range { first, end, num_envs });
        }
        let n = end - first;
        let first_len = self.first_len();
        let (stepper, now, part) = (&self.stepper, &mut self.now, self.part);
        let (state_len, obs_dim) = (stepper.state_len, stepper.spec.obs_dim);
        let action_dim = stepper.spec.action_dim;
        check_len("actions", actions.len(), n * action_dim)?;
        check_len("obs", out.obs.len(), n * obs_dim)?;
        check_len("final_obs", out.final_obs.len(), n * obs_dim)?;
        check_len("reward", out.reward.len(), n)?;
        check_len("terminated", out.terminated.len(), n)?;
        check_len("truncated", out.truncated.len(), n)?;
        check_len("success", out.success.len(), n)?;
        if !self.started {
            return Err(EnvError::NotReset);
        }
        self.workers.fit_threads();
        self.started = false;
        let (workers, first_states, grain) = (&self.workers, &now.first_states, stepper.grain);
        (
            actions.par_chunks(grain * action_dim),
            self.next_starts[first..end].par_chunks_mut(grain),
            now.states[first * state_len..end * state_len].par_chunks_mut(grain * state_len),
            now.obs[first * obs_dim..end * obs_dim].par_chunks_mut(grain * obs_dim),
            now.episode_steps[first..end].par_chunks_mut(grain),
            now.episodes[first..end].par_chunks_mut(grain),
            out.obs.par_chunks_mut(grain * obs_dim),
            out.final_obs.par_chunks_mut(grain * obs_dim),
            (
                out.reward.par_chunks_mut(grain),
                out.terminated.par_chunks_mut(grain),
                out.truncated.par_chunks_mut(grain),
                out.success.par_chunks_mut(grain),
            )
                .into_par_iter(),
        )
            .into_par_iter()
            .enumerate()
            .try_for_each(|(chunk, parts)| {
                let (
                    actions,
                    next_starts,
                    states,
                    obs,
                    steps,
                    episodes,
                    next_obs,
                    final_obs,
                    results,
                ) = parts;
                let (reward, terminated, truncated, success) = results;
                workers.with(&stepper.task, |worker| {
                    for i in 0..steps.len() {
                        let env = first + chunk * grain + i;
                        let cells = i * obs_dim..(i + 1) * obs_dim;
                        let first_state = match stepper.auto_reset {
                            AutoReset::Fresh => None,
                            AutoReset::First => {
                                first_states.get(env * first_len..(env + 1) * first_len)
                            }
                        };
                        let mut row = EnvRow {
                            env: part.first + env,
                            next_start: &mut next_starts[i],
                            state: &mut states[i * state_len..(i + 1) * state_len],
                            obs: &mut obs[cells.clone()],
                            steps: &mut steps[i],
                            episode: &mut episodes[i],
                            next_obs: &mut next_obs[cells.clone()],
                            final_obs: &mut final_obs[cells],
                        };
                        let action = &actions[i * action_dim..(i + 1) * action_dim];
                        let (transition, cut) =
                            stepper.advance(worker, action, first_state, &mut row)?;
                        reward[i] = transition.reward;
                        terminated[i] = transition.terminated;
                        truncated[i] = cut;
                        success[i] = transition.success;
                    }
                    Ok(())
                })
            })?;
        self.started = true;
        Ok(())
    }

    fn save(&self) -> VecEnvState {
        self.now.clone()
    }

    fn restore(&mut self, state: &VecEnvState) -> Result<(), EnvError> {
        let n = self.num_envs;
        let first = match self.stepper.auto_reset {
            AutoReset::Fresh => 0,
            AutoReset::First => n * self.first_len(),
        };
        let sizes = [
            ("states", state.states.len(), self.now.states.len()),
            ("first_states", state.first_states.len(), first),
            ("obs", state.obs.len(), self.now.obs.len()),
            ("episode_steps", state.episode_steps.len(), n),
            ("episodes", state.episodes.len(), n),
        ];
        for (what, got, expected) in sizes {
            if got != expected {
                return Err(EnvError::State { what, expected, got });
            }
        }
        self.now.clone_from(state);
        self.next_starts.iter_mut().for_each(NextStart::discard);
        self.started = true;
        Ok(())
    }

    fn divergences(&self) -> u64 {
        self.stepper.divergences.load(Ordering::Relaxed)
    }
}

/// Returns the worst reward of a range: its lower end. A range without a finite lower end has no
/// worst reward; 0 takes its place, or the upper end where that is lower still.
fn worst((low, high): (f32, f32)) -> f32 {
    if low.is_finite() { low } else { high.min(0.0) }
}

/// Returns the range of a sum of 1 to `count` rewards in a range.
fn summed((low, high): (f32, f32), count: usize) -> (f32, f32) {
    let count = count as f32;
    (if low < 0.0 { low * count } else { low }, if high > 0.0 { high * count } else { high })
}
