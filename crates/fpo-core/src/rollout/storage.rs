//! The memory in which rollouts are collected. It is allocated for the first rollout of a run and
//! used by all.

use std::marker::PhantomData;
use std::ops::{Deref, Range};

use candle_core::{Device, DeviceLocation, Tensor};

use crate::error::Result;
use crate::rollout::stored::Stored;
use crate::rollout::{Rollout, Transitions};
use crate::tensor::host_tensor::HostTensor;
use crate::tensor::summary::Summary;

/// Lengths that say how large a rollout is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutSize {
    /// Steps T of every environment.
    pub length: usize,
    /// Steps U per unroll; divides T.
    pub unroll_length: usize,
    /// Environments E.
    pub envs: usize,
    /// What the policy stores with an action.
    pub stored: Stored,
    /// Length O of an observation.
    pub obs_dim: usize,
    /// Length A of an action.
    pub action_dim: usize,
}

/// The outcome of one step of all environments, with one entry or row per environment.
#[derive(Clone, Copy, Debug)]
pub struct StepOutcome<'a> {
    /// Rewards.
    pub reward: &'a [f32],
    /// Whether the episode ended by the task's rules.
    pub terminated: &'a [bool],
    /// Whether the step limit cut the episode.
    pub truncated: &'a [bool],
    /// Observations to act on next, `(E, O)`.
    pub next_obs: &'a [f32],
    /// The last observation of each episode that ended, `(E, O)`; other rows are not read.
    pub final_obs: &'a [f32],
}

/// A rollout without its stored losses, in memory that the host writes.
#[derive(Debug)]
pub struct RolloutStorage {
    size: RolloutSize,
    location: DeviceLocation,
    pub(in crate::rollout) arrays: Transitions<HostTensor, ()>,
    pub(in crate::rollout) cuts: Cuts,
}

/// Steps after which the step limit cut an episode.
#[derive(Debug, Default)]
pub(in crate::rollout) struct Cuts {
    /// Their numbers among the `T·E` steps, time-major.
    pub(in crate::rollout) at: Vec<usize>,
    /// The raw observations they led to, one row each.
    pub(in crate::rollout) obs: Vec<f32>,
}

/// A rollout whose tensors, on the CPU, are the memory of a [`RolloutStorage`]: it borrows the
/// storage, so that nothing can be collected into it while the rollout is still read.
///
/// ```compile_fail
/// # use fpo_core::{RolloutStorage, RolloutView};
/// fn overwritten(storage: &mut RolloutStorage, view: fn(&RolloutStorage) -> RolloutView<'_>) {
///     let rollout = view(storage);
///     storage.begin(); // fails: the rollout still borrows the storage
///     println!("{:?}", rollout.obs);
/// }
/// ```
#[derive(Debug)]
pub struct RolloutView<'a> {
    rollout: Rollout,
    storage: PhantomData<&'a RolloutStorage>,
}

impl Deref for RolloutView<'_> {
    type Target = Rollout;

    fn deref(&self) -> &Rollout {
        &self.rollout
    }
}

impl RolloutStorage {
    /// Returns memory for rollouts of `size` that learning reads on `device`.
    ///
    /// # Errors
    /// If the memory cannot be allocated.
    pub fn new(size: RolloutSize, device: &Device) -> Result<RolloutStorage> {
        let RolloutSize { length, unroll_length, envs, stored, obs_dim, action_dim } = size;
        let zeros = |shape: &[usize]| HostTensor::zeros(shape, device);
        Ok(RolloutStorage {
            size,
            location: device.location(),
            arrays: Transitions {
                obs: zeros(&[length, envs, obs_dim])?,
                bootstrap_obs: zeros(&[length / unroll_length, envs, obs_dim])?,
                action: zeros(&[length, envs, action_dim])?,
                reward: zeros(&[length, envs])?,
                terminated: zeros(&[length, envs])?,
                truncated: zeros(&[length, envs])?,
                cut_value: zeros(&[length, envs])?,
                stored: zeros(&[length, envs, stored.rows, action_dim])?,
                t: zeros(&[length, envs, stored.losses, 1])?,
                loss_old: (),
            },
            cuts: Cuts::default(),
        })
    }

