//! A rollout whose environments were stepped by several ranks becomes one rollout on each of them.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::reduce::communicator::Communicator;
use crate::reduce::messages::gather_bytes;
use crate::rollout::Transitions;
use crate::rollout::storage::{Cuts, RolloutStorage};
use crate::tensor::host_tensor::HostTensor;

/// Most words of an array that are under way at once, unless a single step has more.
const MOST_WORDS: usize = 1 << 22;

impl RolloutStorage {
    /// Fills this storage, which is for the environments of all ranks, with what each of them has
    /// collected. Rank `r` has stepped the environments `places[r]`; `own` holds those of this one.
    ///
    /// # Errors
    /// Those of the ranks, and [`Error::Invalid`] where the sizes do not fit.
    pub fn gather(
        &mut self,
        own: &RolloutStorage,
        ranks: &dyn Communicator,
        places: &[Range<usize>],
    ) -> Result<()> {
        let chains_are_kept = !self.size().stored.source.is_drawn();
        let envs = self.size().envs;
        let (all, part) = (&mut self.arrays, &own.arrays);
        let Transitions { obs, bootstrap_obs, action, reward, terminated, .. } = all;
        let Transitions { truncated, stored, .. } = all;
        let mut pairs = vec![
            (obs, &part.obs),
            (bootstrap_obs, &part.bootstrap_obs),
            (action, &part.action),
            (reward, &part.reward),
            (terminated, &part.terminated),
            (truncated, &part.truncated),
        ];
        if chains_are_kept {
            pairs.push((stored, &part.stored));
        }
        for (all, own) in pairs {
            gather_array(all, own, ranks, places)?;
        }
        self.cuts = gather_cuts(&own.cuts, own.size().obs_dim, envs, ranks, places)?;
        Ok(())
    }
}

/// Fills `all (T, E, …)` with the environments of each rank, given this one's `own (T, …)`.
fn gather_array(
    all: &mut HostTensor,
    own: &HostTensor,
    ranks: &dyn Communicator,
    places: &[Range<usize>],
) -> Result<()> {
    let (length, envs) = (all.dims()[0], all.dims()[1]);
    let width: usize = all.dims()[2..].iter().product();
    let own_envs = places[ranks.rank()].len();
    if own.dims()[..2] != [length, own_envs] || own.dims()[2..] != all.dims()[2..] {
        let (part, whole) = (own.dims(), all.dims());
        return Err(Error::Invalid(format!("an array {part:?} is no part of an array {whole:?}")));
    }
    let at_once = (MOST_WORDS / (envs * width).max(1)).clamp(1, length.max(1));
    for start in (0..length).step_by(at_once) {
        let steps = start..(start + at_once).min(length);
        let row = own_envs * width;
        let words: Vec<u32> = own.read(steps.start * row..steps.end * row, |numbers| {
            numbers.iter().map(|x| x.to_bits()).collect()
        })?;
        let counts: Vec<usize> =
            places.iter().map(|place| steps.len() * place.len() * width).collect();
        let mut gathered = vec![0; counts.iter().sum()];
        ranks.all_gather(&words, &counts, &mut gathered)?;
        all.write(steps.start * envs * width..steps.end * envs * width, |to| {
            let mut words = gathered.iter();
            for place in places {
                for step in 0..steps.len() {
                    let row = step * envs;
                    let cells = (row + place.start) * width..(row + place.end) * width;
                    let numbers = words.by_ref().map(|&word| f32::from_bits(word));
                    to[cells].iter_mut().zip(numbers).for_each(|(to, x)| *to = x);
                }
            }
        })?;
    }
    Ok(())
}

/// Returns the cuts of all ranks in the order in which one process comes upon them.
fn gather_cuts(
    own: &Cuts,
    obs_dim: usize,
    envs: usize,
    ranks: &dyn Communicator,
    places: &[Range<usize>],
) -> Result<Cuts> {
    let place = &places[ranks.rank()];
    let mut bytes = Vec::new();
    for (at, obs) in own.at.iter().zip(own.obs.chunks_exact(obs_dim)) {
        let at = at / place.len() * envs + place.start + at % place.len();
        bytes.extend((at as u64).to_le_bytes());
        bytes.extend(obs.iter().flat_map(|x| x.to_le_bytes()));
    }
    let all = gather_bytes(ranks, &bytes)?;
    let mut found: Vec<(usize, Vec<f32>)> = Vec::new();
    for cut in all.iter().flat_map(|bytes| bytes.chunks_exact(8 + 4 * obs_dim)) {
        let (at, obs) = cut.split_at(8);
        let at = at.first_chunk().map_or(0, |at| u64::from_le_bytes(*at)) as usize;
        found.push((at, obs.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect()));
    }
    found.sort_by_key(|(at, _)| *at);
    let at = found.iter().map(|(at, _)| *at).collect();
    Ok(Cuts { at, obs: found.into_iter().flat_map(|(_, obs)| obs).collect() })
}
