//! Shortest ways on a map, in king's moves around walls and deaths.

use fpo_envs::gridworld::{Cell, GridWorld, SIZE};

use crate::commands::figure::gridworld::plan::Place;

/// The moves along one axis.
pub const MOVES: [f32; 3] = [-1.0, 0.0, 1.0];

/// Fewest steps from each cell to a goal.
pub struct Distances {
    steps: Vec<Option<usize>>,
}

impl Distances {
    /// Goes backward from the goals, one step at a time, until nothing changes.
    pub fn of(world: &GridWorld) -> Distances {
        let mut steps = vec![None; SIZE * SIZE];
        world.map().cells(Cell::Goal).for_each(|place| steps[index(place)] = Some(0));
        for round in 0.. {
            let mut changed = false;
            for place in world.map().cells(Cell::Free) {
                let mut near = MOVES.iter().flat_map(|&a| MOVES.map(|b| [a, b]));
                let reaches =
                    |action| steps[index(world.destination(place, action))] == Some(round);
                if steps[index(place)].is_none() && near.any(reaches) {
                    steps[index(place)] = Some(round + 1);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        Distances { steps }
    }

    /// Returns the fewest steps from `place` to a goal, if one can be reached.
    pub fn from(&self, place: Place) -> Option<usize> {
        self.steps[index(place)]
    }
}

fn index((x, y): Place) -> usize {
    y * SIZE + x
}
