//! A physics step without the work that changes no bit of its result.
//!
//! `mj_step` computes every sensor at every step, and checks state and accelerations three times.
//! Only the last of a control step's physics steps has a reader of its sensors, and the caller
//! checks the state itself, so a step is put together here from the parts of `mj_step`: the forward
//! pass with or without sensors, then the integrator. On a model that enables more than these
//! parts, `mj_step` itself steps.
//!
//! Two stages of the forward pass are switched off where they find nothing that is not known:
//!
//! - *Islands.* The solver treats groups of trees that touch one another separately. A model of one
//!   tree has one group, with all coordinates and constraints in their own order.
//! - *The midphase.* A tree of boxes finds the geoms of two bodies that may touch; without it every
//!   pair is tested by its bounding spheres, in the order into which the midphase sorts its
//!   contacts. For a few geoms the tests cost less than the tree.

use mujoco_rs::mujoco_c::mjtStage::mjSTAGE_NONE;
use mujoco_rs::mujoco_c::{mjtDisableBit, mjtIntegrator, mjtSolver};

use super::mujoco_task::{Data, MjModel};

/// Number of geoms of one body up to which the midphase is left out: more than any stored model
/// has, and so few that two such bodies have 64 pairs.
const FEW_GEOMS: i32 = 8;

const EULER: i32 = mjtIntegrator::mjINT_EULER as i32;
const IMPLICIT: i32 = mjtIntegrator::mjINT_IMPLICIT as i32;
const IMPLICITFAST: i32 = mjtIntegrator::mjINT_IMPLICITFAST as i32;

/// How the physics of one model steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stepping {
    /// By `mj_step`.
    Whole,
    /// By the forward pass and `mj_Euler`.
    Euler,
    /// By the forward pass and `mj_implicit`.
    Implicit,
}

impl Stepping {
    /// Chooses how a model steps, and switches off the stages that it does not need.
    pub(super) fn choose(model: &mut MjModel) -> Self {
        // What can be enabled may need islands (sleep) or more than the parts (inverse dynamics).
        // The history of sensors, and the state of plugins that compute them, belong to a row.
        if model.opt().enableflags != 0 || model.nhistory() > 0 || model.nplugin() > 0 {
            return Self::Whole;
        }
        let few_geoms = model.body_geomnum().iter().all(|&geoms| geoms <= FEW_GEOMS);
        let (one_tree, rigid) = (model.ntree() == 1, model.nflex() == 0);
        let options = model.opt_mut();
        let newton = options.solver == mjtSolver::mjSOL_NEWTON as i32;
        if one_tree && newton && options.noslip_iterations == 0 {
            options.disableflags |= mjtDisableBit::mjDSBL_ISLAND as i32;
        }
        if few_geoms && rigid {
            options.disableflags |= mjtDisableBit::mjDSBL_MIDPHASE as i32;
        }
        match options.integrator {
            EULER => Self::Euler,
            IMPLICIT | IMPLICITFAST => Self::Implicit,
            _ => Self::Whole,
        }
    }

    /// Makes one physics step. Without `sensors` they keep the values of an earlier step.
    pub(super) fn step(self, data: &mut Data, sensors: bool) {
        if self == Self::Whole {
            return data.step();
        }
        data.forward_skip(mjSTAGE_NONE, !sensors);
        if self == Self::Euler { data.euler() } else { data.implicit() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISLAND: i32 = mjtDisableBit::mjDSBL_ISLAND as i32;
    const MIDPHASE: i32 = mjtDisableBit::mjDSBL_MIDPHASE as i32;

    /// Returns how a model of `trees` boxes of `geoms` parts steps, and the stages it leaves out.
    fn chosen(option: &str, trees: usize, geoms: usize) -> (Stepping, i32) {
        let tree = format!(r#"<body><freejoint/>{}</body>"#, r#"<geom size="1"/>"#.repeat(geoms));
        let xml = format!("<mujoco>{option}<worldbody>{}</worldbody></mujoco>", tree.repeat(trees));
        let mut model = MjModel::from_xml_string(&xml).unwrap();
        let before = model.opt().disableflags;
        let stepping = Stepping::choose(&mut model);
        (stepping, model.opt().disableflags & !before)
    }

    #[test]
    fn the_integrator_says_how_a_model_steps() {
        for (integrator, stepping) in [
            ("Euler", Stepping::Euler),
            ("implicit", Stepping::Implicit),
            ("implicitfast", Stepping::Implicit),
            ("RK4", Stepping::Whole),
        ] {
            let option = format!(r#"<option integrator="{integrator}"/>"#);
            assert_eq!(chosen(&option, 1, 1), (stepping, ISLAND | MIDPHASE), "{integrator}");
        }
    }

    #[test]
    fn stages_that_find_something_stay_on() {
        assert_eq!(chosen("", 2, 1), (Stepping::Euler, MIDPHASE));
        assert_eq!(chosen(r#"<option solver="CG"/>"#, 1, 1), (Stepping::Euler, MIDPHASE));
        assert_eq!(chosen(r#"<option noslip_iterations="1"/>"#, 1, 1).1, MIDPHASE);
        assert_eq!(chosen("", 1, 8), (Stepping::Euler, ISLAND | MIDPHASE));
        assert_eq!(chosen("", 1, 9), (Stepping::Euler, ISLAND));
    }

    #[test]
    fn a_model_that_enables_more_is_left_as_it_is() {
        let option = r#"<option><flag energy="enable"/></option>"#;
        assert_eq!(chosen(option, 1, 1), (Stepping::Whole, 0));
    }
}
