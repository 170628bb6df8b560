//! Swimmer: a chain of six links swims to a point in the plane.
//!
//! Observation: five joint angles (rad), the way from nose to target in the head's frame (x and
//! y, m), then for each link its velocity along its own x and y axes (m/s) and its rate of turning
//! (rad/s). Action: five joint torques, ±0.0005 N·m at ±1.

use super::frame::{between, length, seen_from};
use super::lookup;
use super::starts::{PLANAR_ROOT, planar_pose};
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.003, substeps: 10 };
/// Share of starts whose target is near.
const NEAR_SHARE: f64 = 0.2;
/// Largest coordinates of a near and of an ordinary target, in metres.
const NEAR_TARGET: f64 = 0.3;
const FAR_TARGET: f64 = 2.0;
/// Distance beyond the target at which the reward has fallen to 0.1, in radii of the target.
const MARGIN_RADII: f64 = 5.0;
/// Number of sensor values of one link: velocity (x, y, z), then angular velocity (x, y, z).
const LINK_NUMBERS: usize = 6;
/// The values among them that a motion in the plane changes.
const PLANE_NUMBERS: [usize; 3] = [0, 1, 5];

/// Swim to the target; the reward has a long tail, so that it guides the swimmer from far away.
#[derive(Debug, Clone, Default)]
pub struct SwimmerSwimmer6 {
    head: usize,
    nose: usize,
    target: usize,
    target_mocap: usize,
    velocities: usize,
    /// Radius of the target, in metres.
    radius: f64,
}

impl SwimmerSwimmer6 {
    /// Returns the way from nose to target along the head's x and y axes, in metres.
    fn way(&self, data: &Data) -> [f64; 2] {
        let positions = data.geom_xpos();
        let way = between(&positions[self.nose], &positions[self.target]);
        let [x, y, _] = seen_from(&data.xmat()[self.head], &way);
        [x, y]
    }
}

impl MujocoTask for SwimmerSwimmer6 {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "SwimmerSwimmer6".into(),
            obs_dim: 25,
            groups: groups(&[("joints", 5), ("target", 2), ("velocity", 18)]),
            action_dim: 5,
            description: "swim to a point in the plane with a chain of six links".into(),
            ..suite_spec("swimmer", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "swimmer6"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/swimmer6.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.head = lookup::body(model, "head")?;
        self.nose = lookup::geom(model, "nose")?;
        self.target = lookup::geom(model, "target")?;
        self.target_mocap = lookup::mocap(model, "target")?;
        self.velocities = lookup::sensor(model, "velocity_0")?;
        self.radius = model.geom_size()[self.target][0];
        Ok(())
    }

    /// Draws any direction and pose in the middle, and a target, of which one in five is near.
    ///
    /// The driver's forward pass follows, so the first observation shows this target; in the
    /// official code it shows the model's default target.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        planar_pose(data, rng);
        let reach = if rng.unit() < NEAR_SHARE { NEAR_TARGET } else { FAR_TARGET };
        for coordinate in &mut data.mocap_pos_mut()[self.target_mocap][..2] {
            *coordinate = rng.uniform(-reach, reach);
        }
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let angles = &data.qpos()[PLANAR_ROOT..];
        let (first, velocities) = obs.split_at_mut(angles.len() + 2);
        first[..angles.len()].copy_from_slice(angles);
        first[angles.len()..].copy_from_slice(&self.way(data));
        let links = data.sensordata()[self.velocities..].chunks(LINK_NUMBERS);
        for (to, link) in velocities.chunks_mut(PLANE_NUMBERS.len()).zip(links) {
            to.copy_from_slice(&PLANE_NUMBERS.map(|number| link[number]));
        }
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let shape = Sigmoid::LongTail { value_at_margin: 0.1 };
        tolerance(length(&self.way(data)), (0.0, self.radius), MARGIN_RADII * self.radius, shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;
    use crate::task::Task;

    #[test]
    fn the_first_observation_shows_the_drawn_target_and_one_in_five_is_near() {
        let mujoco = Mujoco::new(Box::<SwimmerSwimmer6>::default()).unwrap();
        let mut worker = mujoco.worker().unwrap();
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], vec![0.0; 25]);
        let mut data = mujoco.data().unwrap();
        let nose = lookup::geom(mujoco.model(), "nose").unwrap();
        let mut close = 0;
        for episode in 0..500 {
            let mut rng = EnvRng::for_reset(3, 0, episode);
            mujoco.reset(&mut worker, &mut rng, &mut state, &mut obs).unwrap();
            mujoco.rules().reset(&mut data, &mut EnvRng::for_reset(3, 0, episode));
            data.forward();
            let [x, y, z] = data.mocap_pos()[0];
            assert!(x.abs() <= FAR_TARGET && y.abs() <= FAR_TARGET && z == 0.05);
            close += usize::from(x.abs() <= NEAR_TARGET && y.abs() <= NEAR_TARGET);
            let place = data.geom_xpos()[nose];
            let seen = f64::from(obs[5]).hypot(f64::from(obs[6]));
            assert!((seen - (x - place[0]).hypot(y - place[1])).abs() < 1e-6);
        }
        // A share of 0.2 of the starts is near, and of the others (0.3 / 2)² by chance: 109 ± 9 of
        // 500.
        assert!((80..140).contains(&close), "{close}");
    }

    #[test]
    fn the_reward_has_its_value_at_target_and_margin() {
        let mujoco = Mujoco::new(Box::<SwimmerSwimmer6>::default()).unwrap();
        let mut data = mujoco.data().unwrap();
        let mut reward = |distance: f64| {
            data.mocap_pos_mut()[0] = [distance, -0.06, 0.05];
            data.forward();
            mujoco.rules().reward(&data, &[0.0; 5])
        };
        assert_eq!(reward(0.099), 1.0);
        assert!((reward(0.6) - 0.1).abs() < 1e-12);
        assert!((reward(1.1) - 1.0 / 37.0).abs() < 1e-12);
    }
}
