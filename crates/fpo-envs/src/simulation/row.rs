//! The row of one environment: `mjSTATE_INTEGRATION`, which is time, positions, velocities,
//! activations, warm start, controls, applied forces, mocap poses, user data and everything else on
//! which the next step depends.
//!
//! MuJoCo copies such a row piece by piece and looks up the size of each piece several times. For
//! a cart-pole that took about a sixth of a control step, so models without the rarer pieces
//! (equality constraints, delays, plugins) are copied here, in MuJoCo's order.

use mujoco_rs::mujoco_c::mjtState;
use mujoco_rs::prelude::MjDataError;
use mujoco_rs::wrappers::MjModel;

use super::mujoco_task::Data;

/// MuJoCo's name for the contents of a row.
const PARTS: u32 = mjtState::mjSTATE_INTEGRATION as u32;

/// The layout of the rows of one model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLayout {
    len: usize,
    /// Whether the model has none of the rarer pieces.
    pub(crate) plain: bool,
}

impl RowLayout {
    /// Returns the layout for a model.
    pub(crate) fn new(model: &MjModel) -> Self {
        let rare = [model.neq(), model.nhistory(), model.npluginstate()];
        Self { len: model.state_size(PARTS), plain: rare.iter().all(|&size| size == 0) }
    }

    /// Number of elements in a row.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Copies a row into `data`.
    pub(crate) fn load(self, data: &mut Data, row: &[f64]) -> Result<(), MjDataError> {
        let Some((&time, mut rest)) = row.split_first().filter(|_| self.fits(row)) else {
            return data.set_state(row, PARTS);
        };
        let mut take = |to: &mut [f64]| {
            let (now, later) = rest.split_at(to.len());
            to.copy_from_slice(now);
            rest = later;
        };
        take(data.qpos_mut());
        take(data.qvel_mut());
        take(data.act_mut());
        take(data.qacc_warmstart_mut());
        take(data.ctrl_mut());
        take(data.qfrc_applied_mut());
        take(data.xfrc_applied_mut().as_flattened_mut());
        take(data.mocap_pos_mut().as_flattened_mut());
        take(data.mocap_quat_mut().as_flattened_mut());
        take(data.userdata_mut());
        data.set_time(time);
        Ok(())
    }

    /// Copies a row out of `data`.
    pub(crate) fn store(self, data: &Data, row: &mut [f64]) -> Result<(), MjDataError> {
        if !self.fits(row) {
            return data.try_read_state_into(PARTS, row).map(drop);
        }
        let mut at = 0;
        let mut put = |from: &[f64]| {
            row[at..at + from.len()].copy_from_slice(from);
            at += from.len();
        };
        put(&[data.time()]);
        put(data.qpos());
        put(data.qvel());
        put(data.act());
        put(data.qacc_warmstart());
        put(data.ctrl());
        put(data.qfrc_applied());
        put(data.xfrc_applied().as_flattened());
        put(data.mocap_pos().as_flattened());
        put(data.mocap_quat().as_flattened());
        put(data.userdata());
        Ok(())
    }

    /// Whether this file can copy a row itself.
    fn fits(self, row: &[f64]) -> bool {
        self.plain && row.len() == self.len
    }
}
