//! Pendulum: swing a pole up with a motor too weak to lift it at once.
//!
//! Observation: sine and cosine of the pole's angle from upright, its velocity (rad/s). Action:
//! torque at the hinge, ±1 N·m at ±1; holding the pole level would take 4.9 N·m.

use std::f64::consts::PI;

use super::axes::{Z_ALONG_X, Z_ALONG_Z};
use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 2 };
/// Largest angle from upright that earns a reward, in degrees.
const UPRIGHT_DEGREES: f64 = 8.0;

/// Swing the pole up and keep it there; the reward is 0 or 1.
#[derive(Debug, Clone, Default)]
pub struct PendulumSwingup {
    pole: usize,
}

impl MujocoTask for PendulumSwingup {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "PendulumSwingup".into(),
            obs_dim: 3,
            groups: groups(&[("orientation", 2), ("velocity", 1)]),
            action_dim: 1,
            description: "swing a pendulum up with a weak motor; earns only within 8° of upright"
                .into(),
            ..suite_spec("pendulum", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "pendulum"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/pendulum.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.pole = lookup::body(model, "pole")?;
        Ok(())
    }

    /// Draws any angle on one side, at rest. The Control Suite draws from both sides; the
    /// Playground does not.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        data.qpos_mut()[0] = rng.uniform(0.0, PI);
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let rotation = &data.xmat()[self.pole];
        obs.copy_from_slice(&[rotation[Z_ALONG_X], rotation[Z_ALONG_Z], data.qvel()[0]]);
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        // The interval is open above, so that a cosine that rounding has put just over 1 counts as
        // upright.
        let upright = (UPRIGHT_DEGREES.to_radians().cos(), f64::INFINITY);
        tolerance(data.xmat()[self.pole][Z_ALONG_Z], upright, 0.0, Sigmoid::USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    #[test]
    fn the_reward_ends_eight_degrees_from_upright() {
        let mujoco = Mujoco::new(Box::<PendulumSwingup>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        for (degrees, expected) in
            [(0.0, 1.0), (7.999, 1.0), (-7.999, 1.0), (8.001, 0.0), (-8.001, 0.0), (180.0, 0.0)]
        {
            data.qpos_mut()[0] = f64::to_radians(degrees);
            data.forward();
            assert_eq!(mujoco.rules().reward(&data, &[0.0]), expected, "{degrees}");
        }
    }
}
