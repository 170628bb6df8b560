//! Runs a [`MujocoTask`] under the batch driver.
//!
//! One environment is one row of `mjSTATE_INTEGRATION`: time, positions, velocities, warm start,
//! controls, mocap and all else that the next step depends on. A step loads the row into the
//! worker's `mjData`, sets the controls, steps the physics, reads observation and reward, and
//! stores the row. Measured against one `mjData` per environment this gives the same bits.

use std::sync::Arc;

use mujoco_rs::mujoco_c::{mjtDisableBit, mjtState};
use mujoco_rs::wrappers::MjModel;

use super::{Data, EXTRA_LINE_SEARCH, MujocoTask, compile};
use crate::{EnvError, EnvRng, EnvSpec, Task, Transition};

/// What one environment's row holds.
const ROW: u32 = mjtState::mjSTATE_INTEGRATION as u32;
/// Positions and velocities beyond this count as diverged, as in MuJoCo itself (`mjMAXVAL`).
const LARGEST: f64 = 1e10;

/// A MuJoCo task, ready for [`Batch`](crate::Batch).
pub struct Mujoco {
    task: Box<dyn MujocoTask>,
    spec: EnvSpec,
    model: Arc<MjModel>,
    substeps: usize,
}

/// Simulation buffers of one thread.
pub struct Worker {
    data: Data,
    obs: Vec<f64>,
    action: Vec<f64>,
}

impl Mujoco {
    /// Compiles the model of `task` and prepares it for simulation.
    ///
    /// # Errors
    /// [`EnvError::Mujoco`] when MuJoCo refuses the model or the model lacks a part, and
    /// [`EnvError::Option`] when the specification does not fit the model.
    pub fn new(mut task: Box<dyn MujocoTask>) -> Result<Self, EnvError> {
        let spec = task.spec();
        let timing = task.timing();
        let mut model = compile(task.as_ref())?;
        if spec.action_dim != model.nu() as usize || timing.substeps == 0 {
            return Err(EnvError::Option {
                what: "action_dim, substeps",
                got: format!("{}, {}", spec.action_dim, timing.substeps),
                expected: "the number of the model's controls, at least 1",
            });
        }
        let options = model.opt_mut();
        options.timestep = timing.physics_dt;
        options.ls_iterations += EXTRA_LINE_SEARCH;
        // A state that leaves the finite numbers must be seen and counted, not replaced in
        // silence by the model's default state.
        options.disableflags |= mjtDisableBit::mjDSBL_AUTORESET as i32;
        task.patch(&mut model)?;
        task.bind(&model)?;
        Ok(Self { task, spec, model: Arc::new(model), substeps: timing.substeps })
    }

    /// The model that is simulated.
    pub fn model(&self) -> &Arc<MjModel> {
        &self.model
    }

    /// The rules on this model.
    pub fn rules(&self) -> &dyn MujocoTask {
        self.task.as_ref()
    }

    /// Simulation buffers at the model's default state.
    ///
    /// # Errors
    /// [`EnvError::Mujoco`] when memory runs out.
    pub fn data(&self) -> Result<Data, EnvError> {
        Data::try_new(Arc::clone(&self.model)).map_err(|error| self.error(&error))
    }

    /// Applies `action` for one control step. Returns whether positions and velocities stayed
    /// finite; if not, `data` must be reset.
    ///
    /// The physics clips each control to its range, as the Playground's does; a reward sees the
    /// action as it was given.
    pub fn advance(&self, data: &mut Data, action: &[f64]) -> bool {
        data.ctrl_mut().copy_from_slice(action);
        for _ in 0..self.substeps {
            data.step();
            if !data.qpos().iter().chain(data.qvel()).all(|x| x.abs() < LARGEST) {
                return false;
            }
        }
        true
    }

    fn error(&self, error: &dyn std::error::Error) -> EnvError {
        EnvError::Mujoco { task: self.spec.name.clone(), what: error.to_string() }
    }

    fn observe(&self, worker: &mut Worker, obs: &mut [f32]) {
        self.task.observe(&worker.data, &mut worker.obs);
        for (to, &from) in obs.iter_mut().zip(&worker.obs) {
            *to = from as f32;
        }
    }

    fn store(&self, data: &Data, state: &mut [f64]) -> Result<(), EnvError> {
        data.try_read_state_into(ROW, state).map(drop).map_err(|error| self.error(&error))
    }
}

impl Task for Mujoco {
    type Worker = Worker;

    fn spec(&self) -> EnvSpec {
        self.spec.clone()
    }

    fn state_len(&self) -> usize {
        self.model.state_size(ROW)
    }

    fn worker(&self) -> Result<Worker, EnvError> {
        Ok(Worker {
            data: self.data()?,
            obs: vec![0.0; self.spec.obs_dim],
            action: vec![0.0; self.spec.action_dim],
        })
    }

    fn reset(
        &self,
        worker: &mut Worker,
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        worker.data.reset();
        self.task.reset(&mut worker.data, rng);
        worker.data.forward();
        // A Playground start carries the accelerations of its forward pass; C leaves that to steps.
        let accelerations = worker.data.qacc().to_vec();
        worker.data.qacc_warmstart_mut().copy_from_slice(&accelerations);
        self.observe(worker, obs);
        self.store(&worker.data, state)
    }

    fn step(
        &self,
        worker: &mut Worker,
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        for (to, &from) in worker.action.iter_mut().zip(action) {
            *to = f64::from(from);
        }
        worker.data.set_state(state, ROW).map_err(|error| self.error(&error))?;
        if !self.advance(&mut worker.data, &worker.action) {
            worker.data.reset();
            return Ok(Transition::DIVERGED);
        }
        self.observe(worker, obs);
        let reward = self.task.reward(&worker.data, &worker.action) as f32;
        let terminated = self.task.terminated(&worker.data);
        self.store(&worker.data, state)?;
        Ok(Transition { terminated, ..Transition::reward(reward) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mujoco::Cartpole;

    #[test]
    fn a_start_carries_the_accelerations_of_its_forward_pass() {
        let mujoco = Mujoco::new(Box::new(Cartpole::balance())).unwrap();
        let mut worker = mujoco.worker().unwrap();
        let mut state = vec![0.0; mujoco.state_len()];
        let mut rng = EnvRng::for_reset(0, 0, 0);
        mujoco.reset(&mut worker, &mut rng, &mut state, &mut [0.0; 5]).unwrap();
        worker.data.set_state(&state, ROW).unwrap();
        let carried = worker.data.qacc_warmstart().to_vec();
        worker.data.forward();
        for (carried, computed) in carried.iter().zip(worker.data.qacc()) {
            assert!(*carried != 0.0 && (carried - computed).abs() < 1e-12);
        }
    }
}
