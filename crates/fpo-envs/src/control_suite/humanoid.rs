//! Humanoid: a body with 21 motors that stands, walks or runs in space.
//!
//! Observation: 21 joint angles (rad), height of the head (m), where left hand, left foot, right
//! hand and right foot are in the torso's frame (m), the upward parts of the torso's axes, the
//! velocity of the centre of mass (m/s), then the root's velocity (m/s), its angular velocity and
//! the joint velocities (rad/s). Action: 21 joint torques, from ±20 to ±120 N·m at ±1.
//!
//! Compared with the Playground's MJX in float64, one control step from each of 300 states of
//! random episodes, all 65 steps without contact agree to 1e-14, and 31 % of the 235 with contact
//! to 1e-9. In contact the solver stops after 4 iterations, before it has converged, so that
//! details of its implementation show.

use super::axes::Z_ALONG_Z;
use super::frame::{between, length, seen_from};
use super::lookup;
use super::starts::nudge;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.005, substeps: 5 };
/// Height of the head from which the body counts as standing, in metres.
const STAND_HEIGHT: f64 = 1.4;
/// Cosine between torso and vertical from which the body counts as upright, and the distance
/// from there to upside down, where the reward reaches 0.
const UPRIGHT: f64 = 0.9;
const UPRIGHT_MARGIN: f64 = 1.9;
/// Speed along x or y at which standing still has fallen to 0.1, in m/s.
const STILL_MARGIN: f64 = 2.0;
/// Speeds from which walking and running earn the full reward, in m/s.
const WALK_SPEED: f64 = 1.0;
const RUN_SPEED: f64 = 10.0;
/// Number of elements of the free root in `qpos`; joint angles follow.
const ROOT_NUMBERS: usize = 7;
/// Row of `xmat` with the upward parts of the body's axes.
const UPWARD_ROW: std::ops::Range<usize> = 6..9;
/// Bodies whose places the observation holds, in its order.
const EXTREMITIES: [&str; 4] = ["left_hand", "left_foot", "right_hand", "right_foot"];

/// What earns a humanoid its reward.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    /// Standing still.
    Stand,
    /// Moving in any direction at 1 m/s.
    Walk,
    /// Moving in any direction at 10 m/s.
    Run,
}

/// The three humanoid tasks.
#[derive(Debug, Clone)]
pub struct Humanoid {
    goal: Goal,
    torso: usize,
    head: usize,
    extremities: [usize; 4],
    velocity: usize,
}

impl Humanoid {
    /// `HumanoidStand`: stand still and upright; the reward is smooth, and almost 0 on the floor.
    pub fn stand() -> Self {
        Self::new(Goal::Stand)
    }

    /// `HumanoidWalk`: walk upright; the reward is smooth, and almost 0 on the floor.
    pub fn walk() -> Self {
        Self::new(Goal::Walk)
    }

    /// `HumanoidRun`: run upright; the reward is smooth, and almost 0 on the floor.
    pub fn run() -> Self {
        Self::new(Goal::Run)
    }

    fn new(goal: Goal) -> Self {
        Self { goal, torso: 0, head: 0, extremities: [0; 4], velocity: 0 }
    }

    /// Returns the velocity of the centre of mass in world coordinates, in m/s.
    fn velocity<'a>(&self, data: &'a Data) -> &'a [f64] {
        &data.sensordata()[self.velocity..self.velocity + 3]
    }

    /// Returns the factor of the reward in which the goals differ.
    fn moving(&self, velocity: &[f64]) -> f64 {
        let speed = match self.goal {
            Goal::Stand => {
                let still = |v: f64| tolerance(v, (0.0, 0.0), STILL_MARGIN, Sigmoid::USUAL);
                return (still(velocity[0]) + still(velocity[1])) / 2.0;
            }
            Goal::Walk => WALK_SPEED,
            Goal::Run => RUN_SPEED,
        };
        let shape = Sigmoid::Linear { value_at_margin: 0.0 };
        let level = length(&velocity[..2]);
        (5.0 * tolerance(level, (speed, f64::INFINITY), speed, shape) + 1.0) / 6.0
    }
}

