//! Finger: turn a spinner on its hinge with a two-link finger.
//!
//! Observation: angles of both joints of the finger (rad), the spinner's tip from its hinge along
//! x and z (m), the velocities of both joints and of the spinner (rad/s), ln(1 + force) of the
//! fingertip's two touch pads (forces in N). The turning tasks add the target from the hinge along
//! x and z (m), and the distance from the tip to the target's surface (m, negative inside).
//! Action: torque at both joints, ±30 and ±15 N·m at ±1.

use std::f64::consts::PI;

use super::lookup;
use super::suite_spec::suite_spec;
use crate::error::EnvError;
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use crate::spec::{EnvSpec, groups};

/// Length of a physics step, in seconds, and number of physics steps per control step.
const TIMING: Timing = Timing { physics_dt: 0.005, substeps: 4 };
/// The joints of the finger, then that of the spinner.
const FINGER_JOINTS: [usize; 2] = [0, 1];
const HINGE: usize = 2;
/// The observation's parts; the last is that of the turning tasks.
const GROUPS: [(&str, usize); 5] =
    [("joints", 2), ("spinner", 2), ("velocity", 3), ("touch", 2), ("target", 3)];
/// Damping of the spinner's hinge in the spinning task, in N·m·s/rad; 0.5 when turning.
const SPIN_DAMPING: f64 = 0.03;
/// Velocity of the hinge from which the spinner counts as spinning, in rad/s. Only this direction
/// counts.
const SPIN_VELOCITY: f64 = -15.0;
/// Radius of the target of the easy and of the hard turning task, in metres.
const EASY_TARGET: f64 = 0.07;
const HARD_TARGET: f64 = 0.03;

/// What the finger has to do with the spinner.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    /// Make it spin fast.
    Spin,
    /// Turn its tip into a target of 7 cm radius.
    TurnEasy,
    /// Turn its tip into a target of 3 cm radius.
    TurnHard,
}

/// Indices in `sensordata` of the numbers that are read from it.
#[derive(Debug, Clone, Copy, Default)]
struct Sensors {
    upper_angle: usize,
    lower_angle: usize,
    spin_velocity: usize,
    tip: usize,
    target: usize,
    spinner: usize,
    touch_top: usize,
    touch_bottom: usize,
}

/// The three finger tasks.
#[derive(Debug, Clone)]
pub struct Finger {
    goal: Goal,
    sensors: Sensors,
    mocap: usize,
    /// The spinner's hinge, in metres.
    hinge: [f64; 3],
    /// Distance of a target's middle from the hinge: the half length of the spinner, in metres.
    ring: f64,
    /// Radius of the target, in metres.
    radius: f64,
}

impl Finger {
    /// `FingerSpin`: keep the spinner spinning; the reward is 0 or 1.
    pub fn spin() -> Self {
        Self::new(Goal::Spin)
    }

    /// `FingerTurnEasy`: turn the spinner's tip into a large target; the reward is 0 or 1.
    pub fn turn_easy() -> Self {
        Self::new(Goal::TurnEasy)
    }

    /// `FingerTurnHard`: turn the spinner's tip into a small target; the reward is 0 or 1.
    pub fn turn_hard() -> Self {
        Self::new(Goal::TurnHard)
    }

    fn new(goal: Goal) -> Self {
        let sensors = Sensors::default();
        Self { goal, sensors, mocap: 0, hinge: [0.0; 3], ring: 0.0, radius: 0.0 }
    }

    /// Returns the place of a sensor from the hinge along x and z, in metres.
    fn beside_hinge(&self, data: &Data, sensor: usize) -> [f64; 2] {
        let read = data.sensordata();
        [0, 2].map(|axis| read[sensor + axis] - read[self.sensors.spinner + axis])
    }

    /// Returns the distance from the tip to the target's surface, negative inside, in metres.
    fn to_target(&self, data: &Data) -> f64 {
        let tip = self.beside_hinge(data, self.sensors.tip);
        let target = self.beside_hinge(data, self.sensors.target);
        (target[0] - tip[0]).hypot(target[1] - tip[1]) - self.radius
    }
}

impl MujocoTask for Finger {
    fn spec(&self) -> EnvSpec {
        let (name, obs_dim, description) = match self.goal {
            Goal::Spin => ("FingerSpin", 9, "keep a spinner faster than 15 rad/s with a finger"),
            Goal::TurnEasy => {
                ("FingerTurnEasy", 12, "turn a spinner's tip into a target of 7 cm radius")
            }
            Goal::TurnHard => {
                ("FingerTurnHard", 12, "turn a spinner's tip into a target of 3 cm radius")
            }
        };
        EnvSpec {
            name: name.into(),
            obs_dim,
            groups: groups(match self.goal {
                Goal::Spin => &GROUPS[..4],
                Goal::TurnEasy | Goal::TurnHard => &GROUPS,
            }),
            action_dim: 2,
            description: description.into(),
            ..suite_spec("finger", TIMING)
        }
    }

