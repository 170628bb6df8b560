//! MultiGoal: a point in the plane, and four goals equally far from the middle.
//!
//! The point moves with the velocity that the action commands, p ← p + v Δt, exact for a constant
//! v, and stops at the edges of a square. A step that ends within 0.25 m of a goal reaches it: it
//! earns 10, counts as a success and ends the episode. Any other step costs the distance to the
//! nearest goal divided by the distance from the middle to a goal, at most 1, so that the shortest
//! way to any goal is best. All of this is symmetric under quarter turns and reflections. In the
//! middle each of the four straight ways is therefore as good as the others, and their mean,
//! standing still, is the worst: the best policy has four modes, and a Gaussian can only have one.
//!
//! Observation: the point's place (m). Action: its velocity along x and y, ±1 m/s at ±1. State:
//! the same place in double precision. A start is within ±0.1 m of the middle along each axis.

use crate::closed_form::{ClosedForm, clipped};
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::spec::{EnvSpec, groups};
use crate::task::Transition;

/// Distance of the goals from the middle, in metres.
pub(super) const DISTANCE: f64 = 1.0;
/// Where the goals are, in metres. A quarter turn to the left takes each to the next one.
pub const GOALS: [[f64; 2]; 4] =
    [[DISTANCE, 0.0], [0.0, DISTANCE], [-DISTANCE, 0.0], [0.0, -DISTANCE]];
/// Distance from a goal within which it counts as reached, in metres.
pub const GOAL_RADIUS: f64 = 0.25;
/// Reward for reaching a goal.
pub(super) const GOAL_REWARD: f64 = 10.0;
/// Velocity along an axis at action 1, in m/s.
const SPEED: f64 = 1.0;
/// Length of a step, in seconds.
const CONTROL_DT: f64 = 0.1;
/// Distance of the square's edges from the middle, in metres.
const EDGE: f64 = 2.0;
/// Largest coordinate of a start, in metres.
const START: f64 = 0.1;
/// Control steps of an episode: more than three times as many as the straight way takes.
const EPISODE_LENGTH: usize = 30;

/// `Classic/MultiGoal`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MultiGoal;

impl MultiGoal {
    /// Returns the index in [`GOALS`] of the goal that is reached at an observation, such as the
    /// `final_obs` of a successful episode; `None` where no goal is reached.
    pub fn goal_at(obs: &[f32]) -> Option<usize> {
        let &[x, y] = obs else { return None };
        let (goal, distance) = nearest([f64::from(x), f64::from(y)]);
        // An observation is rounded to single precision, the rule is not.
        (distance <= GOAL_RADIUS + f64::from(f32::EPSILON) * EDGE).then_some(goal)
    }
}

/// Returns the nearest goal's index and its distance, in metres.
pub(super) fn nearest(place: [f64; 2]) -> (usize, f64) {
    let distance = |goal: [f64; 2]| (goal[0] - place[0]).hypot(goal[1] - place[1]);
    let mut best = (0, distance(GOALS[0]));
    for (index, &goal) in GOALS.iter().enumerate().skip(1) {
        if distance(goal) < best.1 {
            best = (index, distance(goal));
        }
    }
    best
}

/// Returns the place of a start.
pub(super) fn drawn_place(rng: &mut EnvRng) -> [f64; 2] {
    [rng.uniform(-START, START), rng.uniform(-START, START)]
}

/// Returns the place that is reached from `place` by `action` in `dt` seconds.
pub(super) fn moved(place: [f64; 2], action: &[f32], dt: f64) -> [f64; 2] {
    [0, 1].map(|axis| (place[axis] + SPEED * dt * clipped(action[axis])).clamp(-EDGE, EDGE))
}

