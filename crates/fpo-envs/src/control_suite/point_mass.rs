//! Point mass: pull a ball to the middle of a table.
//!
//! Observation: position (m) and velocity (m/s) along x and y. Action: force along x and y,
//! ±0.1 N at ±1.

use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.02, substeps: 1 };

/// Pull the ball into the target, gently; the reward is smooth near the target, and almost 0 far
/// away.
#[derive(Debug, Clone, Default)]
pub struct PointMass {
    mass: usize,
    target: usize,
    /// Radius of the target, in metres.
    radius: f64,
}

impl MujocoTask for PointMass {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "PointMass".into(),
            obs_dim: 4,
            groups: groups(&[("position", 2), ("velocity", 2)]),
            action_dim: 2,
            description: "pull a ball to the middle of a table, gently".into(),
            ..suite_spec("point_mass", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "point_mass"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/point_mass.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.mass = lookup::geom(model, "mass")?;
        self.target = lookup::geom(model, "target")?;
        self.radius = model.geom_size()[self.target][0];
        Ok(())
    }

    /// Draws any place on the table, at rest.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        for joint in 0..data.qpos().len() {
            let [low, high] = data.model().jnt_range()[joint];
            data.qpos_mut()[joint] = rng.uniform(low, high);
        }
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        obs[..2].copy_from_slice(data.qpos());
        obs[2..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, action: &[f64]) -> f64 {
        let (mass, target) = (data.geom_xpos()[self.mass], data.geom_xpos()[self.target]);
        let squares = target.iter().zip(&mass).map(|(t, m)| (t - m) * (t - m));
        let distance = squares.sum::<f64>().sqrt();
        let near = tolerance(distance, (0.0, self.radius), self.radius, Sigmoid::USUAL);
        let shape = Sigmoid::Quadratic { value_at_margin: 0.0 };
        let gentle = action.iter().map(|&force| tolerance(force, (0.0, 0.0), 1.0, shape));
        let gentle = gentle.sum::<f64>() / action.len() as f64;
        near * (gentle + 4.0) / 5.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    #[test]
    fn the_reward_falls_with_distance_and_effort() {
        let mujoco = Mujoco::new(Box::<PointMass>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut reward = |x: f64, action: [f64; 2]| {
            data.qpos_mut().copy_from_slice(&[x, 0.0]);
            data.forward();
            mujoco.rules().reward(&data, &action)
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(reward(0.0, [0.0, 0.0]), 1.0);
        near(reward(0.014, [0.0, 0.0]), 1.0);
        near(reward(0.030, [0.0, 0.0]), 0.1);
        near(reward(0.0, [1.0, -1.0]), 0.8);
        near(reward(0.0, [1.0, 0.0]), 0.9);
        near(reward(0.0, [0.5, 0.5]), 0.95);
    }
}