    fn domain(&self) -> &'static str {
        "finger"
    }

    fn xml(&self) -> &str {
        include_str!("../../models/finger.xml")
    }

    fn timing(&self) -> Timing {
        TIMING
    }

    fn patch(&self, model: &mut MjModel) -> Result<(), EnvError> {
        let target = lookup::site(model, "target")?;
        match self.goal {
            Goal::Spin => model.dof_damping_mut()[HINGE] = SPIN_DAMPING,
            Goal::TurnEasy => model.site_size_mut()[target][0] = EASY_TARGET,
            Goal::TurnHard => model.site_size_mut()[target][0] = HARD_TARGET,
        }
        Ok(())
    }

    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError> {
        let sensor = |name| lookup::sensor(model, name);
        self.sensors = Sensors {
            upper_angle: sensor("upper_angle")?,
            lower_angle: sensor("lower_angle")?,
            spin_velocity: sensor("spin_velocity")?,
            tip: sensor("tip")?,
            target: sensor("target")?,
            spinner: sensor("spinner")?,
            touch_top: sensor("touch_top")?,
            touch_bottom: sensor("touch_bottom")?,
        };
        self.mocap = lookup::mocap(model, "target")?;
        self.hinge = model.body_pos()[lookup::body(model, "spinner")?];
        self.ring = model.geom_size()[lookup::geom(model, "blade_right")?].iter().sum();
        self.radius = model.site_size()[lookup::site(model, "target")?][0];
        Ok(())
    }

    /// Draws any pose within the joints' ranges, at rest, and a target anywhere on the tip's
    /// circle. The first observation shows the drawn target, which the forward pass that follows
    /// puts in its place; in the official code it shows the model's default target.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        for joint in FINGER_JOINTS {
            let [low, high] = data.model().jnt_range()[joint];
            data.qpos_mut()[joint] = rng.uniform(low, high);
        }
        data.qpos_mut()[HINGE] = rng.uniform(-PI, PI);
        if self.goal != Goal::Spin {
            let angle = rng.uniform(-PI, PI);
            let target = &mut data.mocap_pos_mut()[self.mocap];
            target[0] = self.hinge[0] + self.ring * angle.sin();
            target[2] = self.hinge[2] + self.ring * angle.cos();
        }
    }

    /// Draws the same, except that the official code draws the spinner's angle from the random bits
    /// of the finger's first joint: both stand at the same share of their ranges.
    fn reset_officially(&self, data: &mut Data, rng: &mut EnvRng) {
        self.reset(data, rng);
        let [low, high] = data.model().jnt_range()[FINGER_JOINTS[0]];
        let share = (data.qpos()[FINGER_JOINTS[0]] - low) / (high - low);
        data.qpos_mut()[HINGE] = PI * (2.0 * share - 1.0);
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        let (read, at) = (data.sensordata(), &self.sensors);
        obs[..2].copy_from_slice(&[read[at.upper_angle], read[at.lower_angle]]);
        obs[2..4].copy_from_slice(&self.beside_hinge(data, at.tip));
        obs[4..7].copy_from_slice(data.qvel());
        obs[7..9].copy_from_slice(&[read[at.touch_top], read[at.touch_bottom]].map(f64::ln_1p));
        if self.goal != Goal::Spin {
            obs[9..11].copy_from_slice(&self.beside_hinge(data, at.target));
            obs[11] = self.to_target(data);
        }
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        let (value, upper) = match self.goal {
            Goal::Spin => (data.sensordata()[self.sensors.spin_velocity], SPIN_VELOCITY),
            Goal::TurnEasy | Goal::TurnHard => (self.to_target(data), 0.0),
        };
        tolerance(value, (f64::NEG_INFINITY, upper), 0.0, Sigmoid::USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::mujoco::Mujoco;
    use crate::task::Task;

    fn mujoco(task: Finger) -> Mujoco {
        Mujoco::new(Box::new(task)).unwrap()
    }

    #[test]
    fn the_tasks_change_damping_and_target_as_the_playground_does() {
        for (task, damping, radius) in [
            (Finger::spin(), 0.03, 0.03),
            (Finger::turn_easy(), 0.5, 0.07),
            (Finger::turn_hard(), 0.5, 0.03),
        ] {
            let mujoco = mujoco(task);
            let model = mujoco.model();
            assert_eq!(model.dof_damping(), [2.5, 2.5, damping]);
            let target = lookup::site(model, "target").unwrap();
            assert_eq!(model.site_size()[target][0], radius);
        }
    }

    #[test]
    fn spinning_backwards_fast_enough_earns() {
        let mujoco = mujoco(Finger::spin());
        let mut data = mujoco.data().unwrap();
        for (velocity, expected) in [(-15.0, 1.0), (-40.0, 1.0), (-14.99, 0.0), (15.0, 0.0)] {
            data.qvel_mut()[HINGE] = velocity;
            data.forward();
            assert_eq!(mujoco.rules().reward(&data, &[0.0; 2]), expected, "{velocity}");
        }
    }

    /// The tip's default place is 0.13 m above the hinge at (0.2, 0.4).
    #[test]
    fn the_turning_reward_ends_at_the_surface_of_the_target() {
        for (task, radius) in [(Finger::turn_easy(), 0.07), (Finger::turn_hard(), 0.03)] {
            let mujoco = mujoco(task);
            let mut data = mujoco.data().unwrap();
            for (distance, expected) in [(0.0, 1.0), (radius - 1e-9, 1.0), (radius + 1e-9, 0.0)] {
                data.mocap_pos_mut()[0] = [0.2 + distance, 0.0, 0.53];
                data.forward();
                assert_eq!(mujoco.rules().reward(&data, &[0.0; 2]), expected, "{distance}");
            }
        }
    }

    #[test]
    fn the_first_observation_shows_the_drawn_target() {
        let mujoco = mujoco(Finger::turn_easy());
        let mut worker = mujoco.worker().unwrap();
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 12]);
        for episode in 0..50 {
            let mut rng = EnvRng::for_reset(0, 0, episode);
            mujoco.reset(&mut worker, &mut rng, &mut state, &mut obs).unwrap();
            let distance = f64::from(obs[9]).hypot(f64::from(obs[10]));
            assert!((distance - 0.13).abs() < 1e-6, "{distance}");
        }
    }
}
