//! Turns a [`MujocoTask`] into a [`Task`], which the batch driver runs.
//!
//! A step loads an environment's row into the worker's `mjData`, sets the controls, steps the
//! physics, reads observation and reward, and stores the row. Measurements with one `mjData` per
//! environment gave the same bits.

use std::sync::Arc;

use mujoco_rs::mujoco_c::mjtDisableBit;

use super::compile::compile;
use super::mujoco_task::{Data, MjModel, MujocoTask};
use super::row::RowLayout;
use super::stepping::Stepping;
use crate::error::EnvError;
use crate::options::Starts;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;
use crate::task::{Task, Transition};

/// Added to the model's `ls_iterations`. With it C MuJoCo's line search stops where MJX's does,
/// so that our trajectories are the Playground's: measured in float64, to 1e-13 as long as nothing
/// touches. In contact both stop before they have converged, and their trajectories may differ.
const EXTRA_LINE_SEARCH: i32 = 2;

/// Positions and velocities beyond this count as diverged, as in MuJoCo itself (`mjMAXVAL`).
const LARGEST: f64 = 1e10;
/// Physics steps of one piece of settling: as many as a few control steps have, so that it delays
/// no batch.
const SETTLING_PIECE: usize = 5;

/// A MuJoCo task, ready for `Batch`.
pub struct Mujoco {
    task: Box<dyn MujocoTask>,
    spec: EnvSpec,
    model: Arc<MjModel>,
    row: RowLayout,
    stepping: Stepping,
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
        if spec.action_dim != model.nu() as usize {
            return Err(EnvError::Option {
                what: "action_dim",
                got: spec.action_dim.to_string(),
                expected: "the number of the model's controls",
            });
        }
        if timing.substeps == 0 {
            let (what, got, expected) = ("substeps", "0".into(), "at least 1");
            return Err(EnvError::Option { what, got, expected });
        }
        let options = model.opt_mut();
        options.timestep = timing.physics_dt;
        options.ls_iterations += EXTRA_LINE_SEARCH;
        // A state that leaves the finite numbers must be seen and counted, not replaced in
        // silence by the model's default state.
        options.disableflags |= mjtDisableBit::mjDSBL_AUTORESET as i32;
        task.patch(&mut model)?;
        let stepping = Stepping::choose(&mut model);
        task.bind(&model)?;
        Ok(Self {
            task,
            spec,
            row: RowLayout::new(&model),
            model: Arc::new(model),
            stepping,
            substeps: timing.substeps,
            starts: Starts::default(),
        })
    }

    /// Returns the model that is simulated.
    pub fn model(&self) -> &Arc<MjModel> {
        &self.model
    }

    /// Returns the rules on this model.
    pub fn rules(&self) -> &dyn MujocoTask {
        self.task.as_ref()
    }

    /// Makes simulation buffers at the model's default state.
    ///
    /// # Errors
    /// [`EnvError::Mujoco`] when memory runs out.
    pub fn data(&self) -> Result<Data, EnvError> {
        Data::try_new(Arc::clone(&self.model)).map_err(|error| self.error(&error))
    }

    /// Applies `action` for one control step. Returns whether positions and velocities stayed
    /// finite; if not, `data` must be reset.
    ///
    /// The physics clips each control to its range, as the Playground's does. A reward is computed
    /// from the action as it was given.
    pub fn advance(&self, data: &mut Data, action: &[f64]) -> bool {
        data.ctrl_mut().copy_from_slice(action);
        for later in (0..self.substeps).rev() {
            self.stepping.step(data, later == 0);
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

    /// Writes the first state and observation of an episode, once its start is drawn and at rest.
    fn begin(
        &self,
        worker: &mut Worker,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let data = &mut worker.data;
        data.forward();
        // A start of the Playground carries the accelerations of its forward pass. C MuJoCo keeps
        // them after a step only, so they are copied here.
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
            self.stepping.step(&mut worker.data, false);
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
