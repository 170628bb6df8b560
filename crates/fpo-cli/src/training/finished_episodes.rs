//! The episodes that ended in a rollout, and sums over them, which are taken in the order in which
//! one process comes upon them: step by step, and environment by environment.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::training::crew::Crew;

/// An episode that ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The step of the rollout, and the number of the environment.
    pub at: (usize, usize),
    /// Its return.
    pub reward: f64,
    /// Its length in steps.
    pub length: u32,
    /// Whether it reached the goal (1) or not (0).
    pub success: u32,
}

/// Sums over the episodes that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FinishedEpisodes {
    /// Number of episodes.
    pub count: u64,
    /// Sum of their returns.
    pub returns: f64,
    /// Sum of their lengths.
    pub lengths: u64,
    /// Number of episodes that reached the goal.
    pub successes: u64,
}

impl FinishedEpisodes {
    /// Adds up episodes in their order.
    pub fn of(ended: &[Ended]) -> FinishedEpisodes {
        let mut sums = FinishedEpisodes::default();
        for episode in ended {
            sums.count += 1;
            sums.returns += episode.reward;
            sums.lengths += u64::from(episode.length);
            sums.successes += u64::from(episode.success);
        }
        sums
    }
}

/// Returns the sums over the episodes of all ranks, and the sum of what else is counted, given
/// those of this one.
///
/// # Errors
/// If the ranks cannot be reached.
pub fn gathered(crew: &Crew, ended: &[Ended], count: u64) -> Result<(FinishedEpisodes, u64)> {
    let mut all: Vec<Ended> = Vec::new();
    let mut sum = 0;
    for bytes in crew.gather(&serde_json::to_vec(&(ended, count))?)? {
        let (ended, count): (Vec<Ended>, u64) =
            serde_json::from_slice(&bytes).context("the episodes of a rank")?;
        all.extend(ended);
        sum += count;
    }
    all.sort_by_key(|episode| episode.at);
    Ok((FinishedEpisodes::of(&all), sum))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fpo_core::Threads;

    use super::*;

    /// Episodes whose returns add up to other bits in another order.
    fn episodes() -> Vec<Ended> {
        let episode = |k: usize| Ended {
            at: (k / 5, k % 5),
            reward: 1.0 / (k as f64 + 0.1) * 10f64.powi((k * 7 % 11) as i32 - 5),
            length: k as u32,
            success: u32::from(k.is_multiple_of(3)),
        };
        (0..40).map(episode).collect()
    }

    #[test]
    fn the_sums_of_any_number_of_ranks_have_the_bits_of_one() {
        let alone = FinishedEpisodes::of(&episodes());
        for size in 1..=4 {
            std::thread::scope(|scope| {
                for ranks in Threads::ranks(size) {
                    let alone = &alone;
                    scope.spawn(move || {
                        let crew = Crew::of(Arc::new(ranks));
                        let envs = crew.share(5);
                        let own: Vec<Ended> =
                            episodes().into_iter().filter(|e| envs.contains(&e.at.1)).collect();
                        let (sums, count) = gathered(&crew, &own, 2).unwrap();
                        assert_eq!((&sums, count), (alone, 2 * size as u64));
                    });
                }
            });
        }
    }
}
