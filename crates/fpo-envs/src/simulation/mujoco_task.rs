//! The interface of a task on a MuJoCo model: its model, start, observation and reward.

use std::sync::Arc;

use mujoco_rs::wrappers::MjData;
pub use mujoco_rs::wrappers::MjModel;

use crate::error::EnvError;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;

/// Simulation state of one worker, with the model that it shares with all others.
pub type Data = MjData<Arc<MjModel>>;

/// The division of simulated time into steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Length of one physics step, in seconds.
    pub physics_dt: f64,
    /// Number of physics steps per control step, at least 1.
    pub substeps: usize,
}

impl Timing {
    /// Returns the length of one control step, in seconds.
    pub fn control_dt(self) -> f64 {
        self.physics_dt * self.substeps as f64
    }
}

/// One task on one MuJoCo model.
pub trait MujocoTask: Send + Sync + 'static {
    /// The task's description.
    fn spec(&self) -> EnvSpec;

    /// The name of the model, shared by the tasks that use it.
    fn domain(&self) -> &'static str;

    /// The model as MJCF.
    fn xml(&self) -> &str;

    /// Length and number of the physics steps of a control step.
    fn timing(&self) -> Timing;

    /// Changes the compiled model where this task differs from others on the same MJCF.
    ///
    /// # Errors
    /// When the model lacks a part that should be changed.
    fn patch(&self, _model: &mut MjModel) -> Result<(), EnvError> {
        Ok(())
    }

    /// Looks up the ids of the parts that observation and reward read. Called once, after `patch`.
    ///
    /// # Errors
    /// When the model lacks a part.
    fn bind(&mut self, model: &MjModel) -> Result<(), EnvError>;

    /// Draws a start into `data`, which holds the model's default state. Every start differs from
    /// every other. A forward pass follows.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng);

    /// Draws a start as the Playground's code does
    /// ([`Starts::Official`](crate::options::Starts::Official)), where that is another one: where
    /// that code knows a single start only, or draws numbers that depend on each other.
    fn reset_officially(&self, data: &mut Data, rng: &mut EnvRng) {
        self.reset(data, rng);
    }

    /// Number of physics steps without control in which a drawn start comes to rest. Then its clock
    /// is set to 0 and the forward pass follows.
    fn settling_steps(&self) -> usize {
        0
    }

    /// Writes the observation (`obs_dim`). After a step, body positions and sensors are those at
    /// the beginning of the last physics step, as plain `mj_step` leaves them and as the
    /// Playground reads them.
    fn observe(&self, data: &Data, obs: &mut [f64]);

    /// Returns the reward of the step that led to `data` by `action` (not clipped).
    fn reward(&self, data: &Data, action: &[f64]) -> f64;

    /// Returns whether the state in `data` ends the episode. In the Playground no state does.
    fn terminated(&self, _data: &Data) -> bool {
        false
    }
}
