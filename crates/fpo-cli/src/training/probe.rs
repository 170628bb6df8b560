//! Probes a policy at a few states: how undecided it is, and between how many ways of acting.

use anyhow::Result;
use fpo_core::modality::mode_count;
use fpo_core::{Actor, DEFAULT_NEIGHBOURS, Noise, Purpose, mean_knn_entropy};

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

/// Returns the mean number of modes of the actions at `states`. Each `index` draws other noise.
///
/// # Errors
/// Those of [`Actor::act`] and of [`mode_count`].
pub fn modes(actor: &Actor, states: &[Vec<f32>], noise: &Noise, index: u64) -> Result<f64> {
    let chosen: Vec<&[f32]> = states.iter().map(Vec::as_slice).collect();
    let actions = draw(actor, &chosen, MODE_SAMPLES, noise, index)?;
    let dim = actor.policy.action_dim();
    let mut sum = 0;
    for actions in actions.chunks_exact(MODE_SAMPLES * dim) {
        sum += mode_count(actions, dim)?;
    }
    Ok(sum as f64 / states.len() as f64)
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
