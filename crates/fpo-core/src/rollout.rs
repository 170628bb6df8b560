//! A rollout on the device, and minibatches of contiguous unrolls cut from it.
//!
//! The rollout's `T` steps of `E` environments are seen as `E·T/U` sub-sequences of `U` steps
//! (environment-major, as in the official code); a minibatch gathers `B` of them as `(U, B, …)`.

use candle_core::Tensor;

use crate::{Error, Result};

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
    /// Monte-Carlo noise ε, `(T, E, N, A)`.
    pub eps: Tensor,
    /// Monte-Carlo flow times, `(T, E, N, 1)`.
    pub t: Tensor,
    /// CFM losses of the actions under the policy before the update, `(T, E, N)`.
    pub loss_old: Tensor,
}

/// `U` steps of `B` sub-sequences.
#[derive(Clone, Debug)]
pub struct Minibatch {
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
    /// Monte-Carlo noise `(U, B, N, A)`.
    pub eps: Tensor,
    /// Monte-Carlo flow times `(U, B, N, 1)`.
    pub t: Tensor,
    /// Stored losses `(U, B, N)`.
    pub loss_old: Tensor,
}

impl Rollout {
    /// The sub-sequences numbered `picks` as one minibatch.
    ///
    /// Sub-sequence `i` is unroll `i mod (T/U)` of environment `i div (T/U)`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `unroll_length` does not divide the rollout.
    pub fn minibatch(&self, picks: &[u32], unroll_length: usize) -> Result<Minibatch> {
        let (steps, envs) = self.reward.dims2()?;
        if unroll_length == 0 || !steps.is_multiple_of(unroll_length) {
            return Err(Error::Invalid(format!(
                "a rollout of {steps} steps cannot be cut into unrolls of {unroll_length}"
            )));
        }
        let unrolls = (steps / unroll_length) as u32;
        let envs = envs as u32;
        let place = |pick: u32| (pick % unrolls, pick / unrolls);
        let rows: Vec<u32> = (0..unroll_length as u32)
            .flat_map(|t| {
                picks.iter().map(move |&pick| {
                    let (unroll, env) = place(pick);
                    (unroll * unroll_length as u32 + t) * envs + env
                })
            })
            .collect();
        let last: Vec<u32> =
            picks.iter().map(|&pick| place(pick).0 * envs + place(pick).1).collect();
        let device = self.reward.device();
        let rows = Tensor::from_vec(rows, unroll_length * picks.len(), device)?;
        let last = Tensor::from_vec(last, picks.len(), device)?;

        let gather = |x: &Tensor| -> Result<Tensor> {
            let rest = &x.dims()[2..];
            let flat = x.flatten(0, 1)?.index_select(&rows, 0)?;
            Ok(flat.reshape([&[unroll_length, picks.len()], rest].concat())?)
        };
        Ok(Minibatch {
            obs: gather(&self.obs)?,
            bootstrap_obs: self.bootstrap_obs.flatten(0, 1)?.index_select(&last, 0)?,
            action: gather(&self.action)?,
            reward: gather(&self.reward)?,
            terminated: gather(&self.terminated)?,
            truncated: gather(&self.truncated)?,
            eps: gather(&self.eps)?,
            t: gather(&self.t)?,
            loss_old: gather(&self.loss_old)?,
        })
    }
}