impl MujocoTask for Humanoid {
    fn spec(&self) -> EnvSpec {
        let (name, description) = match self.goal {
            Goal::Stand => ("HumanoidStand", "stand still on two legs, gently"),
            Goal::Walk => ("HumanoidWalk", "walk upright in any direction, up to 1 m/s"),
            Goal::Run => ("HumanoidRun", "run upright in any direction, up to 10 m/s"),
        };
        EnvSpec {
            name: name.into(),
            obs_dim: 67,
            groups: groups(&[
                ("joints", 21),
                ("height", 1),
                ("extremities", 12),
                ("orientation", 3),
                ("centre_velocity", 3),
                ("root_velocity", 6),
                ("joint_velocity", 21),
            ]),
            action_dim: 21,
            description: description.into(),
            ..suite_spec("humanoid", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "humanoid"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/humanoid.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.torso = lookup::body(model, "torso")?;
        self.head = lookup::body(model, "head")?;
        for (id, name) in self.extremities.iter_mut().zip(EXTREMITIES) {
            *id = lookup::body(model, name)?;
        }
        self.velocity = lookup::sensor(model, "velocity")?;
        Ok(())
    }

    /// Draws the model's upright pose a little above the floor, with every coordinate moved a
    /// little. The Control Suite itself draws poses in any direction until one touches nothing.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        nudge(data, rng);
    }

    /// Starts always in the model's upright pose.
    fn reset_officially(&self, _data: &mut Data, _rng: &mut EnvRng) {}

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let torso = &data.xmat()[self.torso];
        let mut rest = obs;
        let mut write = |values: &[f64]| {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(values.len());
            now.copy_from_slice(values);
            rest = later;
        };
        write(&data.qpos()[ROOT_NUMBERS..]);
        write(&[data.xpos()[self.head][2]]);
        for &body in &self.extremities {
            let way = between(&data.xpos()[self.torso], &data.xpos()[body]);
            write(&seen_from(torso, &way));
        }
        write(&torso[UPWARD_ROW]);
        write(self.velocity(data));
        write(data.qvel());
    }

    fn reward(&self, data: &Data, action: &[f64]) -> f64 {
        let head = data.xpos()[self.head][2];
        let range = (STAND_HEIGHT, f64::INFINITY);
        let standing = tolerance(head, range, STAND_HEIGHT / 4.0, Sigmoid::USUAL);
        let cosine = data.xmat()[self.torso][Z_ALONG_Z];
        let straight = Sigmoid::Linear { value_at_margin: 0.0 };
        let upright = tolerance(cosine, (UPRIGHT, f64::INFINITY), UPRIGHT_MARGIN, straight);
        let parabola = Sigmoid::Quadratic { value_at_margin: 0.0 };
        let gentle = action.iter().map(|&torque| tolerance(torque, (0.0, 0.0), 1.0, parabola));
        let gentle = (4.0 + gentle.sum::<f64>() / action.len() as f64) / 5.0;
        standing * upright * self.moving(self.velocity(data)) * gentle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    const HEIGHT: usize = 2;

    fn reward(task: Humanoid, up: f64, velocity: [f64; 2], action: f64) -> f64 {
        let mujoco = Mujoco::new(Box::new(task)).unwrap();
        let mut data = mujoco.data().unwrap();
        data.qpos_mut()[HEIGHT] += up;
        data.qvel_mut()[..2].copy_from_slice(&velocity);
        data.forward();
        mujoco.rules().reward(&data, &[action; 21])
    }

    #[test]
    fn rewards_are_full_standing_or_at_speed_and_fall_with_height_speed_and_effort() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        near(reward(Humanoid::stand(), 0.0, [0.0, 0.0], 0.0), 1.0);
        near(reward(Humanoid::stand(), 0.0, [0.0, 2.0], 0.0), 0.55);
        near(reward(Humanoid::stand(), 0.0, [0.0, 0.0], 1.0), 0.8);
        // The head starts 1.69 m up; 0.35 m below 1.4 m `standing` has fallen to 0.1.
        near(reward(Humanoid::stand(), 1.05 - 1.69, [0.0, 0.0], 0.0), 0.1);
        near(reward(Humanoid::walk(), 0.0, [0.0, -1.0], 0.0), 1.0);
        near(reward(Humanoid::walk(), 0.0, [0.3, 0.4], 0.0), 3.5 / 6.0);
        near(reward(Humanoid::run(), 0.0, [-3.0, 4.0], 0.0), 3.5 / 6.0);
    }

    #[test]
    fn starts_are_nearly_upright_differ_and_touch_nothing() {
        let mujoco = Mujoco::new(Box::new(Humanoid::run())).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut poses = Vec::new();
        for episode in 0..20 {
            data.reset();
            mujoco.rules().reset(&mut data, &mut EnvRng::for_reset(0, 0, episode));
            data.forward();
            assert!(data.contact().is_empty());
            let upright = [0.0, 0.0, 1.5, 1.0, 0.0, 0.0, 0.0];
            for (now, upright) in data.qpos()[..ROOT_NUMBERS].iter().zip(upright) {
                assert!((now - upright).abs() <= 0.01, "{:?}", data.qpos());
            }
            poses.push(data.qpos().to_vec());
        }
        assert!(poses.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
