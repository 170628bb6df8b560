//! DrawnGoal: a point in the plane, four places for a goal equally far from the middle, and one of
//! them drawn for each episode.
//!
//! The point moves as that of [`MultiGoal`](super::MultiGoal), in steps of 1 s, in which it can go
//! from the middle to any of the four places. A step that ends within 0.25 m of the drawn goal
//! earns 10, counts as a success and ends the episode. A step that ends as near to another of the
//! four places puts the point back to where the episode began, and the episode goes on. Every step
//! but the last costs a tenth of the distance from where it ends to the nearest of the four places
//! divided by 1 m, at most 0.1. The reward of such a step says where goals can be, and nothing
//! about which it is.
//!
//! Whoever sees the goal goes straight to it. Whoever does not (`env.policy_hides`) has to try:
//! each of the four ways is as good as the others, and taking the same way again after it was wrong
//! is never right. Without memory the best is to draw one of the four each time, which finds the
//! goal within the eight steps of an episode in 1 − (3/4)⁸ = 90 % of them; a single way finds it in
//! 25 %. With the goal's axis seen and its side hidden two ways are left, for 99.6 %.
//!
//! Observation: the point's place (m); the axis of the goal, 1 for x and −1 for y; its side, 1
//! where the coordinate along that axis is above 0 and −1 where it is below. Action: velocity along
//! x and y, ±1 m/s at ±1. State: the place, the place of the start, and the goal's index in
//! [`GOALS`](super::GOALS): the last two are drawn with the start and stay for the episode.

use super::multi_goal::{DISTANCE, GOAL_RADIUS, GOAL_REWARD, GOALS, drawn_place, moved, nearest};
use crate::closed_form::ClosedForm;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::spec::{EnvSpec, groups};
use crate::task::Transition;

/// Largest cost of a step.
const STEP_COST: f64 = 0.1;
/// Length of a step, in seconds: enough for the way from the middle to a goal.
const CONTROL_DT: f64 = 1.0;
/// Control steps of an episode, each of which can be a trip.
const EPISODE_LENGTH: usize = 8;

/// `Classic/DrawnGoal`.
#[derive(Debug, Clone, Copy, Default)]
pub struct DrawnGoal;

impl DrawnGoal {
    /// Returns the index in [`GOALS`] of the goal that was drawn for the episode of an observation;
    /// `None` for what is no observation of this task.
    pub fn goal(obs: &[f32]) -> Option<usize> {
        let &[_, _, axis, side] = obs else { return None };
        (0..GOALS.len()).find(|&goal| shown(goal) == [f64::from(axis), f64::from(side)])
    }
}

/// Returns what is observed of a goal: its axis and its side.
fn shown(goal: usize) -> [f64; 2] {
    let [x, y] = GOALS[goal];
    if x == 0.0 { [-1.0, y.signum()] } else { [1.0, x.signum()] }
}

