//! Batched reinforcement-learning environments on plain `f32` slices.
//!
//! [`make`] builds a batch of one task by name; [`tasks`] lists what this build offers. A batch is
//! a [`VecEnv`]: `reset`, `step` into slices that the caller owns, `save` and `restore` bit for
//! bit. New tasks need one implementation of [`Task`] and run through the same driver, [`Batch`];
//! those on a MuJoCo model need less (`mujoco::MujocoTask`). The README shows how to write either.
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

mod ahead;
mod batch;
pub mod classic;
mod error;
pub mod gridworld;
#[cfg(feature = "mujoco")]
pub mod mujoco;
mod pool;
mod registry;
pub mod reward;
mod rng;
mod rules;
mod spec;
mod task;
mod vec_env;

pub use batch::Batch;
pub use error::EnvError;
pub use gridworld::GridWorld;
pub use registry::{make, saddles, spec, tasks};
pub use rng::EnvRng;
pub use spec::EnvSpec;
pub use task::{Task, Transition};
pub use vec_env::{AutoReset, Starts, StepOutput, VecEnv, VecEnvOptions, VecEnvState};

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
