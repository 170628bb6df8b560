//! Ball in cup: swing a ball on a string and catch it in the cup it hangs from.
//!
//! Observation: positions of cup and ball, each along x and z from where it starts (m), then their
//! velocities (m/s). Action: force on the cup along x and z, ±5 N at ±1.

use super::lookup;
use super::starts::nudge;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.002, substeps: 10 };
/// Axes of the plane in which cup and ball move.
const PLANE: [usize; 2] = [0, 2];

/// Catch the ball in the cup; the reward is 0 or 1.
#[derive(Debug, Clone, Default)]
pub struct BallInCup {
    ball: usize,
    inside: usize,
    /// Largest distance of the ball's middle from the middle of the cup's inside, along the axes of
    /// `PLANE`, at which all of the ball is inside, in metres.
    room: [f64; 2],
}

impl MujocoTask for BallInCup {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "BallInCup".into(),
            obs_dim: 8,
            groups: groups(&[("cup", 2), ("ball", 2), ("cup_velocity", 2), ("ball_velocity", 2)]),
            action_dim: 2,
            description: "swing a ball on a string into the cup above it".into(),
            ..suite_spec("ball_in_cup", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "ball_in_cup"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/ball_in_cup.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.ball = lookup::body(model, "ball")?;
        self.inside = lookup::site(model, "inside")?;
        let ball_radius = model.geom_size()[lookup::geom(model, "ball")?][0];
        self.room = PLANE.map(|axis| model.site_size()[self.inside][axis] - ball_radius);
        Ok(())
    }

    /// Draws the model's default state, in which the ball is 8 mm short of hanging on its string,
    /// with cup and ball moved a little. The Control Suite itself draws the ball's place anywhere
    /// below the cup.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        nudge(data, rng);
    }

    /// Starts always in the model's default state.
    fn reset_officially(&self, _data: &mut Data, _rng: &mut EnvRng) {}

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let (positions, velocities) = obs.split_at_mut(data.qpos().len());
        positions.copy_from_slice(data.qpos());
        velocities.copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let (inside, ball) = (data.site_xpos()[self.inside], data.xpos()[self.ball]);
        let within = |(axis, room): (usize, f64)| {
            tolerance(ball[axis] - inside[axis], (-room, room), 0.0, Sigmoid::USUAL)
        };
        PLANE.into_iter().zip(self.room).map(within).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;

    /// At the start the ball's middle is 0.35 m below the middle of the cup's inside, which has
    /// room for it to move 0.025 m either way.
    #[test]
    fn only_a_ball_wholly_in_the_cup_earns() {
        let mujoco = Mujoco::new(Box::<BallInCup>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        for (x, z, expected) in [
            (0.0, 0.35, 1.0),
            (0.024, 0.326, 1.0),
            (-0.024, 0.374, 1.0),
            (0.026, 0.35, 0.0),
            (-0.026, 0.35, 0.0),
            (0.0, 0.324, 0.0),
            (0.0, 0.376, 0.0),
            (0.0, 0.0, 0.0),
        ] {
            data.qpos_mut().copy_from_slice(&[0.0, 0.0, x, z]);
            data.forward();
            assert_eq!(mujoco.rules().reward(&data, &[0.0; 2]), expected, "{x} {z}");
        }
    }

    /// Some drawn starts stretch the string by up to 12 mm, others leave up to 28 mm of it slack.
    /// A ball that falls through that reaches 0.74 m/s, and a control step may show a little more.
    #[test]
    fn a_moved_start_does_not_fling_the_ball() {
        let mujoco = Mujoco::new(Box::<BallInCup>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut fastest = 0.0_f64;
        for episode in 0..200 {
            data.reset();
            mujoco.rules().reset(&mut data, &mut EnvRng::for_reset(0, 0, episode));
            for _ in 0..50 {
                assert!(mujoco.advance(&mut data, &[0.0; 2]));
                assert_eq!(mujoco.rules().reward(&data, &[0.0; 2]), 0.0);
                fastest = data.qvel().iter().fold(fastest, |most, v| most.max(v.abs()));
            }
        }
        assert!(fastest < 0.8, "{fastest} m/s");
    }
}
