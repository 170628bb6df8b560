//! GridWorld: 25 × 25 cells, goals, deaths and walls; the paper's two-dimensional testing ground.
//!
//! The position is an integer cell (x, y). An action is clipped to [-1, 1] and rounded, half to
//! even, to a step of −1, 0 or 1 per axis: |a| ≤ 0.5 stays. A step off the board stops at its
//! edge; a step into a wall is not taken at all. The observation is (position − 12) / 12. The
//! reward is that of the cell reached: +20 for a goal, −10 for a death, 0 for any other cell. Goal
//! and death end the episode.
//!
//! A start is uniform over free cells. The official code also starts inside walls, by an
//! oversight that is not repeated here.

mod layouts;
mod map;
#[cfg(test)]
mod tests;

pub use layouts::{LAYOUTS, Layout};
pub use map::{Cell, Map, SIZE};

use crate::closed_form::ClosedForm;
use crate::error::EnvError;
use crate::rng::EnvRng;
use crate::spec::{EnvSpec, groups};
use crate::task::Transition;

/// Name of the family of tasks, in front of a layout's name.
const FAMILY: &str = "GridWorld/";

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
    saddles: &'static [(usize, usize)],
}

impl GridWorld {
    /// Makes a world from a map of your own. `name` becomes the name in its specification.
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
        let (name, description) = (name.into(), description.into());
        Ok(Self { name, description, map, starts, saddles: &[] })
    }

    /// Makes one of the [`LAYOUTS`] by its name, with or without the `GridWorld/` in front.
    ///
    /// # Errors
    /// [`EnvError::UnknownTask`] for any other name.
    pub fn layout(name: &str) -> Result<Self, EnvError> {
        let full = |short: &str| format!("{FAMILY}{short}");
        let short = name.strip_prefix(FAMILY).unwrap_or(name);
        let Some(layout) = LAYOUTS.iter().find(|layout| layout.name == short) else {
            let known = LAYOUTS.iter().map(|layout| full(layout.name));
            return Err(EnvError::unknown_task(&full(short), known));
        };
        let world = Self::new(&full(short), layout.description, (layout.draw)())?;
        Ok(Self { saddles: layout.saddles, ..world })
    }

    /// Returns the same world with every start at cell (`x`, `y`).
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

    /// Returns the map, for drawing.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Returns the observation at cell (`x`, `y`).
    pub fn observation(x: usize, y: usize) -> [f32; 2] {
        [x as f64, y as f64].map(|coordinate| centred(coordinate) as f32)
    }

    /// Returns the cell (x, y) at which an observation is made, such as the `final_obs` of an
    /// episode; `None` for what is no observation of a cell.
    pub fn place(obs: &[f32]) -> Option<(usize, usize)> {
        let &[x, y] = obs else { return None };
        let coordinate = |seen: f32| {
            let cell = (f64::from(seen) * CENTRE + CENTRE).round();
            (0.0..SIZE as f64).contains(&cell).then_some(cell as usize)
        };
        Some((coordinate(x)?, coordinate(y)?))
    }

    /// Returns the cell reached from (`x`, `y`) by `action`. An axis of the action that is not a
    /// number moves nothing.
    pub fn destination(&self, (x, y): (usize, usize), action: [f32; 2]) -> (usize, usize) {
        let to = (shift(x, action[0]), shift(y, action[1]));
        if self.map.get(to.0, to.1) == Some(Cell::Wall) { (x, y) } else { to }
    }
}

impl ClosedForm for GridWorld {
    type State = [f64; 2];
    type Observation = [f64; 2];

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: self.name.clone(),
            obs_dim: 2,
            groups: groups(&[("column", 1), ("row", 1)]),
            action_dim: 2,
            episode_length: EPISODE_LENGTH,
            control_dt: 0.0,
            reward_range: (DEATH_REWARD, GOAL_REWARD),
            has_success: true,
            description: self.description.clone(),
            source: "the GridWorld of the official FPO code, with walls also kept at reset".into(),
        }
    }

    /// A step takes tens of nanoseconds, so only big pieces are worth another thread.
    fn grain(&self) -> usize {
        512
    }

    fn start(&self, rng: &mut EnvRng) -> [f64; 2] {
        let (x, y) = self.starts[rng.below(self.starts.len())];
        [x as f64, y as f64]
    }

    fn observe(&self, position: [f64; 2]) -> [f64; 2] {
        position.map(centred)
    }

    fn advance(&self, [x, y]: [f64; 2], action: &[f32]) -> ([f64; 2], Transition) {
        let (x, y) = self.destination((x as usize, y as usize), [action[0], action[1]]);
        let transition = match self.map.get(x, y) {
            Some(Cell::Goal) => {
                Transition { terminated: true, success: true, ..Transition::reward(GOAL_REWARD) }
            }
            Some(Cell::Death) => {
                Transition { terminated: true, ..Transition::reward(DEATH_REWARD) }
            }
            _ => Transition::reward(0.0),
        };
        ([x as f64, y as f64], transition)
    }

    fn saddles(&self) -> Vec<Vec<f32>> {
        self.saddles.iter().map(|&(x, y)| Self::observation(x, y).to_vec()).collect()
    }
}

/// Returns what is observed of one coordinate: its distance from the centre, ±1 at the edges.
fn centred(coordinate: f64) -> f64 {
    (coordinate - CENTRE) / CENTRE
}

/// Returns one coordinate after a step along its axis of an action.
fn shift(from: usize, action: f32) -> usize {
    let step = action.clamp(-1.0, 1.0).round_ties_even() as isize;
    from.saturating_add_signed(step).min(SIZE - 1)
}