impl ClosedForm for MultiGoal {
    type State = [f64; 2];
    type Observation = [f64; 2];

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Classic/MultiGoal".into(),
            obs_dim: 2,
            groups: groups(&[("position", 2)]),
            action_dim: 2,
            episode_length: EPISODE_LENGTH,
            control_dt: CONTROL_DT,
            reward_range: (-1.0, GOAL_REWARD as f32),
            has_success: true,
            description: "move a point to any of four goals equally far from the middle".into(),
            source: "closed form; rules and constants in classic/multi_goal.rs".into(),
        }
    }

    /// A step takes tens of nanoseconds, so only big pieces are worth another thread.
    fn grain(&self) -> usize {
        512
    }

    fn start(&self, rng: &mut EnvRng) -> [f64; 2] {
        drawn_place(rng)
    }

    fn observe(&self, place: [f64; 2]) -> [f64; 2] {
        place
    }

    fn advance(&self, place: [f64; 2], action: &[f32]) -> ([f64; 2], Transition) {
        let place = moved(place, action, CONTROL_DT);
        let (_, distance) = nearest(place);
        if distance <= GOAL_RADIUS {
            let goal = Transition::reward(GOAL_REWARD as f32);
            return (place, Transition { terminated: true, success: true, ..goal });
        }
        let straight = Sigmoid::Linear { value_at_margin: 0.0 };
        let near = tolerance(distance, (0.0, 0.0), DISTANCE, straight);
        (place, Transition::reward((near - 1.0) as f32))
    }

    /// In the middle all four goals are equally far.
    fn saddles(&self) -> Vec<Vec<f32>> {
        vec![vec![0.0, 0.0]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: [f64; 2], action: [f32; 2]) -> (Transition, [f64; 2]) {
        let (place, transition) = MultiGoal.advance(from, &action);
        (transition, place)
    }

    #[test]
    fn quarter_turns_and_reflections_permute_the_goals_and_change_no_reward() {
        type Map = fn([f64; 2]) -> [f64; 2];
        let maps: [Map; 3] = [|[x, y]| [-y, x], |[x, y]| [-x, y], |[x, y]| [y, x]];
        let mut rng = EnvRng::for_reset(0, 0, 0);
        for map in maps {
            let mut images: Vec<_> = GOALS.map(map).iter().map(|goal| nearest(*goal)).collect();
            images.sort_by_key(|&(index, _)| index);
            assert_eq!(images, [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]);
            for _ in 0..2000 {
                let place = [0, 1].map(|_| rng.uniform(-1.9, 1.9));
                let action = [0, 1].map(|_| rng.uniform(-1.2, 1.2) as f32);
                let turned = map(action.map(f64::from)).map(|a| a as f32);
                let (ours, to) = step(place, action);
                let (theirs, there) = step(map(place), turned);
                assert_eq!(ours, theirs, "{place:?} {action:?}");
                assert_eq!(map(to), there);
            }
        }
    }

    #[test]
    fn in_the_middle_the_four_ways_are_equal_and_their_mean_is_worse() {
        let ways = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
        let rewards = ways.map(|way| step([0.0; 2], way).0.reward);
        assert!(rewards.iter().all(|reward| reward.to_bits() == rewards[0].to_bits()));
        assert!(step([0.0; 2], [0.0; 2]).0.reward < rewards[0]);
    }

    #[test]
    fn a_straight_way_reaches_each_goal_which_the_last_observation_tells() {
        for (index, goal) in GOALS.iter().enumerate() {
            let way = goal.map(|x| (x / DISTANCE) as f32);
            let (mut place, mut steps) = ([0.0; 2], 0);
            let seen = |place: [f64; 2]| MultiGoal.observe(place).map(|x| x as f32);
            loop {
                let (next, now) = MultiGoal.advance(place, &way);
                (place, steps) = (next, steps + 1);
                if now.success {
                    assert!(now.terminated && now.reward == 10.0);
                    break;
                }
                assert!(!now.terminated && (-1.0..0.0).contains(&now.reward), "{now:?}");
                assert_eq!(MultiGoal::goal_at(&seen(place)), None);
            }
            assert_eq!(MultiGoal::goal_at(&seen(place)), Some(index));
            assert!(3 * steps <= EPISODE_LENGTH && steps >= 7, "{steps}");
        }
    }

    #[test]
    fn the_square_has_edges() {
        assert_eq!(step([1.95, -1.95], [1.0, -1.0]).1, [2.0, -2.0]);
        assert_eq!(MultiGoal::goal_at(&[2.0, -2.0]), None);
        assert_eq!(MultiGoal::goal_at(&[]), None);
    }
}
