//! Starts that several tasks share.

use std::f64::consts::PI;

use super::Data;
use crate::EnvRng;

/// Coordinates of a root that moves in a plane: two positions, then an angle.
pub(super) const PLANAR_ROOT: usize = 3;

/// A planar body in any direction, every joint beyond its root anywhere in its range.
pub(super) fn planar_pose(data: &mut Data, rng: &mut EnvRng) {
    data.qpos_mut()[PLANAR_ROOT - 1] = rng.uniform(-PI, PI);
    for joint in PLANAR_ROOT..data.qpos().len() {
        let [low, high] = data.model().jnt_range()[joint];
        data.qpos_mut()[joint] = rng.uniform(low, high);
    }
}
