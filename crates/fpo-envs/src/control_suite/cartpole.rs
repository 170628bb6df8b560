//! Cart-pole: swing a pole up, or keep it upright, by pushing the cart below it.
//!
//! Observation: cart position (m), cosine and sine of the pole's angle from upright, cart
//! velocity (m/s), pole velocity (rad/s). Action: force on the cart, ±10 N at ±1.

use std::f64::consts::PI;

use super::axes::{Z_ALONG_X, Z_ALONG_Z};
use super::lookup;
use super::starts::normal_and_uniform;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 1 };
/// Largest distance of an upright start from the middle of the rail, in metres.
const UPRIGHT_POSITION: f64 = 0.1;
/// Largest angle of an upright start from upright, in radians.
const UPRIGHT_ANGLE: f64 = 0.034;
/// Standard deviation of position and angle at a hanging start, in metres and radians.
const HANGING_SPREAD: f64 = 0.01;
/// Standard deviation of the velocities at any start, in m/s and rad/s.
const START_VELOCITY: f64 = 0.01;
/// Distance from the middle at which `centred` has fallen to 0.1, in metres.
const CENTRED_MARGIN: f64 = 2.0;
/// Pole velocity at which `slow` has fallen to 0.1, in rad/s.
const VELOCITY_MARGIN: f64 = 5.0;
/// Largest distance from the middle that the sparse reward accepts, in metres.
const SPARSE_POSITION: f64 = 0.25;
/// Smallest cosine of the pole's angle that the sparse reward accepts (5.7°).
const SPARSE_COSINE: f64 = 0.995;

/// Where an episode starts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    /// The cart is near the middle, the pole near upright.
    Upright,
    /// The cart is at the middle, the pole hangs down.
    Hanging,
}

/// The two ways to pay for the same goal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Earning {
    /// The pole should be upright and slow, the cart near the middle, the action gentle; each of
    /// these counts smoothly.
    Smooth,
    /// The reward is 1 while the pole is upright near the middle, and 0 otherwise.
    Sparse,
}

/// The four cart-pole tasks.
#[derive(Debug, Clone)]
pub struct Cartpole {
    start: Start,
    earning: Earning,
    pole: usize,
}

impl Cartpole {
    /// `CartpoleBalance`: keep the pole upright; the reward is smooth.
    pub fn balance() -> Self {
        Self { start: Start::Upright, earning: Earning::Smooth, pole: 0 }
    }

    /// `CartpoleBalanceSparse`: keep the pole upright; the reward is 0 or 1.
    pub fn balance_sparse() -> Self {
        Self { earning: Earning::Sparse, ..Self::balance() }
    }

    /// `CartpoleSwingup`: swing the pole up and keep it there; the reward is smooth.
    pub fn swingup() -> Self {
        Self { start: Start::Hanging, ..Self::balance() }
    }

    /// `CartpoleSwingupSparse`: swing the pole up and keep it there; the reward is 0 or 1.
    pub fn swingup_sparse() -> Self {
        Self { start: Start::Hanging, ..Self::balance_sparse() }
    }

    fn smooth(&self, data: &Data, action: &[f64]) -> f64 {
        let upright = (data.xmat()[self.pole][Z_ALONG_Z] + 1.0) / 2.0;
        let centred = tolerance(data.qpos()[0], (0.0, 0.0), CENTRED_MARGIN, Sigmoid::USUAL);
        let gentle =
            tolerance(action[0], (0.0, 0.0), 1.0, Sigmoid::Quadratic { value_at_margin: 0.0 });
        let slow = tolerance(data.qvel()[1], (0.0, 0.0), VELOCITY_MARGIN, Sigmoid::USUAL);
        upright * ((4.0 + gentle) / 5.0) * ((1.0 + slow) / 2.0) * ((1.0 + centred) / 2.0)
    }

    fn sparse(&self, data: &Data) -> f64 {
        let near = (-SPARSE_POSITION, SPARSE_POSITION);
        // The interval is open above, so that a cosine that rounding has put just over 1 counts as
        // upright.
        let upright = (SPARSE_COSINE, f64::INFINITY);
        tolerance(data.qpos()[0], near, 0.0, Sigmoid::USUAL)
            * tolerance(data.xmat()[self.pole][Z_ALONG_Z], upright, 0.0, Sigmoid::USUAL)
    }
}