    /// Returns the memory in `kept`, which is replaced by a new one if it was not made for `size`
    /// and `device`.
    ///
    /// # Errors
    /// If the memory cannot be allocated.
    pub fn fit<'a>(
        kept: &'a mut Option<RolloutStorage>,
        size: RolloutSize,
        device: &Device,
    ) -> Result<&'a mut RolloutStorage> {
        let fitting = kept.take().filter(|it| it.size == size && it.location == device.location());
        let mut storage = match fitting {
            Some(storage) => storage,
            None => RolloutStorage::new(size, device)?,
        };
        storage.begin();
        Ok(kept.insert(storage))
    }

    /// Forgets the previous rollout, so that the next can be collected.
    pub fn begin(&mut self) {
        self.cuts.at.clear();
        self.cuts.obs.clear();
    }

    /// Returns the lengths for which this memory is made.
    pub fn size(&self) -> RolloutSize {
        self.size
    }

    /// Keeps the observations of the environments `envs` before step `t`, which are their rows of
    /// `obs`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a step or environments beyond the size of the rollout.
    pub fn keep_obs(&mut self, t: usize, envs: &Range<usize>, obs: &[f32]) -> Result<()> {
        let width = self.size.obs_dim;
        let rows = &obs[envs.start * width..envs.end * width];
        let cells = self.cells(t, envs, width);
        self.arrays.obs.write(cells, |to| to.copy_from_slice(rows))
    }

    /// Calls `look` with the kept observations of the environments `envs` before step `t`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a step or environments beyond the size of the rollout.
    pub fn with_obs<R>(
        &self,
        t: usize,
        envs: &Range<usize>,
        look: impl FnOnce(&[f32]) -> R,
    ) -> Result<R> {
        self.arrays.obs.read(self.cells(t, envs, self.size.obs_dim), look)
    }

    /// Calls `look` with all kept observations, `T × E × O`.
    ///
    /// # Errors
    /// If the memory cannot be read.
    pub fn with_all_obs<R>(&self, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let obs = &self.arrays.obs;
        obs.read(0..obs.dims().iter().product(), look)
    }

    /// Calls `look` with the observations after the last step, `E × O`.
    ///
    /// # Errors
    /// If the memory cannot be read.
    pub fn with_last_obs<R>(&self, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let RolloutSize { length, unroll_length, envs, obs_dim, .. } = self.size;
        let unrolls = length / unroll_length;
        let cells = self.cells(unrolls.saturating_sub(1), &(0..envs), obs_dim);
        self.arrays.bootstrap_obs.read(cells, look)
    }

    /// Returns what the kept observations, actions and rewards are like.
    ///
    /// # Errors
    /// If the memory cannot be read.
    pub fn summaries(&self) -> Result<[(&'static str, Summary); 3]> {
        let Transitions { obs, action, reward, .. } = &self.arrays;
        let of = |array: &HostTensor| array.read(0..array.dims().iter().product(), Summary::of);
        Ok([("obs", of(obs)?), ("action", of(action)?), ("reward", of(reward)?)])
    }

    /// Keeps the actions of the environments `envs` at step `t`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a step or environments beyond the size of the rollout.
    pub fn keep_action(&mut self, t: usize, envs: &Range<usize>, actions: &[f32]) -> Result<()> {
        let cells = self.cells(t, envs, self.size.action_dim);
        self.arrays.action.write(cells, |to| to.copy_from_slice(actions))
    }

    /// Keeps the ends of the chains that led the environments `envs` to their actions at step `t`.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a step or environments beyond the size of the rollout.
    pub fn keep_chain(&mut self, t: usize, envs: &Range<usize>, chain: &[f32]) -> Result<()> {
        let cells = self.cells(t, envs, self.size.stored.rows * self.size.action_dim);
        self.arrays.stored.write(cells, |to| to.copy_from_slice(chain))
    }

    /// Keeps the outcome of step `t` of all environments.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a step or environments beyond the size of the rollout.
    pub fn keep_outcome(&mut self, t: usize, outcome: StepOutcome) -> Result<()> {
        let RolloutSize { unroll_length, envs, obs_dim, .. } = self.size;
        let StepOutcome { reward, terminated, truncated, next_obs, final_obs } = outcome;
        let all = 0..envs;
        let row = self.cells(t, &all, 1);
        let arrays = &mut self.arrays;
        arrays.reward.write(row.clone(), |to| to.copy_from_slice(reward))?;
        for (kept, flags) in
            [(&mut arrays.terminated, terminated), (&mut arrays.truncated, truncated)]
        {
            kept.write(row.clone(), |to| {
                to.iter_mut().zip(flags).for_each(|(to, &flag)| *to = f32::from(flag));
            })?;
        }
        for env in all.clone().filter(|&env| truncated[env]) {
            self.cuts.at.push(row.start + env);
            self.cuts.obs.extend_from_slice(&final_obs[env * obs_dim..(env + 1) * obs_dim]);
        }
        if (t + 1).is_multiple_of(unroll_length) {
            let cells = self.cells(t / unroll_length, &all, obs_dim);
            self.arrays.bootstrap_obs.write(cells, |to| to.copy_from_slice(next_obs))?;
        }
        Ok(())
    }

    /// Fills in the numbers that are drawn for the actions of step `t`. `noise` writes the noise,
    /// unless the policy stores chains, and `times` writes the flow times.
    pub(crate) fn draw(
        &mut self,
        t: usize,
        noise: impl FnOnce(&mut [f32]),
        times: impl FnOnce(&mut [f32]),
    ) -> Result<()> {
        let RolloutSize { envs, stored, action_dim, .. } = self.size;
        let all = 0..envs;
        if stored.source.is_drawn() {
            let cells = self.cells(t, &all, stored.rows * action_dim);
            self.arrays.stored.write(cells, noise)?;
        }
        let cells = self.cells(t, &all, stored.losses);
        self.arrays.t.write(cells, times)
    }

    /// Returns the raw observations at which the step limit cut episodes, one row each.
    pub(crate) fn cut_obs(&self) -> &[f32] {
        &self.cuts.obs
    }

    /// Keeps the values of those observations, in their order.
    pub(crate) fn keep_cut_values(&mut self, values: &[f32]) -> Result<()> {
        let RolloutSize { length, envs, .. } = self.size;
        let at = &self.cuts.at;
        self.arrays.cut_value.write(0..length * envs, |to| {
            to.fill(0.0);
            at.iter().zip(values).for_each(|(&at, &value)| to[at] = value);
        })
    }

    /// Returns the rollout as tensors on the learner's device, with the stored losses that `losses`
    /// computes from it.
    pub(crate) fn finish(
        &self,
        losses: impl FnOnce(&Transitions<Tensor, ()>) -> Result<Tensor>,
    ) -> Result<RolloutView<'_>> {
        let collected = self.arrays.try_map(HostTensor::tensor, ())?;
        let loss_old = losses(&collected)?;
        let rollout = collected.with_loss_old(loss_old);
        Ok(RolloutView { rollout, storage: PhantomData })
    }

    /// Returns the range of the numbers of the environments `envs` at step `t`, `width` for each.
    fn cells(&self, t: usize, envs: &Range<usize>, width: usize) -> Range<usize> {
        let row = t * self.size.envs;
        (row + envs.start) * width..(row + envs.end) * width
    }
}
