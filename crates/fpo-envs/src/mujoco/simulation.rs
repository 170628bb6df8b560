//! Runs a [`MujocoTask`] under the batch driver.
//!
//! A step loads an environment's row into the worker's `mjData`, sets the controls, steps the
//! physics, reads observation and reward, and stores the row. Measured against one `mjData` per
//! environment this gives the same bits.

use std::sync::Arc;

use mujoco_rs::mujoco_c::mjtDisableBit;
use mujoco_rs::wrappers::MjModel;

use super::row::RowLayout;
use super::{Data, EXTRA_LINE_SEARCH, MujocoTask, compile};
use crate::{EnvError, EnvRng, EnvSpec, Starts, Task, Transition};

/// Positions and velocities beyond this count as diverged, as in MuJoCo itself (`mjMAXVAL`).
const LARGEST: f64 = 1e10;
/// Physics steps of one piece of settling: a few control steps' worth, so that it delays no batch.
const SETTLING_PIECE: usize = 5;

/// A MuJoCo task, ready for [`Batch`](crate::Batch).
pub struct Mujoco {
    task: Box<dyn MujocoTask>,
    spec: EnvSpec,
    model: Arc<MjModel>,
    row: RowLayout,
    substeps: usize,
    starts: Starts,
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
        Ok(Self {
            task,
            spec,
            row: RowLayout::new(&model),
            model: Arc::new(model),
            substeps: timing.substeps,
            starts: Starts::default(),
        })
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

    /// Makes an episode's first state and observation of a start that is drawn and at rest.
    fn begin(
        &self,
        worker: &mut Worker,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let data = &mut worker.data;
        data.forward();
        // A Playground start carries the accelerations of its forward pass; C leaves that to steps.
        let accelerations = data.qacc().to_vec();
        data.qacc_warmstart_mut().copy_from_slice(&accelerations);
        self.observe(worker, obs);
        self.store(&worker.data, state)
    }

    fn load(&self, data: &mut Data, state: &[f64]) -> Result<(), EnvError> {
        self.row.load(data, state).map_err(|error| self.error(&error))
    }

    fn store(&self, data: &Data, state: &mut [f64]) -> Result<(), EnvError> {
        self.row.store(data, state).map_err(|error| self.error(&error))
    }
}

impl Task for Mujoco {
    type Worker = Worker;

    fn spec(&self) -> EnvSpec {
        self.spec.clone()
    }

    fn state_len(&self) -> usize {
        self.row.len()
    }

    fn worker(&self) -> Result<Worker, EnvError> {
        Ok(Worker {
            data: self.data()?,
            obs: vec![0.0; self.spec.obs_dim],
            action: vec![0.0; self.spec.action_dim],
        })
    }

    fn choose_starts(&mut self, starts: Starts) {
        self.starts = starts;
    }

    fn reset(
        &self,
        worker: &mut Worker,
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        worker.data.reset();
        match self.starts {
            Starts::Drawn => self.task.reset(&mut worker.data, rng),
            Starts::Official => self.task.reset_officially(&mut worker.data, rng),
        }
        if self.settling() > 0 {
            return self.store(&worker.data, state);
        }
        self.begin(worker, state, obs)
    }

    fn settling(&self) -> usize {
        self.task.settling_steps().div_ceil(SETTLING_PIECE)
    }

    fn settle(
        &self,
        worker: &mut Worker,
        piece: usize,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let left = self.task.settling_steps().saturating_sub(piece * SETTLING_PIECE);
        self.load(&mut worker.data, state)?;
        for _ in 0..left.min(SETTLING_PIECE) {
            worker.data.step();
        }
        if left > SETTLING_PIECE {
            return self.store(&worker.data, state);
        }
        worker.data.set_time(0.0);
        self.begin(worker, state, obs)
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
        self.load(&mut worker.data, state)?;
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
    use crate::mujoco::{Cartpole, CheetahRun};

    #[test]
    fn a_start_settled_in_pieces_is_the_one_settled_at_one_go() {
        let mujoco = Mujoco::new(Box::<CheetahRun>::default()).unwrap();
        let (mut worker, mut other) = (mujoco.worker().unwrap(), mujoco.worker().unwrap());
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 17]);
        let (mut busy, mut unseen) = (state.clone(), obs);
        let mut rng = EnvRng::for_reset(0, 0, 0);
        mujoco.reset(&mut other, &mut rng, &mut busy, &mut unseen).unwrap();
        mujoco.reset(&mut worker, &mut EnvRng::for_reset(0, 1, 0), &mut state, &mut obs).unwrap();
        for piece in 0..mujoco.settling() {
            mujoco.settle(&mut worker, piece, &mut state, &mut obs).unwrap();
            mujoco.settle(&mut worker, piece, &mut busy, &mut unseen).unwrap();
        }
        let mut data = mujoco.data().unwrap();
        mujoco.task.reset(&mut data, &mut EnvRng::for_reset(0, 1, 0));
        (0..200).for_each(|_| data.step());
        mujoco.load(&mut worker.data, &state).unwrap();
        assert_eq!(worker.data.qpos(), data.qpos());
        assert_eq!(worker.data.qvel(), data.qvel());
        assert_eq!(worker.data.time(), 0.0);
        assert_eq!(f64::from(obs[0]), f64::from(data.qpos()[1] as f32));
    }

    #[test]
    fn a_start_carries_the_accelerations_of_its_forward_pass() {
        let mujoco = Mujoco::new(Box::new(Cartpole::balance())).unwrap();
        let mut worker = mujoco.worker().unwrap();
        let mut state = vec![0.0; mujoco.state_len()];
        let mut rng = EnvRng::for_reset(0, 0, 0);
        mujoco.reset(&mut worker, &mut rng, &mut state, &mut [0.0; 5]).unwrap();
        mujoco.load(&mut worker.data, &state).unwrap();
        let carried = worker.data.qacc_warmstart().to_vec();
        worker.data.forward();
        for (carried, computed) in carried.iter().zip(worker.data.qacc()) {
            assert!(*carried != 0.0 && (carried - computed).abs() < 1e-12);
        }
    }
}
