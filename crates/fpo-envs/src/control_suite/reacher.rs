//! Reacher: bring the tip of a two-link arm to a target on a table.
//!
//! Observation: angles of shoulder and wrist (rad), the way from the tip to the target along x
//! and y (m), the velocities of shoulder and wrist (rad/s). Action: torque at shoulder and wrist,
//! ±0.05 N·m at ±1.

use std::f64::consts::{PI, TAU};

use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.005, substeps: 4 };
/// Index of the wrist among the joints. It alone has limits.
const WRIST: usize = 1;
/// Smallest and largest distance of a target from the shoulder, in metres.
const TARGET_DISTANCE: (f64, f64) = (0.05, 0.2);
/// The model with the easy task's target.
const EASY_XML: &str = include_str!("../../models/reacher.xml");
/// The target's radius, in metres, in the model's words: of the easy and of the hard task.
const EASY_SIZE: &str = "size=\"0.05\"";
const HARD_SIZE: &str = "size=\"0.015\"";

/// The size of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    /// A radius of 5 cm.
    Large,
    /// A radius of 1.5 cm.
    Small,
}

/// The two reacher tasks.
#[derive(Debug, Clone)]
pub struct Reacher {
    size: Target,
    xml: String,
    finger: usize,
    target: usize,
    mocap: usize,
    /// Distance between tip and target at which they touch, in metres.
    reach: f64,
}

impl Reacher {
    /// `ReacherEasy`: point at a large target; the reward is 0 or 1.
    pub fn easy() -> Self {
        Self::new(Target::Large, EASY_XML.into())
    }

    /// `ReacherHard`: point at a small target; the reward is 0 or 1.
    ///
    /// The size is changed before the model is compiled, since the target's mass follows from it.
    pub fn hard() -> Self {
        Self::new(Target::Small, EASY_XML.replace(EASY_SIZE, HARD_SIZE))
    }

    fn new(size: Target, xml: String) -> Self {
        Self { size, xml, finger: 0, target: 0, mocap: 0, reach: 0.0 }
    }

    /// Returns the way from the tip to the target along x and y, in metres.
    fn to_target(&self, data: &Data) -> [f64; 2] {
        let (finger, target) = (data.geom_xpos()[self.finger], data.geom_xpos()[self.target]);
        [target[0] - finger[0], target[1] - finger[1]]
    }
}

impl MujocoTask for Reacher {
    fn spec(&self) -> EnvSpec {
        let (name, description) = match self.size {
            Target::Large => ("ReacherEasy", "bring an arm's tip to a target of 5 cm radius"),
            Target::Small => ("ReacherHard", "bring an arm's tip to a target of 1.5 cm radius"),
        };
        EnvSpec {
            name: name.into(),
            obs_dim: 6,
            groups: groups(&[("joints", 2), ("target", 2), ("velocity", 2)]),
            action_dim: 2,
            description: description.into(),
            ..suite_spec("reacher", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "reacher"
    }

    fn xml(&self) -> &str {
        &self.xml
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        self.finger = lookup::geom(model, "finger")?;
        self.target = lookup::geom(model, "target")?;
        self.mocap = lookup::mocap(model, "target")?;
        self.reach = model.geom_size()[self.target][0] + model.geom_size()[self.finger][0];
        Ok(())
    }

    /// Draws any pose, at rest, and a target anywhere in a ring around the shoulder. The forward
    /// pass that follows moves the target there, so that the first observation shows the drawn
    /// target; in the official code it shows the model's default target.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        let [low, high] = data.model().jnt_range()[WRIST];
        let pose = [rng.uniform(-PI, PI), rng.uniform(low, high)];
        data.qpos_mut().copy_from_slice(&pose);
        let angle = rng.uniform(0.0, TAU);
        let distance = rng.uniform(TARGET_DISTANCE.0, TARGET_DISTANCE.1);
        let place = [distance * angle.sin(), distance * angle.cos()];
        data.mocap_pos_mut()[self.mocap][..2].copy_from_slice(&place);
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        obs[..2].copy_from_slice(data.qpos());
        obs[2..4].copy_from_slice(&self.to_target(data));
        obs[4..].copy_from_slice(data.qvel());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let [x, y] = self.to_target(data);
        tolerance(x.hypot(y), (0.0, self.reach), 0.0, Sigmoid::USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;
    use crate::task::Task;

    #[test]
    fn the_tasks_differ_in_the_size_and_mass_of_the_target_alone() {
        let [easy, hard] =
            [Reacher::easy(), Reacher::hard()].map(|task| Mujoco::new(Box::new(task)).unwrap());
        let [easy, hard] = [easy.model(), hard.model()];
        let target = lookup::geom(easy, "target").unwrap();
        assert_eq!(target + 1, easy.geom_size().len());
        assert_eq!(easy.geom_size()[target][0], 0.05);
        assert_eq!(hard.geom_size()[target][0], 0.015);
        assert_eq!(easy.geom_size()[..target], hard.geom_size()[..target]);
        let target = lookup::body(easy, "target").unwrap();
        let water = |radius: f64| 1000.0 * 4.0 / 3.0 * PI * radius.powi(3);
        assert!((easy.body_mass()[target] - water(0.05)).abs() < 1e-12);
        assert!((hard.body_mass()[target] - water(0.015)).abs() < 1e-12);
        assert_eq!(easy.body_mass()[..target], hard.body_mass()[..target]);
    }

    #[test]
    fn the_reward_ends_where_tip_and_target_part() {
        for (task, reach) in [(Reacher::easy(), 0.06), (Reacher::hard(), 0.025)] {
            let mujoco = Mujoco::new(Box::new(task)).unwrap();
            let mut data = mujoco.data().unwrap();
            for (distance, expected) in [(0.0, 1.0), (reach - 1e-9, 1.0), (reach + 1e-9, 0.0)] {
                // A straight arm ends at 0.24 m along x.
                data.mocap_pos_mut()[0][..2].copy_from_slice(&[0.24, distance]);
                data.forward();
                assert_eq!(mujoco.rules().reward(&data, &[0.0; 2]), expected, "{distance}");
            }
        }
    }

    #[test]
    fn the_first_observation_shows_the_drawn_target() {
        let mujoco = Mujoco::new(Box::new(Reacher::easy())).unwrap();
        let mut worker = mujoco.worker().unwrap();
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 6]);
        for episode in 0..50 {
            let mut rng = EnvRng::for_reset(0, 0, episode);
            mujoco.reset(&mut worker, &mut rng, &mut state, &mut obs).unwrap();
            let [shoulder, wrist, x, y, ..] = obs.map(f64::from);
            let tip = |part: fn(f64) -> f64| 0.12 * (part(shoulder) + part(shoulder + wrist));
            let distance = (tip(f64::cos) + x).hypot(tip(f64::sin) + y);
            let (nearest, farthest) = TARGET_DISTANCE;
            assert!((nearest - 1e-6..farthest + 1e-6).contains(&distance), "{distance}");
        }
    }
}
