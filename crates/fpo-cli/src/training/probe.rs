//! Probes a policy at a few states: how undecided it is, and between how many ways of acting.

use anyhow::Result;
use fpo_core::modality::{along, dip, mode_shares, principal_axis};
use fpo_core::{Actor, DEFAULT_NEIGHBOURS, Noise, Purpose, mean_knn_entropy};

use crate::run::metrics::Metrics;

/// Largest number of states at which the entropy of actions is estimated.
const STATES: usize = 16;
/// Actions drawn at each of these states.
const SAMPLES: usize = 64;
/// Actions drawn at a state whose modes are counted.
const MODE_SAMPLES: usize = 256;

/// Returns the mean differential entropy, in nats, of actions before squashing at states that are
/// spread evenly over the rows of `obs`. It is estimated from nearest neighbours. Each `index`
/// draws other noise.
///
/// # Errors
/// Those of [`Actor::act`] and of [`mean_knn_entropy`].
pub fn action_entropy(actor: &Actor, obs: &[f32], noise: &Noise, index: u64) -> Result<f64> {
    let width = actor.policy.obs_dim();
    let rows = obs.len() / width;
    let states = rows.min(STATES);
    let chosen: Vec<&[f32]> = (0..states)
        .map(|state| state * rows / states)
        .map(|row| &obs[row * width..(row + 1) * width])
        .collect();
    let actions = draw(actor, &chosen, SAMPLES, noise, index)?;
    let dim = actor.policy.action_dim();
    Ok(mean_knn_entropy(&actions, SAMPLES, dim, DEFAULT_NEIGHBOURS)?)
}

/// How many ways of acting a policy has where several are right, as means over such states.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Modes {
    /// Number of modes of the actions, at least 1.
    pub count: f64,
    /// Hartigan's dip of the actions along the direction in which they spread most, 0 to 1/4.
    pub dip: f64,
    /// Share of the rarest mode among the actions; 0 for a state with a single one.
    pub rarest_share: f64,
}

impl Modes {
    /// Returns the statistics as metrics.
    pub fn metrics(&self) -> Metrics {
        let named = [
            ("eval/mode_count", self.count),
            ("eval/mode_dip", self.dip),
            ("eval/rarest_mode_share", self.rarest_share),
        ];
        named.map(|(key, value)| (key.into(), value)).into()
    }
}

/// Returns the modes of the actions at `states`. Each `index` draws other noise.
///
/// # Errors
/// Those of [`Actor::act`] and of [`mode_shares`].
pub fn modes(actor: &Actor, states: &[Vec<f32>], noise: &Noise, index: u64) -> Result<Modes> {
    let chosen: Vec<&[f32]> = states.iter().map(Vec::as_slice).collect();
    let actions = draw(actor, &chosen, MODE_SAMPLES, noise, index)?;
    let dim = actor.policy.action_dim();
    let mut sum = Modes::default();
    for actions in actions.chunks_exact(MODE_SAMPLES * dim) {
        let shares = mode_shares(actions, dim)?;
        sum.count += shares.len() as f64;
        sum.dip += dip(&along(actions, &principal_axis(actions, dim)?)?)?;
        if let [_, .., rarest] = shares[..] {
            sum.rarest_share += rarest;
        }
    }
    let [count, dip, rarest_share] =
        [sum.count, sum.dip, sum.rarest_share].map(|sum| sum / states.len() as f64);
    Ok(Modes { count, dip, rarest_share })
}

/// Draws `samples` actions before squashing at each of `states`.
fn draw(
    actor: &Actor,
    states: &[&[f32]],
    samples: usize,
    noise: &Noise,
    index: u64,
) -> Result<Vec<f32>> {
    let obs: Vec<f32> = states.iter().flat_map(|state| state.repeat(samples)).collect();
    let mut draws = vec![0.0; states.len() * samples * actor.policy.noise_len()];
    noise.fill_normal(Purpose::Probe, index, &mut draws);
    Ok(actor.act(&obs, &draws)?)
}
