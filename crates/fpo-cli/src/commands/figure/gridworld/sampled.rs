//! A policy that is asked for actions at cells: the same seed gives the same actions.

use anyhow::{Context, Result};
use fpo_core::Noise;
use fpo_envs::gridworld::GridWorld;

use crate::commands::figure::gridworld::plan::Place;
use crate::training::player::Player;

/// An action along x and y.
pub type Action = [f32; 2];

/// A policy with its noise.
pub struct Sampled<'a> {
    player: &'a Player,
    noise: Noise,
    calls: u64,
}

/// One action at each of the places that were asked for.
pub struct Actions {
    /// As the policy drew them.
    pub raw: Vec<Action>,
    /// As the environment receives them; it clips and rounds.
    pub controls: Vec<Action>,
}

impl<'a> Sampled<'a> {
    /// Returns `player` with noise of `seed`.
    pub fn new(player: &'a Player, seed: u64) -> Self {
        Sampled { player, noise: Noise::new(seed), calls: 0 }
    }

    /// Draws one action at each place, each with noise of its own.
    ///
    /// # Errors
    /// If an action is not finite.
    pub fn act(&mut self, places: &[Place]) -> Result<Actions> {
        let obs: Vec<f32> =
            places.iter().flat_map(|&(x, y)| GridWorld::observation(x, y)).collect();
        let mut draws = vec![0.0; obs.len()];
        let mut actions = self
            .player
            .act(&self.noise, (self.calls, 0), &obs, &mut draws)
            .with_context(|| format!("drawing actions, batch {}", self.calls))?;
        self.calls += 1;
        let raw = pairs(&actions);
        self.player.squash().apply(&mut actions);
        Ok(Actions { raw, controls: pairs(&actions) })
    }
}

fn pairs(numbers: &[f32]) -> Vec<Action> {
    numbers.as_chunks().0.to_vec()
}
