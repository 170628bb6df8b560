//! Batched reinforcement-learning environments on plain `f32` slices.
//!
//! [`make`] builds a batch of one task by name; [`tasks`] lists what this build offers. A batch is
//! a [`VecEnv`]: it has `reset`, `step` into slices that the caller owns, and `save` and `restore`
//! bit for bit. A new task implements [`ClosedForm`] if its step is a formula, `MujocoTask` (in the
//! module `mujoco`) if it runs on a MuJoCo model, and [`Task`] otherwise. All of them run through
//! the same driver, [`Batch`]. The README shows how to write each kind.
//!
//! ```
//! use fpo_envs::{StepOutput, VecEnvOptions, make};
//!
//! # fn main() -> Result<(), fpo_envs::EnvError> {
//! let options = VecEnvOptions { num_envs: 3, ..VecEnvOptions::default() };
//! let mut envs = make("GridWorld/two_walls", &options)?;
//! let size = envs.num_envs() * envs.spec().obs_dim;
//! let (mut obs, mut final_obs, mut reward) = (vec![0.0; size], vec![0.0; size], vec![0.0; 3]);
//! let (mut terminated, mut truncated, mut success) = ([false; 3], [false; 3], [false; 3]);
//! envs.reset(&mut obs)?;
//! let up = [0.0, 1.0].repeat(3);
//! envs.step(
//!     &up,
//!     StepOutput {
//!         obs: &mut obs,
//!         reward: &mut reward,
//!         terminated: &mut terminated,
//!         truncated: &mut truncated,
//!         success: &mut success,
//!         final_obs: &mut final_obs,
//!     },
//! )?;
//! # Ok(())
//! # }
//! ```
//!
//! # Floors
//!
//! The modules stand on floors. A module imports from floors below its own and from nothing else,
//! and it names the module in which a thing lives. The names below this line re-export what
//! outsiders need, and no module of the crate uses them.
//!
//! | floor | modules                                     | what it holds                        |
//! |------:|---------------------------------------------|--------------------------------------|
//! |     0 | `error`, `options`, `reward`, `rng`, `spec` | vocabulary and arithmetic            |
//! |     1 | `vec_env`, `task`                           | the interfaces of batch and task     |
//! |     2 | `batch`, `closed_form`, `simulation`        | what runs a task, and kinds of tasks |
//! |     3 | `classic`, `control_suite`, `gridworld`     | the tasks                            |
//! |     3 | `rendering`                                 | pictures of tasks on MuJoCo models   |
//! |     4 | `registry`                                  | the tasks by name                    |

mod batch;
pub mod classic;
mod closed_form;
#[cfg(feature = "mujoco")]
mod control_suite;
mod error;
pub mod gridworld;
mod options;
mod registry;
#[cfg(feature = "render")]
pub mod rendering;
pub mod reward;
mod rng;
#[cfg(feature = "mujoco")]
mod simulation;
mod spec;
mod task;
mod vec_env;

pub use batch::Batch;
pub use closed_form::ClosedForm;
pub use error::EnvError;
pub use gridworld::GridWorld;
pub use options::{AutoReset, PartOf, Starts, VecEnvOptions};
pub use registry::{make, names, saddles, spec, tasks};
pub use rng::EnvRng;
pub use spec::{EnvSpec, ObsGroup, groups};
pub use task::{Task, Transition};
pub use vec_env::{StepOutput, VecEnv, VecEnvState};

/// Tasks on MuJoCo models: what one of them has to supply ([`MujocoTask`](mujoco::MujocoTask)),
/// what turns it into a [`Task`] for the driver ([`Mujoco`](mujoco::Mujoco)), and those that this
/// crate holds.
#[cfg(feature = "mujoco")]
pub mod mujoco {
    pub use crate::control_suite::acrobot::Acrobot;
    pub use crate::control_suite::ball_in_cup::BallInCup;
    pub use crate::control_suite::cartpole::Cartpole;
    pub use crate::control_suite::cheetah::CheetahRun;
    pub use crate::control_suite::finger::Finger;
    pub use crate::control_suite::fish::FishSwim;
    pub use crate::control_suite::hopper::Hopper;
    pub use crate::control_suite::humanoid::Humanoid;
    pub use crate::control_suite::pendulum::PendulumSwingup;
    pub use crate::control_suite::point_mass::PointMass;
    pub use crate::control_suite::reacher::Reacher;
    pub use crate::control_suite::swimmer::SwimmerSwimmer6;
    pub use crate::control_suite::walker::Walker;
    pub use crate::registry::{mujoco_task as task, mujoco_tasks as tasks};
    pub use crate::simulation::compile::compile;
    pub use crate::simulation::mujoco::{Mujoco, Worker};
    pub use crate::simulation::mujoco_task::{Data, MjModel, MujocoTask, Timing};
}

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
