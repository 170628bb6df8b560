//! Cheetah: run with two legs in a plane.
//!
//! Observation: height (m), pitch and six joint angles (rad), then the velocities of all nine
//! coordinates with the forward one first (m/s, rad/s); the forward position is left out.
//! Action: six joint torques, from ±30 to ±120 N·m at ±1.

use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 1 };
/// Speed from which the reward is 1, in m/s.
const RUN_SPEED: f64 = 10.0;
/// Coordinates of the root (forward, up, pitch), which a start leaves at 0.
const ROOT_COORDINATES: usize = 3;
/// Physics steps without control that let a drawn pose come to rest.
const SETTLING_STEPS: usize = 200;

/// Run forward; the reward grows in a straight line up to 10 m/s.
#[derive(Debug, Clone, Default)]
pub struct CheetahRun {
    velocity: usize,
}

impl MujocoTask for CheetahRun {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "CheetahRun".into(),
            obs_dim: 17,
            groups: groups(&[
                ("torso", 2),
                ("joints", 6),
                ("torso_velocity", 3),
                ("joint_velocity", 6),
            ]),
            action_dim: 6,
            description: "run forward on two legs, up to 10 m/s".into(),
            ..suite_spec("cheetah", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "cheetah"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/cheetah.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.velocity = lookup::sensor(model, "velocity")?;
        Ok(())
    }

    /// Draws joint angles anywhere in their ranges. Then the body moves without control until it
    /// has settled.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        for joint in ROOT_COORDINATES..data.qpos().len() {
            let [low, high] = data.model().jnt_range()[joint];
            data.qpos_mut()[joint] = rng.uniform(low, high);
        }
    }

    fn settling_steps(&self) -> usize {
        SETTLING_STEPS
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let positions = &data.qpos()[1..];
        let (first, second) = obs.split_at_mut(positions.len());
        first.copy_from_slice(positions);
        second.copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let shape = Sigmoid::Linear { value_at_margin: 0.0 };
        tolerance(data.sensordata()[self.velocity], (RUN_SPEED, f64::INFINITY), RUN_SPEED, shape)
    }
}
