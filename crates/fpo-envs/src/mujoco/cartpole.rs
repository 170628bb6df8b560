//! Cart-pole: keep a pole upright on a cart.
//!
//! Observation: cart position (m), cosine and sine of the pole's angle from upright, cart
//! velocity (m/s), pole velocity (rad/s). Action: force on the cart, ±10 N at ±1.

use mujoco_rs::wrappers::MjModel;

use super::{Data, EPISODE_LENGTH, MujocoTask, Timing, lookup};
use crate::reward::{Sigmoid, tolerance};
use crate::{EnvError, EnvRng, EnvSpec};

/// Physics step and steps per control step, in seconds and as a count.
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 1 };
/// Largest distance of a start from the middle of the rail, in metres.
const START_POSITION: f64 = 0.1;
/// Largest angle of a start from upright, in radians.
const START_ANGLE: f64 = 0.034;
/// Standard deviation of the velocities at a start, in m/s and rad/s.
const START_VELOCITY: f64 = 0.01;
/// Distance from the middle at which `centred` has fallen to 0.1, in metres.
const CENTRED_MARGIN: f64 = 2.0;
/// Pole velocity at which `slow` has fallen to 0.1, in rad/s.
const VELOCITY_MARGIN: f64 = 5.0;
/// Elements of `xmat`, a rotation row by row: how far the pole's z axis points along the world's
/// z axis (the cosine of its angle) and x axis (the sine).
const Z_ALONG_Z: usize = 8;
const Z_ALONG_X: usize = 2;

/// Balance the pole from a start near upright; a smooth reward.
#[derive(Debug, Clone, Default)]
pub struct CartpoleBalance {
    pole: usize,
}

impl MujocoTask for CartpoleBalance {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "CartpoleBalance".into(),
            obs_dim: 5,
            action_dim: 1,
            episode_length: EPISODE_LENGTH,
            control_dt: TIMING.control_dt(),
            reward_range: (0.0, 1.0),
            has_success: false,
            description: "keep a pole upright by pushing its cart, gently and near the middle"
                .into(),
            source: "DeepMind Control Suite cartpole, as in MuJoCo Playground 0.0.5".into(),
        }
    }

    fn domain(&self) -> &'static str {
        "cartpole"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/cartpole.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.pole = lookup::body(model, "pole")?;
        Ok(())
    }

    /// Unlike the official code, angle and velocities come from independent draws.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        let position = rng.uniform(-START_POSITION, START_POSITION);
        let angle = rng.uniform(-START_ANGLE, START_ANGLE);
        data.qpos_mut().copy_from_slice(&[position, angle]);
        for velocity in data.qvel_mut() {
            *velocity = START_VELOCITY * rng.normal();
        }
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let rotation = &data.xmat()[self.pole];
        obs[..3].copy_from_slice(&[data.qpos()[0], rotation[Z_ALONG_Z], rotation[Z_ALONG_X]]);
        obs[3..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, action: &[f64]) -> f64 {
        let upright = (data.xmat()[self.pole][Z_ALONG_Z] + 1.0) / 2.0;
        let centred = tolerance(data.qpos()[0], (0.0, 0.0), CENTRED_MARGIN, Sigmoid::USUAL);
        let gentle =
            tolerance(action[0], (0.0, 0.0), 1.0, Sigmoid::Quadratic { value_at_margin: 0.0 });
        let slow = tolerance(data.qvel()[1], (0.0, 0.0), VELOCITY_MARGIN, Sigmoid::USUAL);
        upright * ((4.0 + gentle) / 5.0) * ((1.0 + slow) / 2.0) * ((1.0 + centred) / 2.0)
    }
}
