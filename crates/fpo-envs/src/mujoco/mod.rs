//! MuJoCo tasks: what one of them has to supply, and what all of them share.
//!
//! A task gives its model, a start, an observation and a reward; [`Mujoco`] turns that into a
//! [`Task`](crate::Task) for the batch driver. The tasks are those of the DeepMind Control Suite
//! as MuJoCo Playground 0.0.5 defines them, on models of our own with equal physics.

mod acrobot;
mod axes;
mod ball_in_cup;
mod cartpole;
mod cheetah;
mod finger;
mod fish;
mod frame;
mod hopper;
mod humanoid;
mod log;
mod lookup;
mod pendulum;
mod point_mass;
mod reacher;
mod row;
mod simulation;
mod starts;
mod swimmer;
mod walker;

use std::sync::Arc;

use mujoco_rs::wrappers::MjData;

use crate::{EnvError, EnvRng, EnvSpec};

pub use acrobot::Acrobot;
pub use ball_in_cup::BallInCup;
pub use cartpole::Cartpole;
pub use cheetah::CheetahRun;
pub use finger::Finger;
pub use fish::FishSwim;
pub use hopper::Hopper;
pub use humanoid::Humanoid;
pub use mujoco_rs::wrappers::MjModel;
pub use pendulum::PendulumSwingup;
pub use point_mass::PointMass;
pub use reacher::Reacher;
pub use simulation::{Mujoco, Worker};
pub use swimmer::SwimmerSwimmer6;
pub use walker::Walker;

/// Simulation state of one worker, with the model it shares with all others.
pub type Data = MjData<Arc<MjModel>>;

/// Steps of an episode in every task of the Playground's Control Suite.
const EPISODE_LENGTH: usize = 1000;
/// Added to the model's `ls_iterations`. With it C MuJoCo's line search stops where MJX's does,
/// so that our trajectories are the Playground's: measured in float64, to 1e-13 as long as nothing
/// touches. In contact both stop before they have converged, and may part.
const EXTRA_LINE_SEARCH: i32 = 2;

/// The only version whose memory layout this build knows.
const MUJOCO_VERSION: &str = "3.17.0";

/// How simulated time is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Length of one physics step, in seconds.
    pub physics_dt: f64,
    /// Physics steps per control step, at least 1.
    pub substeps: usize,
}

impl Timing {
    /// Length of one control step, in seconds.
    pub fn control_dt(self) -> f64 {
        self.physics_dt * self.substeps as f64
    }
}

/// One task on one MuJoCo model.
pub trait MujocoTask: Send + Sync + 'static {
    /// The task's description.
    fn spec(&self) -> EnvSpec;

    /// Name of the model, shared by the tasks that use it.
    fn domain(&self) -> &'static str;

    /// The model as MJCF.
    fn xml(&self) -> &str;

    /// Physics and control steps.
    fn timing(&self) -> Timing;

    /// Changes the compiled model where this task differs from others on the same MJCF.
    ///
    /// # Errors
    /// When the model lacks what should be changed.
    fn patch(&self, _model: &mut MjModel) -> Result<(), EnvError> {
        Ok(())
    }

    /// Looks up the ids of what observation and reward read. Called once, after `patch`.
    ///
    /// # Errors
    /// When the model lacks a part.
    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError>;

    /// Draws a start into `data`, which holds the model's default state. Every start differs from
    /// every other. A forward pass follows.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng);

    /// Draws a start as the Playground's code does, where that is something else: it knows one
    /// start only, or its numbers hang together ([`Starts::Official`](crate::Starts::Official)).
    fn reset_officially(&self, data: &mut Data, rng: &mut EnvRng) {
        self.reset(data, rng);
    }

    /// Physics steps without control that a drawn start is left to come to rest, before its clock
    /// is set to 0 and the forward pass follows.
    fn settling_steps(&self) -> usize {
        0
    }

    /// Writes the observation (`obs_dim`). After a step, body positions and sensors are those at
    /// the beginning of the last physics step, as plain `mj_step` leaves them and as the
    /// Playground reads them.
    fn observe(&self, data: &Data, obs: &mut [f64]);

    /// Reward of the step that led to `data` by `action` (not clipped).
    fn reward(&self, data: &Data, action: &[f64]) -> f64;

    /// Whether the state in `data` ends the episode. None of the Playground's does.
    fn terminated(&self, _data: &Data) -> bool {
        false
    }
}

/// All MuJoCo tasks.
pub fn tasks() -> Vec<Box<dyn MujocoTask>> {
    vec![
        Box::new(Cartpole::balance()),
        Box::new(Cartpole::balance_sparse()),
        Box::new(Cartpole::swingup()),
        Box::new(Cartpole::swingup_sparse()),
        Box::<PointMass>::default(),
        Box::<CheetahRun>::default(),
        Box::new(Acrobot::swingup()),
        Box::new(Acrobot::swingup_sparse()),
        Box::<BallInCup>::default(),
        Box::new(Finger::spin()),
        Box::new(Finger::turn_easy()),
        Box::new(Finger::turn_hard()),
        Box::<PendulumSwingup>::default(),
        Box::new(Reacher::easy()),
        Box::new(Reacher::hard()),
        Box::<FishSwim>::default(),
        Box::<SwimmerSwimmer6>::default(),
        Box::new(Hopper::hop()),
        Box::new(Hopper::stand()),
        Box::new(Walker::stand()),
        Box::new(Walker::walk()),
        Box::new(Walker::run()),
        Box::new(Humanoid::stand()),
        Box::new(Humanoid::walk()),
        Box::new(Humanoid::run()),
    ]
}

/// The MuJoCo task of a name.
pub fn task(name: &str) -> Option<Box<dyn MujocoTask>> {
    tasks().into_iter().find(|task| task.spec().name == name)
}

/// Compiles a task's MJCF as it stands, without the changes that a simulation makes.
///
/// # Errors
/// [`EnvError::Mujoco`] with MuJoCo's words when it refuses the model, or when the MuJoCo library
/// that was found is not the version this build expects.
pub fn compile(task: &dyn MujocoTask) -> Result<MjModel, EnvError> {
    let found = mujoco_rs::mujoco_version();
    if found != MUJOCO_VERSION {
        let what = format!("found version {found}, this build needs {MUJOCO_VERSION}");
        return Err(EnvError::Mujoco { task: task.spec().name, what });
    }
    log::keep_quiet();
    MjModel::from_xml_string(task.xml())
        .map_err(|error| EnvError::Mujoco { task: task.spec().name, what: error.to_string() })
}