impl MujocoTask for Cartpole {
    fn spec(&self) -> EnvSpec {
        let (name, description) = match (self.start, self.earning) {
            (Start::Upright, Earning::Smooth) => (
                "CartpoleBalance",
                "keep a pole upright by pushing its cart, gently and near the middle",
            ),
            (Start::Upright, Earning::Sparse) => (
                "CartpoleBalanceSparse",
                "keep a pole within 5.7° of upright and its cart within 0.25 m of the middle",
            ),
            (Start::Hanging, Earning::Smooth) => (
                "CartpoleSwingup",
                "swing a hanging pole up by pushing its cart, then keep it there gently",
            ),
            (Start::Hanging, Earning::Sparse) => (
                "CartpoleSwingupSparse",
                "swing a hanging pole up; earns only within 5.7° of upright near the middle",
            ),
        };
        EnvSpec {
            name: name.into(),
            obs_dim: 5,
            groups: groups(&[("position", 1), ("orientation", 2), ("velocity", 2)]),
            action_dim: 1,
            description: description.into(),
            ..suite_spec("cartpole", TIMING)
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

    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        let (position, angle) = match self.start {
            Start::Upright => (
                rng.uniform(-UPRIGHT_POSITION, UPRIGHT_POSITION),
                rng.uniform(-UPRIGHT_ANGLE, UPRIGHT_ANGLE),
            ),
            Start::Hanging => (HANGING_SPREAD * rng.normal(), PI + HANGING_SPREAD * rng.normal()),
        };
        data.qpos_mut().copy_from_slice(&[position, angle]);
        for velocity in data.qvel_mut() {
            *velocity = START_VELOCITY * rng.normal();
        }
    }

    /// Draws each number from the same distribution. But the official code draws the cart's
    /// velocity from the same random bits as one more number (with the key splitting of JAX 0.7):
    /// the pole's angle if the pole starts upright, the cart's position if it hangs.
    fn reset_officially(&self, data: &mut Data, rng: &mut EnvRng) {
        self.reset(data, rng);
        let (normal, uniform) = normal_and_uniform(rng);
        data.qvel_mut()[0] = START_VELOCITY * normal;
        match self.start {
            Start::Upright => data.qpos_mut()[1] = UPRIGHT_ANGLE * (2.0 * uniform - 1.0),
            Start::Hanging => data.qpos_mut()[0] = HANGING_SPREAD * normal,
        }
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let rotation = &data.xmat()[self.pole];
        obs[..3].copy_from_slice(&[data.qpos()[0], rotation[Z_ALONG_Z], rotation[Z_ALONG_X]]);
        obs[3..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, action: &[f64]) -> f64 {
        match self.earning {
            Earning::Smooth => self.smooth(data, action),
            Earning::Sparse => self.sparse(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    #[test]
    fn the_sparse_reward_ends_at_its_bounds() {
        let mujoco = Mujoco::new(Box::new(Cartpole::swingup_sparse())).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut reward = |position: f64, angle: f64| {
            data.qpos_mut().copy_from_slice(&[position, angle]);
            data.forward();
            mujoco.rules().reward(&data, &[1.0])
        };
        let edge = SPARSE_COSINE.acos();
        assert_eq!(reward(0.0, 0.0), 1.0);
        assert_eq!(reward(0.249, edge - 1e-6), 1.0);
        assert_eq!(reward(-0.249, 1e-6 - edge), 1.0);
        assert_eq!(reward(0.0, edge + 1e-6), 0.0);
        assert_eq!(reward(0.251, 0.0), 0.0);
        assert_eq!(reward(-0.251, 0.0), 0.0);
        assert_eq!(reward(0.0, PI), 0.0);
    }

    #[test]
    fn starts_are_upright_to_balance_and_hanging_to_swing_up() {
        for (task, cosine) in [(Cartpole::balance(), 1.0), (Cartpole::swingup(), -1.0)] {
            let mujoco = Mujoco::new(Box::new(task)).unwrap();
            let mut data = mujoco.data().unwrap();
            for episode in 0..50 {
                mujoco.rules().reset(&mut data, &mut EnvRng::for_reset(0, 0, episode));
                assert!((data.qpos()[1].cos() - cosine).abs() < 2e-3, "{:?}", data.qpos());
                assert!(data.qpos()[0].abs() <= UPRIGHT_POSITION, "{:?}", data.qpos());
            }
        }
    }

    #[test]
    fn official_starts_tie_the_carts_velocity_to_another_number() {
        for (task, upright) in [(Cartpole::balance(), true), (Cartpole::swingup(), false)] {
            let mujoco = Mujoco::new(Box::new(task)).unwrap();
            let mut data = mujoco.data().unwrap();
            for episode in 0..50 {
                mujoco.rules().reset_officially(&mut data, &mut EnvRng::for_reset(0, 0, episode));
                let (velocity, position) = (data.qvel()[0], data.qpos());
                if upright {
                    assert_eq!(velocity > 0.0, position[1] > 0.0, "{velocity} {position:?}");
                    assert!(position[1].abs() <= UPRIGHT_ANGLE, "{position:?}");
                } else {
                    assert_eq!(velocity, position[0]);
                }
            }
        }
    }
}
