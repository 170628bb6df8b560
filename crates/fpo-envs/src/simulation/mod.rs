//! Simulation with MuJoCo: the rules that a task on a model supplies, and the code that all share.
//!
//! A task gives its model, a start, an observation and a reward
//! ([`MujocoTask`](mujoco_task::MujocoTask)); [`Mujoco`](mujoco::Mujoco) turns that into a
//! [`Task`](crate::task::Task) for the batch driver.

pub(crate) mod compile;
mod log;
pub(crate) mod mujoco;
pub(crate) mod mujoco_task;
pub(crate) mod row;
mod stepping;
#[cfg(test)]
mod tests;
