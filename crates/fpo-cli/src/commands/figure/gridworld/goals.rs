//! The goals of a map: connected goal cells are one goal, called A, B, C, … from above and left.

use fpo_envs::gridworld::{Cell, Map};
use serde::Serialize;

use crate::commands::figure::gridworld::plan::Place;

/// One goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// Its letter.
    pub name: char,
    /// Its first and last column.
    pub x: (usize, usize),
    /// Its first and last row.
    pub y: (usize, usize),
    #[serde(skip)]
    cells: Vec<Place>,
}

impl Goal {
    /// Returns whether `place` belongs to it.
    pub fn holds(&self, place: Place) -> bool {
        self.cells.contains(&place)
    }

    /// Returns its upper left cell.
    pub fn corner(&self) -> Place {
        (self.x.0, self.y.1)
    }
}

/// Returns the goals of `map`.
pub fn goals(map: &Map) -> Vec<Goal> {
    let mut left: Vec<Place> = map.cells(Cell::Goal).collect();
    let mut groups = Vec::new();
    while let Some(first) = left.pop() {
        let mut cells = vec![first];
        let mut next = 0;
        while next < cells.len() {
            let (x, y) = cells[next];
            let beside = |place: &Place| x.abs_diff(place.0) <= 1 && y.abs_diff(place.1) <= 1;
            let (near, far) = left.into_iter().partition(beside);
            left = far;
            cells.extend::<Vec<Place>>(near);
            next += 1;
        }
        let range = |of: fn(&Place) -> usize| {
            let least = cells.iter().map(of).min().unwrap_or(0);
            (least, cells.iter().map(of).max().unwrap_or(0))
        };
        groups.push(Goal { name: 'A', x: range(|c| c.0), y: range(|c| c.1), cells });
    }
    groups.sort_by_key(|goal| (usize::MAX - goal.y.1, goal.x.0));
    for (goal, name) in groups.iter_mut().zip('A'..='Z') {
        goal.name = name;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use fpo_envs::gridworld::{GridWorld, LAYOUTS};

    #[test]
    fn connected_cells_are_one_goal_named_from_above_and_left() {
        let of = |name: &str| {
            let found = goals(GridWorld::layout(name).unwrap().map());
            found.iter().map(|g| (g.name, g.x, g.y)).collect::<Vec<_>>()
        };
        assert_eq!(of("two_walls"), [('A', (0, 24), (23, 24)), ('B', (0, 24), (0, 1))]);
        let three = [('A', (11, 13), (17, 19)), ('B', (6, 8), (6, 8)), ('C', (16, 18), (6, 8))];
        assert_eq!(of("three_goals"), three);
        assert_eq!(of("two_slits"), [('A', (24, 24), (0, 24))]);
    }

    #[test]
    fn each_goal_cell_belongs_to_one_goal() {
        for layout in LAYOUTS {
            let world = GridWorld::layout(layout.name).unwrap();
            let goals = goals(world.map());
            for place in world.map().cells(Cell::Goal) {
                assert_eq!(goals.iter().filter(|goal| goal.holds(place)).count(), 1);
            }
            assert!(world.map().cells(Cell::Free).all(|p| goals.iter().all(|g| !g.holds(p))));
        }
    }
}
