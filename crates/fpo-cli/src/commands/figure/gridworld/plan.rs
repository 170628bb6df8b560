//! Which states a figure of each layout looks at.
//!
//! At a saddle two ways are equally good and their mean is not, so that a policy should have two
//! modes; at the ordinary state one way is best. Distances count king's moves around walls and
//! deaths.

use anyhow::{Result, bail};
use fpo_envs::gridworld::LAYOUTS;

/// A cell, (x, y).
pub type Place = (usize, usize);

/// Where the paper's episodes of its figure start.
pub const STARTS: [Place; 4] = [(17, 12), (11, 13), (6, 9), (20, 17)];

/// Cells between the states whose samples are drawn on the map; row 12 is among them.
pub const SPACING: usize = 3;

/// The states of one layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The layout's name, without `GridWorld/`.
    pub layout: &'static str,
    /// Two saddles.
    pub saddles: [Place; 2],
    /// A state with one best way.
    pub ordinary: Place,
    /// The axis along which the saddles split; the direction of largest spread where it depends.
    pub axis: Option<[f64; 2]>,
}

const ALONG_Y: Option<[f64; 2]> = Some([0.0, 1.0]);

const PLANS: [Plan; LAYOUTS.len()] = [
    // Up or down from the row between the goals.
    Plan { layout: "two_walls", saddles: [(12, 12), (5, 12)], ordinary: (12, 18), axis: ALONG_Y },
    // Left or right between the lower goals; left below or above, left of the deaths.
    Plan { layout: "three_goals", saddles: [(12, 7), (6, 13)], ordinary: (18, 3), axis: None },
    // Above or below the deaths, 3 and 2 steps before them.
    Plan {
        layout: "tree_in_the_middle",
        saddles: [(10, 12), (11, 12)],
        ordinary: (20, 12),
        axis: ALONG_Y,
    },
    // Through the upper or the lower gap.
    Plan { layout: "two_slits", saddles: [(13, 12), (10, 12)], ordinary: (20, 12), axis: ALONG_Y },
    // Above or below the wall on the right.
    Plan { layout: "cshape", saddles: [(18, 12), (20, 12)], ordinary: (3, 12), axis: ALONG_Y },
];

impl Plan {
    /// Returns the plan for `task`.
    ///
    /// # Errors
    /// If there is no plan for `task`; the error names the tasks that have one.
    pub fn of(task: &str) -> Result<Plan> {
        let layout = task.strip_prefix("GridWorld/");
        match PLANS.into_iter().find(|plan| Some(plan.layout) == layout) {
            Some(plan) => Ok(plan),
            None => bail!(
                "it is of task {task}; this figure needs one of GridWorld/{}",
                LAYOUTS.map(|layout| layout.name).join(", GridWorld/")
            ),
        }
    }

    /// Returns all states, saddles first, each with whether it is a saddle.
    pub fn states(&self) -> [(Place, bool); 3] {
        [(self.saddles[0], true), (self.saddles[1], true), (self.ordinary, false)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::figure::gridworld::distances::{Distances, MOVES};
    use fpo_envs::gridworld::GridWorld;

    /// The best first steps from a place, (dx, dy) of −1, 0 or 1.
    fn best(world: &GridWorld, place: Place) -> Vec<[f32; 2]> {
        let distances = Distances::of(world);
        let after = |action: &[f32; 2]| {
            distances.from(world.destination(place, *action)).unwrap_or(usize::MAX)
        };
        let all: Vec<_> = MOVES.iter().flat_map(|&a| MOVES.map(|b| [a, b])).collect();
        let least = all.iter().map(after).min().unwrap();
        all.into_iter().filter(|action| after(action) == least).collect()
    }

    #[test]
    fn at_a_saddle_best_steps_differ_and_their_mean_is_none_of_them() {
        for (plan, layout) in PLANS.iter().zip(LAYOUTS) {
            assert_eq!(plan.layout, layout.name);
            let world = GridWorld::layout(plan.layout).unwrap();
            for (place, saddle) in plan.states() {
                let best = best(&world, place);
                let mean = [0, 1].map(|axis| {
                    best.iter().map(|action| action[axis]).sum::<f32>() / best.len() as f32
                });
                let rounded = mean.map(f32::round_ties_even);
                let what = format!("{} {place:?}: {best:?}", plan.layout);
                assert_eq!(best.contains(&rounded), !saddle, "{what}");
                if let (true, Some(axis)) = (saddle, plan.axis) {
                    let along = |a: &[f32; 2]| a[0] as f64 * axis[0] + a[1] as f64 * axis[1];
                    assert!(best.iter().all(|action| along(action).abs() == 1.0), "{what}");
                }
            }
        }
    }

    #[test]
    fn a_task_of_another_world_is_refused_with_those_there_are() {
        let error = Plan::of("CheetahRun").unwrap_err().to_string();
        assert!(error.contains("CheetahRun") && error.contains("GridWorld/cshape"), "{error}");
        assert!(Plan::of("two_walls").is_err());
        assert_eq!(Plan::of("GridWorld/two_slits").unwrap().saddles[0], (13, 12));
    }
}
