//! One environment's row: `mjSTATE_INTEGRATION`, which is time, positions, velocities, activations,
//! warm start, controls, applied forces, mocap poses and all else that the next step depends on.
//!
//! MuJoCo copies such a row piece by piece and looks up the size of each piece several times. For
//! a cart-pole that took about a sixth of a control step, so models without the rarer pieces
//! (equality constraints, delays, user data, plugins) are copied here, in MuJoCo's order.

use mujoco_rs::mujoco_c::mjtState;
use mujoco_rs::prelude::MjDataError;
use mujoco_rs::wrappers::MjModel;

use super::Data;

/// MuJoCo's name for what a row holds.
const PARTS: u32 = mjtState::mjSTATE_INTEGRATION as u32;

/// The layout of the rows of one model.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLayout {
    len: usize,
    /// Whether the model has none of the rarer pieces.
    plain: bool,
}

impl RowLayout {
    /// The layout for a model.
    pub(super) fn new(model: &MjModel) -> Self {
        let rare = [model.neq(), model.nhistory(), model.nuserdata(), model.npluginstate()];
        Self { len: model.state_size(PARTS), plain: rare.iter().all(|&size| size == 0) }
    }

    /// Numbers in a row.
    pub(super) fn len(self) -> usize {
        self.len
    }

    /// Puts a row into `data`.
    pub(super) fn load(self, data: &mut Data, row: &[f64]) -> Result<(), MjDataError> {
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
        data.set_time(time);
        Ok(())
    }

    /// Takes a row from `data`.
    pub(super) fn store(self, data: &Data, row: &mut [f64]) -> Result<(), MjDataError> {
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
        Ok(())
    }

    fn fits(self, row: &[f64]) -> bool {
        self.plain && row.len() == self.len
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mujoco::{compile, tasks};

    fn numbers(count: usize) -> Vec<f64> {
        (1..=count).map(|i| i as f64 / 7.0).collect()
    }

    #[test]
    fn rows_are_those_of_mujoco_for_every_model() {
        for task in tasks() {
            let model = Arc::new(compile(task.as_ref()).unwrap());
            let layout = RowLayout::new(&model);
            assert!(layout.plain, "{}", task.domain());
            let (mut ours, mut theirs) = (Data::new(Arc::clone(&model)), Data::new(model));
            let row = numbers(layout.len());
            layout.load(&mut ours, &row).unwrap();
            theirs.set_state(&row, PARTS).unwrap();
            assert_eq!(ours.state(PARTS), theirs.state(PARTS), "{}", task.domain());
            let mut stored = vec![0.0; layout.len()];
            layout.store(&ours, &mut stored).unwrap();
            assert_eq!(stored, row, "{}", task.domain());
            assert!(layout.load(&mut ours, &row[1..]).is_err());
            assert!(layout.store(&ours, &mut stored[1..]).is_err());
        }
    }

    #[test]
    fn a_model_with_an_equality_constraint_is_left_to_mujoco() {
        let xml = r#"<mujoco><worldbody><body name="a"><freejoint/><geom size="1"/></body>
            </worldbody><equality><weld body1="a"/></equality></mujoco>"#;
        let model = Arc::new(MjModel::from_xml_string(xml).unwrap());
        let layout = RowLayout::new(&model);
        assert!(!layout.plain);
        let mut data = Data::new(model);
        let mut row = vec![0.0; layout.len()];
        layout.store(&data, &mut row).unwrap();
        row[3] = 4.5;
        layout.load(&mut data, &row).unwrap();
        assert_eq!(data.qpos()[2], 4.5);
    }
}
