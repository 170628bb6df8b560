//! Fish: swim to a point in water with tail and fins.
//!
//! Observation: how upright the body is (cosine), seven joint angles (rad), the way from mouth to
//! target in the mouth's frame (m), then the root's velocity (m/s), its angular velocity and the
//! joint velocities (rad/s). Action: five position servos (tail, tail twist, flapping of both
//! fins, pitch of the left and of the right fin).

use super::axes::Z_ALONG_Z;
use super::frame::{between, length, seen_from};
use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.002, substeps: 20 };
/// Elements of the free root in `qpos`: position and quaternion.
const ROOT_POSITION: std::ops::Range<usize> = 0..3;
const ROOT_QUATERNION: std::ops::Range<usize> = 3..7;
/// Index of the first joint angle in `qpos`.
const FIRST_JOINT: usize = ROOT_QUATERNION.end;
/// Largest joint angle of a start, in radians.
const START_ANGLE: f64 = 0.2;
/// Opposite corners of the box in which targets are drawn, in metres.
const TARGET_LOW: [f64; 3] = [-0.4, -0.4, 0.1];
const TARGET_HIGH: [f64; 3] = [0.4, 0.4, 0.3];

/// Swim to the target; the reward is smooth near it, and a small part of it is for staying upright.
#[derive(Debug, Clone, Default)]
pub struct FishSwim {
    torso: usize,
    mouth: usize,
    target: usize,
    target_mocap: usize,
    /// Distance at which the mouth touches the target: both radii together, in metres.
    touching: f64,
}

impl FishSwim {
    /// Returns the way from mouth to target in the mouth's frame, in metres.
    fn way(&self, data: &Data) -> [f64; 3] {
        let positions = data.geom_xpos();
        let way = between(&positions[self.mouth], &positions[self.target]);
        seen_from(&data.geom_xmat()[self.mouth], &way)
    }

    /// Returns the cosine of the body's angle from upright.
    fn upright(&self, data: &Data) -> f64 {
        data.xmat()[self.torso][Z_ALONG_Z]
    }
}

impl MujocoTask for FishSwim {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "FishSwim".into(),
            obs_dim: 24,
            groups: groups(&[
                ("orientation", 1),
                ("joints", 7),
                ("target", 3),
                ("velocity", 6),
                ("joint_velocity", 7),
            ]),
            action_dim: 5,
            description: "swim to a point in water with tail and fins".into(),
            ..suite_spec("fish", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "fish"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/fish.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.torso = lookup::body(model, "torso")?;
        self.mouth = lookup::geom(model, "mouth")?;
        self.target = lookup::geom(model, "target")?;
        self.target_mocap = lookup::mocap(model, "target")?;
        let sizes = model.geom_size();
        self.touching = sizes[self.mouth][0] + sizes[self.target][0];
        Ok(())
    }

    /// Draws any direction at the origin, with joints nearly straight, and a target anywhere in a
    /// box.
    ///
    /// The driver's forward pass follows, so the first observation shows this target; in the
    /// official code it shows the model's default target.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        let qpos = data.qpos_mut();
        qpos[ROOT_POSITION].fill(0.0);
        // A quaternion of four normal numbers is uniform over all rotations once it is scaled.
        let quaternion: [f64; 4] = std::array::from_fn(|_| rng.normal());
        let scale = length(&quaternion).recip();
        for (to, from) in qpos[ROOT_QUATERNION].iter_mut().zip(quaternion) {
            *to = from * scale;
        }
        for angle in &mut qpos[FIRST_JOINT..] {
            *angle = rng.uniform(-START_ANGLE, START_ANGLE);
        }
        data.mocap_pos_mut()[self.target_mocap] =
            std::array::from_fn(|i| rng.uniform(TARGET_LOW[i], TARGET_HIGH[i]));
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let angles = &data.qpos()[FIRST_JOINT..];
        let way_at = 1 + angles.len();
        obs[0] = self.upright(data);
        obs[1..way_at].copy_from_slice(angles);
        obs[way_at..way_at + 3].copy_from_slice(&self.way(data));
        obs[way_at + 3..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let (distance, margin) = (length(&self.way(data)), 2.0 * self.touching);
        let at_target = tolerance(distance, (0.0, self.touching), margin, Sigmoid::USUAL);
        let upright = 0.5 * (self.upright(data) + 1.0);
        (7.0 * at_target + upright) / 8.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;
    use crate::task::Task;

    #[test]
    fn the_first_observation_shows_the_drawn_target_and_starts_lie_in_their_ranges() {
        let mujoco = Mujoco::new(Box::<FishSwim>::default()).unwrap();
        let mut worker = mujoco.worker().unwrap();
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], vec![0.0; 24]);
        let mut data = mujoco.data().unwrap();
        for episode in 0..50 {
            let mut rng = EnvRng::for_reset(3, 0, episode);
            mujoco.reset(&mut worker, &mut rng, &mut state, &mut obs).unwrap();
            mujoco.rules().reset(&mut data, &mut EnvRng::for_reset(3, 0, episode));
            data.forward();
            assert!((length(&data.qpos()[ROOT_QUATERNION]) - 1.0).abs() < 1e-15);
            assert!(data.qpos()[FIRST_JOINT..].iter().all(|angle| angle.abs() <= START_ANGLE));
            let target = data.mocap_pos()[0];
            let inside = |i: usize| (TARGET_LOW[i]..TARGET_HIGH[i]).contains(&target[i]);
            assert!((0..3).all(inside), "{target:?}");
            let mouth = data.geom_xpos()[lookup::geom(mujoco.model(), "mouth").unwrap()];
            let seen: Vec<f64> = obs[8..11].iter().map(|&x| f64::from(x)).collect();
            assert!((length(&seen) - length(&between(&mouth, &target))).abs() < 1e-6);
        }
    }

    /// The mouth is 0.0745 m ahead of the body's middle, the radii are 0.005 and 0.04 m.
    #[test]
    fn the_reward_falls_with_distance_and_upside_down() {
        let mujoco = Mujoco::new(Box::<FishSwim>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut reward = |distance: f64, upright: bool| {
            let turned = if upright { [1.0, 0.0, 0.0, 0.0] } else { [0.0, 0.0, 1.0, 0.0] };
            data.qpos_mut()[ROOT_QUATERNION].copy_from_slice(&turned);
            data.mocap_pos_mut()[0] = [0.0, 0.0745 + distance, 0.1];
            data.forward();
            mujoco.rules().reward(&data, &[0.0; 5])
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(reward(0.0449, true), 1.0);
        near(reward(0.135, true), (7.0 * 0.1 + 1.0) / 8.0);
        near(reward(0.0, false), 7.0 / 8.0);
    }
}
