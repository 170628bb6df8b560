//! GridWorld: 25 × 25 cells, goals, deaths and walls; the paper's two-dimensional testing ground.
//!
//! The position is an integer cell (x, y). An action is clipped to [-1, 1] and rounded, half to
//! even, to a step of −1, 0 or 1 per axis: |a| ≤ 0.5 stays. A step off the board stops at its
//! edge; a step into a wall is not taken at all. The observation is (position − 12) / 12. Reward
//! is the value of the cell reached: goal +20, death −10, else 0; goal and death end the episode.
//!
//! A start is uniform over free cells. The official code also starts inside walls, by an
//! oversight that is not repeated here.

mod layouts;
mod map;

pub use layouts::{LAYOUTS, Layout};
pub use map::{Cell, Map, SIZE};

use crate::{EnvError, EnvRng, EnvSpec, Task, Transition};

/// The cell in the middle, which observes (0, 0); also the scale of the observation, in cells.
const CENTRE: f64 = (SIZE / 2) as f64;
/// Reward for reaching a goal cell.
const GOAL_REWARD: f32 = 20.0;
/// Reward for reaching a death cell.
const DEATH_REWARD: f32 = -10.0;
/// Steps until truncation.
const EPISODE_LENGTH: usize = 100;

/// One layout of the grid world.
#[derive(Debug, Clone)]
pub struct GridWorld {
    name: String,
    description: String,
    map: Map,
    starts: Vec<(usize, usize)>,
}

impl GridWorld {
    /// A world of your own. `name` becomes the name in its specification.
    ///
    /// # Errors
    /// [`EnvError::Option`] when the map has no free cell to start from.
    pub fn new(name: &str, description: &str, map: Map) -> Result<Self, EnvError> {
        let starts: Vec<_> = map.cells(Cell::Free).collect();
        if starts.is_empty() {
            return Err(EnvError::Option {
                what: "map",
                got: "a map without a free cell".into(),
                expected: "a map with at least one free cell",
            });
        }
        Ok(Self { name: name.into(), description: description.into(), map, starts })
    }

    /// One of the five layouts of the official code, by its name (see [`LAYOUTS`]), with or
    /// without the `GridWorld/` in front.
    ///
    /// # Errors
    /// [`EnvError::UnknownTask`] for any other name.
    pub fn layout(name: &str) -> Result<Self, EnvError> {
        let short = name.strip_prefix("GridWorld/").unwrap_or(name);
        match LAYOUTS.iter().find(|layout| layout.name == short) {
            Some(layout) => {
                Self::new(&format!("GridWorld/{short}"), layout.description, (layout.draw)())
            }
            None => Err(crate::registry::unknown(name)),
        }
    }

    /// The same world with every start at cell (`x`, `y`).
    ///
    /// # Errors
    /// [`EnvError::Option`] when that cell is not free or not on the board.
    pub fn with_start(mut self, x: usize, y: usize) -> Result<Self, EnvError> {
        if self.map.get(x, y) != Some(Cell::Free) {
            return Err(EnvError::Option {
                what: "start",
                got: format!("({x}, {y})"),
                expected: "a free cell of the board",
            });
        }
        self.starts = vec![(x, y)];
        Ok(self)
    }

    /// The map, for drawing.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The observation at cell (`x`, `y`).
    pub fn observation(x: usize, y: usize) -> [f32; 2] {
        [observe(x as f64), observe(y as f64)]
    }

    /// The cell reached from (`x`, `y`) by `action`. An action that is not a number stays.
    pub fn destination(&self, (x, y): (usize, usize), action: [f32; 2]) -> (usize, usize) {
        let to = (shift(x, action[0]), shift(y, action[1]));
        if self.map.get(to.0, to.1) == Some(Cell::Wall) { (x, y) } else { to }
    }
}

impl Task for GridWorld {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: self.name.clone(),
            obs_dim: 2,
            action_dim: 2,
            episode_length: EPISODE_LENGTH,
            control_dt: 0.0,
            reward_range: (DEATH_REWARD, GOAL_REWARD),
            has_success: true,
            description: self.description.clone(),
            source: "the GridWorld of the official FPO code, with walls also kept at reset".into(),
        }
    }

    fn state_len(&self) -> usize {
        2
    }

    /// A step takes tens of nanoseconds, so only big pieces are worth another thread.
    fn grain(&self) -> usize {
        512
    }

    fn worker(&self) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(
        &self,
        (): &mut (),
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let (x, y) = self.starts[rng.below(self.starts.len())];
        state.copy_from_slice(&[x as f64, y as f64]);
        obs.copy_from_slice(&Self::observation(x, y));
        Ok(())
    }

    fn step(
        &self,
        (): &mut (),
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        let from = (state[0] as usize, state[1] as usize);
        let (x, y) = self.destination(from, [action[0], action[1]]);
        state.copy_from_slice(&[x as f64, y as f64]);
        obs.copy_from_slice(&Self::observation(x, y));
        Ok(match self.map.get(x, y) {
            Some(Cell::Goal) => {
                Transition { terminated: true, success: true, ..Transition::reward(GOAL_REWARD) }
            }
            Some(Cell::Death) => {
                Transition { terminated: true, ..Transition::reward(DEATH_REWARD) }
            }
            _ => Transition::reward(0.0),
        })
    }
}

fn observe(coordinate: f64) -> f32 {
    ((coordinate - CENTRE) / CENTRE) as f32
}

/// One coordinate after one axis of an action.
fn shift(from: usize, action: f32) -> usize {
    let step = action.clamp(-1.0, 1.0).round_ties_even() as isize;
    from.saturating_add_signed(step).min(SIZE - 1)
}

#[cfg(test)]
mod tests;
