//! The kernels' input: a rollout's numbers as slices, and the sub-sequences that make the
//! minibatch.

use crate::rollout::Transitions;

/// A minibatch inside a rollout of `envs` environments, time-major. See [`crate::Rollout`] for the
/// shapes.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// The rollout's numbers.
    pub(crate) data: Transitions<&'a [f32]>,
    /// Environments of the rollout.
    pub(crate) envs: usize,
    /// Unrolls that an environment's steps are cut into.
    pub(crate) unrolls: usize,
    /// Steps per unroll.
    pub(crate) unroll_length: usize,
    /// The sub-sequences of the minibatch; see [`crate::Rollout::minibatch`].
    pub(crate) picks: &'a [u32],
}

impl Batch<'_> {
    /// Returns the number of transitions in the minibatch.
    pub(crate) fn transitions(&self) -> usize {
        self.picks.len() * self.unroll_length
    }

    /// Returns the rollout's row of step `step` of sub-sequence `sequence`.
    pub(crate) fn row(&self, sequence: usize, step: usize) -> usize {
        let pick = self.picks[sequence] as usize;
        let (unroll, env) = (pick % self.unrolls, pick / self.unrolls);
        (unroll * self.unroll_length + step) * self.envs + env
    }

    /// Returns the row of `bootstrap_obs` of sub-sequence `sequence`.
    pub(crate) fn bootstrap_row(&self, sequence: usize) -> usize {
        let pick = self.picks[sequence] as usize;
        pick % self.unrolls * self.envs + pick / self.unrolls
    }
}

/// The affine map from raw to normalised observations.
#[derive(Clone, Copy)]
pub(crate) struct ObsMap<'a> {
    /// Means.
    pub(crate) mean: &'a [f32],
    /// Standard deviations.
    pub(crate) std: &'a [f32],
}

impl ObsMap<'_> {
    /// Writes observation number `row` of `obs`, normalised, to the start of `out`.
    #[inline(always)]
    pub(crate) fn write(&self, obs: &[f32], row: usize, out: &mut [f32]) {
        let dim = self.mean.len();
        let obs = &obs[row * dim..(row + 1) * dim];
        for (((out, &x), &mean), &std) in out.iter_mut().zip(obs).zip(self.mean).zip(self.std) {
            *out = (x - mean) / std;
        }
    }
}
