//! A rollout on the device, and minibatches of contiguous unrolls cut from it.
//!
//! The rollout's `T` steps of `E` environments are seen as `E·T/U` sub-sequences of `U` steps
//! (environment-major, as in the official code). A minibatch names `B` of them: the fused kernels
//! read them where they lie, the composed operations gather them as `(U, B, …)`.

mod gathered;
pub(crate) mod storage;
pub(crate) mod stored;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::tensor::transfer::to_device;

/// The arrays of a rollout, time-major, with the shapes that a [`Rollout`] has. `L` is the type of
/// the stored losses: `()` as long as they have not been computed.
#[derive(Clone, Copy, Debug)]
pub struct Transitions<T, L = T> {
    /// Raw observations `(T, E, O)`.
    pub obs: T,
    /// Raw observation after the last step of each unroll, `(T/U, E, O)`.
    pub bootstrap_obs: T,
    /// Actions before squashing, `(T, E, A)`.
    pub action: T,
    /// Rewards, unscaled, `(T, E)`.
    pub reward: T,
    /// 1 where the episode ended in a terminal state after this step, else 0; `(T, E)`.
    pub terminated: T,
    /// 1 where the step limit cut the episode after this step, else 0; `(T, E)`.
    pub truncated: T,
    /// Values of the observations at which the step limit cut episodes, at those steps and 0
    /// elsewhere, `(T, E)`; read by [`crate::gae::Truncation::Bootstrap`] alone.
    pub cut_value: T,
    /// What the policy stores with an action ([`crate::Stored`]): the noise ε of Monte-Carlo pairs,
    /// noise for the entropy, or the states of a chain; `(T, E, rows, A)`.
    pub stored: T,
    /// Flow times of the Monte-Carlo pairs, `(T, E, N, 1)`.
    pub t: T,
    /// Losses L of the actions under the policy before the update, `(T, E, N)`.
    pub loss_old: L,
}

/// A whole rollout with its stored losses, on the device of the learner.
pub type Rollout = Transitions<Tensor>;

/// `U` steps of `B` sub-sequences, gathered: shapes as in [`Transitions`] with `U` for `T` and `B`
/// for `E`, except that `bootstrap_obs` is `(B, O)`.
pub type MinibatchTensors = Transitions<Tensor>;

/// Some sub-sequences of a rollout.
#[derive(Clone, Copy, Debug)]
pub struct Minibatch<'a> {
    /// The rollout in which they lie.
    pub rollout: &'a Rollout,
    /// Their numbers: `i` is unroll `i mod (T/U)` of environment `i div (T/U)`.
    pub picks: &'a [u32],
    /// Steps U of each; divides the rollout's T.
    pub unroll_length: usize,
}

impl<T, L> Transitions<T, L> {
    /// Returns all arrays except the stored losses, in the order of the fields.
    pub(crate) fn arrays(&self) -> [&T; 9] {
        let Transitions { obs, bootstrap_obs, action, reward, terminated, .. } = self;
        let Transitions { truncated, cut_value, stored, t, .. } = self;
        [obs, bootstrap_obs, action, reward, terminated, truncated, cut_value, stored, t]
    }

    /// Returns the transitions with these arrays, in the order of the fields, and stored losses.
    pub(crate) fn from_arrays(arrays: [T; 9], loss_old: L) -> Transitions<T, L> {
        let [obs, bootstrap_obs, action, reward, terminated, truncated, cut_value, stored, t] =
            arrays;
        Transitions {
            obs,
            bootstrap_obs,
            action,
            reward,
            terminated,
            truncated,
            cut_value,
            stored,
            t,
            loss_old,
        }
    }

    /// Returns the transitions that `map` makes of each array, with these stored losses.
    pub(crate) fn try_map<U, M>(
        &self,
        map: impl Fn(&T) -> Result<U>,
        loss_old: M,
    ) -> Result<Transitions<U, M>> {
        let [a, b, c, d, e, f, g, h, i] = self.arrays().map(map);
        Ok(Transitions::from_arrays([a?, b?, c?, d?, e?, f?, g?, h?, i?], loss_old))
    }
}

impl Transitions<Tensor, ()> {
    /// Returns the rollout with these stored losses.
    pub fn with_loss_old(self, loss_old: Tensor) -> Rollout {
        Transitions::from_arrays(self.arrays().map(Tensor::clone), loss_old)
    }
}

impl Rollout {
    /// Returns the sub-sequences numbered `picks` as one minibatch.
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
    /// Returns the minibatch as tensors of its own.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn gather(&self) -> Result<MinibatchTensors> {
        let Minibatch { rollout, picks, unroll_length } = *self;
        let (steps, envs) = rollout.reward.dims2()?;
        let (length, unrolls, envs) =
            (unroll_length as u32, (steps / unroll_length) as u32, envs as u32);
        let place = |pick: u32| (pick % unrolls, pick / unrolls);
        let mut numbers: Vec<u32> = (0..length)
            .flat_map(|t| {
                picks.iter().map(move |&pick| {
                    let (unroll, env) = place(pick);
                    (unroll * length + t) * envs + env
                })
            })
            .collect();
        let count = numbers.len();
        numbers.extend(picks.iter().map(|&pick| place(pick).0 * envs + place(pick).1));
        let numbers = to_device(numbers, count + picks.len(), rollout.reward.device())?;
        let (rows, last) = (numbers.narrow(0, 0, count)?, numbers.narrow(0, count, picks.len())?);

        let gather = |x: &Tensor| -> Result<Tensor> {
            let rest = &x.dims()[2..];
            let flat = x.flatten(0, 1)?.index_select(&rows, 0)?;
            Ok(flat.reshape([&[unroll_length, picks.len()], rest].concat())?)
        };
        let bootstrap_obs = rollout.bootstrap_obs.flatten(0, 1)?.index_select(&last, 0)?;
        // The observations after the unrolls have rows of their own.
        let gather_or_last = |x: &Tensor| match std::ptr::eq(x, &rollout.bootstrap_obs) {
            true => Ok(bootstrap_obs.clone()),
            false => gather(x),
        };
        rollout.try_map(gather_or_last, gather(&rollout.loss_old)?)
    }
}