impl ClosedForm for DrawnGoal {
    type State = [f64; 5];
    type Observation = [f64; 4];

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Classic/DrawnGoal".into(),
            obs_dim: 4,
            groups: groups(&[("position", 2), ("axis", 1), ("side", 1)]),
            action_dim: 2,
            episode_length: EPISODE_LENGTH,
            control_dt: CONTROL_DT,
            reward_range: (-STEP_COST as f32, GOAL_REWARD as f32),
            has_success: true,
            description: "move a point to the one of four places that was drawn for the episode"
                .into(),
            source: "closed form; rules and constants in classic/drawn_goal.rs".into(),
        }
    }

    /// A step takes tens of nanoseconds, so only big pieces are worth another thread.
    fn grain(&self) -> usize {
        512
    }

    fn start(&self, rng: &mut EnvRng) -> [f64; 5] {
        let [x, y] = drawn_place(rng);
        [x, y, x, y, rng.below(GOALS.len()) as f64]
    }

    fn observe(&self, [x, y, _, _, goal]: [f64; 5]) -> [f64; 4] {
        let [axis, side] = shown(goal as usize);
        [x, y, axis, side]
    }

    fn advance(&self, state: [f64; 5], action: &[f32]) -> ([f64; 5], Transition) {
        let [x, y, start_x, start_y, goal] = state;
        let [x, y] = moved([x, y], action, CONTROL_DT);
        let (place, distance) = nearest([x, y]);
        let at = |x, y| [x, y, start_x, start_y, goal];
        if distance <= GOAL_RADIUS && place == goal as usize {
            let reached = Transition::reward(GOAL_REWARD as f32);
            return (at(x, y), Transition { terminated: true, success: true, ..reached });
        }
        let straight = Sigmoid::Linear { value_at_margin: 0.0 };
        let near = tolerance(distance, (0.0, 0.0), DISTANCE, straight);
        let cost = Transition::reward((STEP_COST * (near - 1.0)) as f32);
        match distance <= GOAL_RADIUS {
            true => (at(start_x, start_y), cost),
            false => (at(x, y), cost),
        }
    }

    /// In the middle, with each of the four goals. For a policy that sees all of the goal each has
    /// one best way; for one that does not they look the same, and two or four ways are as good.
    fn saddles(&self) -> Vec<Vec<f32>> {
        let middle = |goal| self.observe([0.0, 0.0, 0.0, 0.0, goal as f64]);
        (0..GOALS.len()).map(|goal| middle(goal).map(|x| x as f32).into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way straight to a goal.
    fn way(goal: usize) -> [f32; 2] {
        GOALS[goal].map(|x| (x / DISTANCE) as f32)
    }

    #[test]
    fn only_the_drawn_goal_ends_an_episode_and_others_put_the_point_back() {
        for drawn in 0..4 {
            for to in 0..4 {
                let start = [0.03, -0.02, 0.03, -0.02, drawn as f64];
                let (state, transition) = DrawnGoal.advance(start, &way(to));
                let ended = (transition.terminated, transition.success);
                assert_eq!(ended, (drawn == to, drawn == to), "{drawn} {to}");
                if drawn == to {
                    assert_eq!(transition.reward, 10.0);
                } else {
                    assert_eq!(state, start);
                    assert!((-0.1..0.0).contains(&transition.reward));
                }
            }
        }
    }

    /// The rewards of a walk up to the step that reaches the goal are those of every other goal, so
    /// that they cannot tell which one was drawn.
    #[test]
    fn a_step_that_reaches_nothing_earns_the_same_whichever_goal_was_drawn() {
        let mut rng = EnvRng::for_reset(0, 0, 0);
        for _ in 0..500 {
            let place = [0, 1].map(|_| rng.uniform(-1.9, 1.9));
            let action = [0, 1].map(|_| rng.uniform(-1.0, 1.0) as f32);
            let step = |goal: usize| {
                let state = [place[0], place[1], 0.0, 0.0, goal as f64];
                DrawnGoal.advance(state, &action).1
            };
            let missed: Vec<_> = (0..4).map(step).filter(|step| !step.terminated).collect();
            assert!(missed.len() >= 3 && missed.iter().all(|step| *step == missed[0]));
        }
    }

    #[test]
    fn a_step_that_reaches_no_place_leaves_the_point_where_it_ends() {
        let (state, transition) = DrawnGoal.advance([0.0, 0.0, 0.05, 0.05, 2.0], &[0.5, -0.25]);
        assert_eq!(state, [0.5, -0.25, 0.05, 0.05, 2.0]);
        let expected = -0.1 * 0.5f64.hypot(0.25);
        assert!((f64::from(transition.reward) - expected).abs() < 1e-7, "{transition:?}");
    }

    #[test]
    fn goals_are_drawn_evenly_and_shown() {
        let mut counts = [0; 4];
        for episode in 0..400 {
            let start = DrawnGoal.start(&mut EnvRng::for_reset(7, 0, episode));
            let obs = DrawnGoal.observe(start).map(|x| x as f32);
            assert_eq!(DrawnGoal::goal(&obs), Some(start[4] as usize));
            counts[start[4] as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (60..140).contains(&count)), "{counts:?}");
        assert_eq!(DrawnGoal::goal(&[0.0, 0.0]), None);
        assert_eq!(DrawnGoal::goal(&[0.0, 0.0, 0.0, 1.0]), None);
    }
}
