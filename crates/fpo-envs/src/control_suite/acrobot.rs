//! Acrobot: swing a pendulum of two links up with a motor at its elbow alone.
//!
//! Observation: sines of both links' angles from upright, their cosines, the velocities of
//! shoulder and elbow (rad/s). Action: torque at the elbow, ±2 N·m at ±1.

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
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 1 };
/// Distance from the target's surface at which the smooth reward has fallen to 0.1, in metres.
const SMOOTH_MARGIN: f64 = 1.0;

/// The two ways to pay for the same goal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Earning {
    /// The reward is 1 with the tip in the target and falls smoothly with its distance.
    Smooth,
    /// The reward is 1 with the tip in the target, and 0 otherwise.
    Sparse,
}

/// The two acrobot tasks.
#[derive(Debug, Clone)]
pub struct Acrobot {
    earning: Earning,
    links: [usize; 2],
    tip: usize,
    target: usize,
    /// Radius of the target, in metres.
    radius: f64,
}

impl Acrobot {
    /// `AcrobotSwingup`: bring the tip to the target above; the reward is smooth.
    pub fn swingup() -> Self {
        Self { earning: Earning::Smooth, links: [0; 2], tip: 0, target: 0, radius: 0.0 }
    }

    /// `AcrobotSwingupSparse`: bring the tip to the target above; the reward is 0 or 1.
    pub fn swingup_sparse() -> Self {
        Self { earning: Earning::Sparse, ..Self::swingup() }
    }
}

impl MujocoTask for Acrobot {
    fn spec(&self) -> EnvSpec {
        let (name, description) = match self.earning {
            Earning::Smooth => (
                "AcrobotSwingup",
                "swing two links up by the elbow alone; earns more the nearer the tip is",
            ),
            Earning::Sparse => (
                "AcrobotSwingupSparse",
                "swing two links up by the elbow alone; earns only with the tip in the target",
            ),
        };
        EnvSpec {
            name: name.into(),
            obs_dim: 6,
            groups: groups(&[("orientation", 4), ("velocity", 2)]),
            action_dim: 1,
            description: description.into(),
            ..suite_spec("acrobot", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "acrobot"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/acrobot.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.links = [lookup::body(model, "upper")?, lookup::body(model, "lower")?];
        self.tip = lookup::site(model, "tip")?;
        self.target = lookup::site(model, "target")?;
        self.radius = model.site_size()[self.target][0];
        Ok(())
    }

    /// Draws any pose, at rest.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        for angle in data.qpos_mut() {
            *angle = rng.uniform(-PI, PI);
        }
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let [upper, lower] = self.links.map(|link| data.xmat()[link]);
        obs[..2].copy_from_slice(&[upper[Z_ALONG_X], lower[Z_ALONG_X]]);
        obs[2..4].copy_from_slice(&[upper[Z_ALONG_Z], lower[Z_ALONG_Z]]);
        obs[4..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let (tip, target) = (data.site_xpos()[self.tip], data.site_xpos()[self.target]);
        let squares = target.iter().zip(&tip).map(|(target, tip)| (target - tip).powi(2));
        let distance = squares.sum::<f64>().sqrt();
        let margin = match self.earning {
            Earning::Smooth => SMOOTH_MARGIN,
            Earning::Sparse => 0.0,
        };
        tolerance(distance, (0.0, self.radius), margin, Sigmoid::USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    /// With the elbow straight, the distance from tip to target is 4 sin(shoulder / 2).
    #[test]
    fn the_reward_is_full_in_the_target_and_falls_by_distance_or_at_once() {
        let rewards = |task: Acrobot, distance: f64| {
            let mujoco = Mujoco::new(Box::new(task)).unwrap();
            let mut data = mujoco.data().unwrap();
            data.qpos_mut()[0] = 2.0 * (distance / 4.0).asin();
            data.forward();
            mujoco.rules().reward(&data, &[0.0])
        };
        for (distance, smooth, sparse) in
            [(0.0, 1.0, 1.0), (0.199, 1.0, 1.0), (1.2, 0.1, 0.0), (0.7, 0.1f64.powf(0.25), 0.0)]
        {
            let ours = rewards(Acrobot::swingup(), distance);
            assert!((ours - smooth).abs() < 1e-12, "{distance}: {ours}");
            assert_eq!(rewards(Acrobot::swingup_sparse(), distance), sparse, "{distance}");
        }
    }
}
