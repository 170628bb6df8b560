//! The memory that rollouts are collected in: allocated for the first of a run, used by all.

use std::ops::Range;

use anyhow::Result;
use candle_core::{Device, DeviceLocation};
use fpo_core::{HostTensor, Stored};

use crate::training::stage::Stage;

/// Lengths that say how large a rollout is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutSize {
    /// Steps T of every environment.
    pub length: usize,
    /// Steps U per unroll.
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

/// A rollout but for its stored losses, as in [`fpo_core::Rollout`].
#[derive(Debug)]
pub struct RolloutBuffers {
    /// What these buffers are made for.
    pub size: RolloutSize,
    location: DeviceLocation,
    /// Raw observations `(T, E, O)`.
    pub obs: HostTensor,
    /// Raw observation after the last step of each unroll, `(T/U, E, O)`.
    pub bootstrap_obs: HostTensor,
    /// Actions before squashing, `(T, E, A)`.
    pub action: HostTensor,
    /// Rewards, unscaled, `(T, E)`.
    pub reward: HostTensor,
    /// Terminal flags `(T, E)`.
    pub terminated: HostTensor,
    /// Truncation flags `(T, E)`.
    pub truncated: HostTensor,
    /// Values of the observations at which the step limit cut episodes, else 0; `(T, E)`.
    pub cut_value: HostTensor,
    /// What is stored with an action, `(T, E, rows, A)`.
    pub eps: HostTensor,
    /// Monte-Carlo flow times `(T, E, N, 1)`.
    pub t: HostTensor,
    /// Which of the `T·E` steps the step limit cut, and the raw observations they led to.
    pub cuts: Cuts,
}

/// Steps after which the step limit cut an episode.
#[derive(Debug, Default)]
pub struct Cuts {
    /// Their numbers, time-major.
    pub at: Vec<usize>,
    /// The raw observations they led to, one row each.
    pub obs: Vec<f32>,
}

impl RolloutBuffers {
    /// Buffers for rollouts of `size` that learning reads on `device`.
    pub fn new(size: RolloutSize, device: &Device) -> Result<RolloutBuffers> {
        let RolloutSize { length, unroll_length, envs, stored, obs_dim, action_dim } = size;
        let zeros = |shape: &[usize]| HostTensor::zeros(shape, device);
        Ok(RolloutBuffers {
            size,
            location: device.location(),
            obs: zeros(&[length, envs, obs_dim])?,
            bootstrap_obs: zeros(&[length / unroll_length, envs, obs_dim])?,
            action: zeros(&[length, envs, action_dim])?,
            reward: zeros(&[length, envs])?,
            terminated: zeros(&[length, envs])?,
            truncated: zeros(&[length, envs])?,
            cut_value: zeros(&[length, envs])?,
            eps: zeros(&[length, envs, stored.rows, action_dim])?,
            t: zeros(&[length, envs, stored.losses, 1])?,
            cuts: Cuts::default(),
        })
    }

    /// The buffers in `kept` if they are made for this; else new ones.
    pub fn fit<'a>(
        kept: &'a mut Option<RolloutBuffers>,
        size: RolloutSize,
        device: &Device,
    ) -> Result<&'a mut RolloutBuffers> {
        let fitting = kept.take().filter(|it| it.size == size && it.location == device.location());
        let buffers = match fitting {
            Some(buffers) => buffers,
            None => RolloutBuffers::new(size, device)?,
        };
        let buffers = kept.insert(buffers);
        buffers.cuts.at.clear();
        buffers.cuts.obs.clear();
        Ok(buffers)
    }

    /// Keeps the rows of the environments `envs` in `obs`, their observations before step `t`.
    pub fn keep_obs(&mut self, t: usize, envs: &Range<usize>, obs: &[f32]) -> Result<()> {
        let width = self.size.obs_dim;
        let rows = &obs[envs.start * width..envs.end * width];
        Ok(self.obs.write(self.cells(t, envs, width), |to| to.copy_from_slice(rows))?)
    }

    /// Hands the kept observations of the environments `envs` before step `t` to `look`.
    pub fn with_obs<R>(
        &self,
        t: usize,
        envs: &Range<usize>,
        look: impl FnOnce(&[f32]) -> R,
    ) -> Result<R> {
        Ok(self.obs.read(self.cells(t, envs, self.size.obs_dim), look)?)
    }

    /// Keeps the actions of the environments `envs` at step `t`.
    pub fn keep_action(&mut self, t: usize, envs: &Range<usize>, actions: &[f32]) -> Result<()> {
        let cells = self.cells(t, envs, self.size.action_dim);
        Ok(self.action.write(cells, |to| to.copy_from_slice(actions))?)
    }

    /// Keeps the ends of the chains that led the environments `envs` to their actions at step `t`.
    pub fn keep_chain(&mut self, t: usize, envs: &Range<usize>, chain: &[f32]) -> Result<()> {
        let cells = self.cells(t, envs, self.size.stored.rows * self.size.action_dim);
        Ok(self.eps.write(cells, |to| to.copy_from_slice(chain))?)
    }

    /// Keeps what came of step `t` of all environments.
    pub fn keep_outcome(&mut self, t: usize, stage: &Stage) -> Result<()> {
        let RolloutSize { unroll_length, envs, obs_dim, .. } = self.size;
        let all = 0..envs;
        let row = self.cells(t, &all, 1);
        self.reward.write(row.clone(), |to| to.copy_from_slice(&stage.reward))?;
        let outcomes =
            [(&mut self.terminated, &stage.terminated), (&mut self.truncated, &stage.truncated)];
        for (kept, flags) in outcomes {
            kept.write(row.clone(), |to| {
                to.iter_mut().zip(flags).for_each(|(to, &flag)| *to = f32::from(flag));
            })?;
        }
        for env in all.clone().filter(|&env| stage.truncated[env]) {
            self.cuts.at.push(row.start + env);
            self.cuts.obs.extend_from_slice(&stage.final_obs[env * obs_dim..(env + 1) * obs_dim]);
        }
        if (t + 1).is_multiple_of(unroll_length) {
            let cells = self.cells(t / unroll_length, &all, obs_dim);
            self.bootstrap_obs.write(cells, |to| to.copy_from_slice(&stage.obs))?;
        }
        Ok(())
    }

    /// Where the environments `envs` have their `width` numbers of step `t`.
    fn cells(&self, t: usize, envs: &Range<usize>, width: usize) -> Range<usize> {
        let row = t * self.size.envs;
        (row + envs.start) * width..(row + envs.end) * width
    }
}
