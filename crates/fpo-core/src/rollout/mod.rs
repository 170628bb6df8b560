//! A rollout on the device, and minibatches of contiguous unrolls cut from it.
//!
//! The rollout's `T` steps of `E` environments are seen as `E·T/U` sub-sequences of `U` steps
//! (environment-major, as in the official code). A minibatch names `B` of them: the fused kernels
//! read them where they lie, the composed operations gather them as `(U, B, …)`.

use candle_core::Tensor;

use crate::error::{Error, Result};

/// What was collected, time-major.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// Raw observations `(T, E, O)`.
    pub obs: Tensor,
    /// Raw observation after the last step of each unroll, `(T/U, E, O)`.
    pub bootstrap_obs: Tensor,
    /// Actions before squashing, `(T, E, A)`.
    pub action: Tensor,
    /// Rewards, unscaled, `(T, E)`.
    pub reward: Tensor,
    /// 1 where the episode ended in a terminal state after this step, else 0; `(T, E)`.
    pub terminated: Tensor,
    /// 1 where the step limit cut the episode after this step, else 0; `(T, E)`.
    pub truncated: Tensor,
    /// Values of the observations at which the step limit cut episodes, at those steps and 0
    /// elsewhere, `(T, E)`; read by [`crate::Truncation::Bootstrap`] alone.
    pub cut_value: Tensor,
    /// What the policy stores with an action ([`crate::Policy::stored`]): Monte-Carlo noise ε, or
    /// a chain; `(T, E, rows, A)`.
    pub eps: Tensor,
    /// Monte-Carlo flow times, `(T, E, N, 1)`.
    pub t: Tensor,
    /// Losses L of the actions under the policy before the update, `(T, E, N)`.
    pub loss_old: Tensor,
}

/// Some sub-sequences of a rollout.
#[derive(Clone, Copy, Debug)]
pub struct Minibatch<'a> {
    /// Where they lie.
    pub rollout: &'a Rollout,
    /// Which they are: `i` is unroll `i mod (T/U)` of environment `i div (T/U)`.
    pub picks: &'a [u32],
    /// Steps U of each; divides the rollout's T.
    pub unroll_length: usize,
}

/// `U` steps of `B` sub-sequences, gathered.
#[derive(Clone, Debug)]
pub struct MinibatchTensors {
    /// Raw observations `(U, B, O)`.
    pub obs: Tensor,
    /// Raw observation after the last step, `(B, O)`.
    pub bootstrap_obs: Tensor,
    /// Actions before squashing, `(U, B, A)`.
    pub action: Tensor,
    /// Rewards, unscaled, `(U, B)`.
    pub reward: Tensor,
    /// Terminal flags `(U, B)`.
    pub terminated: Tensor,
    /// Truncation flags `(U, B)`.
    pub truncated: Tensor,
    /// Values where the step limit cut episodes, `(U, B)`.
    pub cut_value: Tensor,
    /// What is stored with an action, `(U, B, rows, A)`.
    pub eps: Tensor,
    /// Monte-Carlo flow times `(U, B, N, 1)`.
    pub t: Tensor,
    /// Stored losses `(U, B, N)`.
    pub loss_old: Tensor,
}

impl Rollout {
    /// The sub-sequences numbered `picks` as one minibatch.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `unroll_length` does not divide the rollout, or a number is too large.
    pub fn minibatch<'a>(
        &'a self,
        picks: &'a [u32],
        unroll_length: usize,
    ) -> Result<Minibatch<'a>> {
        let (steps, envs) = self.reward.dims2()?;
        if unroll_length == 0 || !steps.is_multiple_of(unroll_length) {
            return Err(Error::Invalid(format!(
                "a rollout of {steps} steps cannot be cut into unrolls of {unroll_length}"
            )));
        }
        let sequences = steps / unroll_length * envs;
        if let Some(pick) = picks.iter().find(|&&pick| pick as usize >= sequences) {
            return Err(Error::Invalid(format!(
                "there is no sub-sequence {pick} in a rollout of {sequences}"
            )));
        }
        Ok(Minibatch { rollout: self, picks, unroll_length })
    }
}

impl Minibatch<'_> {
    /// Its numbers as tensors of their own.
    pub fn gather(&self) -> Result<MinibatchTensors> {
        let Minibatch { rollout, picks, unroll_length } = *self;
        let (steps, envs) = rollout.reward.dims2()?;
        let (length, unrolls, envs) =
            (unroll_length as u32, (steps / unroll_length) as u32, envs as u32);
        let place = |pick: u32| (pick % unrolls, pick / unrolls);
        let rows: Vec<u32> = (0..length)
            .flat_map(|t| {
                picks.iter().map(move |&pick| {
                    let (unroll, env) = place(pick);
                    (unroll * length + t) * envs + env
                })
            })
            .collect();
        let last: Vec<u32> =
            picks.iter().map(|&pick| place(pick).0 * envs + place(pick).1).collect();
        let device = rollout.reward.device();
        let rows = Tensor::from_vec(rows, unroll_length * picks.len(), device)?;
        let last = Tensor::from_vec(last, picks.len(), device)?;

        let gather = |x: &Tensor| -> Result<Tensor> {
            let rest = &x.dims()[2..];
            let flat = x.flatten(0, 1)?.index_select(&rows, 0)?;
            Ok(flat.reshape([&[unroll_length, picks.len()], rest].concat())?)
        };
        Ok(MinibatchTensors {
            obs: gather(&rollout.obs)?,
            bootstrap_obs: rollout.bootstrap_obs.flatten(0, 1)?.index_select(&last, 0)?,
            action: gather(&rollout.action)?,
            reward: gather(&rollout.reward)?,
            terminated: gather(&rollout.terminated)?,
            truncated: gather(&rollout.truncated)?,
            cut_value: gather(&rollout.cut_value)?,
            eps: gather(&rollout.eps)?,
            t: gather(&rollout.t)?,
            loss_old: gather(&rollout.loss_old)?,
        })
    }
}
