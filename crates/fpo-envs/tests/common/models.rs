//! Compares a task's compiled model with the Playground's, field by field.

#![allow(dead_code, reason = "each test file uses a part of it")]

use fpo_envs::mujoco::{MujocoTask, compile};
use mujoco_rs::wrappers::MjModel;
use serde_json::Value;

use super::Report;

/// Both sides are compiled by the same MuJoCo, so that they differ only in how a rotation was
/// written down: in degrees here, as a quaternion's digits there.
pub const TOLERANCE: f64 = 1e-14;

/// A number or a nested array of numbers, which can be appended to a flat list.
trait Flat {
    fn flat(&self, into: &mut Vec<f64>);
}

macro_rules! flat_number {
    ($($type:ty),*) => {$(impl Flat for $type {
        fn flat(&self, into: &mut Vec<f64>) {
            into.push(f64::from(*self));
        }
    })*};
}
flat_number!(f64, i32, bool);

impl<T: Flat> Flat for [T] {
    fn flat(&self, into: &mut Vec<f64>) {
        self.iter().for_each(|item| item.flat(into));
    }
}

impl<T: Flat, const N: usize> Flat for [T; N] {
    fn flat(&self, into: &mut Vec<f64>) {
        self.as_slice().flat(into);
    }
}

fn flat<T: Flat + ?Sized>(value: &T) -> Vec<f64> {
    let mut list = Vec::new();
    value.flat(&mut list);
    list
}

fn flat_json(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flat_json(item, into)),
        Value::Bool(flag) => into.push(f64::from(*flag)),
        other => into.push(other.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Looks one field of the model up by the name that MuJoCo and the golden file give it.
fn field(model: &MjModel, name: &str) -> Option<Vec<f64>> {
    macro_rules! fields {
        (numbers: $($number:ident)*; kinds: $($kind:ident)*;) => {
            match name {
                $(stringify!($number) => Some(flat(model.$number())),)*
                $(stringify!($kind) => {
                    Some(model.$kind().iter().map(|&kind| f64::from(kind as u32)).collect())
                })*
                _ => None,
            }
        };
    }
    fields! {
        numbers: qpos0 qpos_spring
            body_parentid body_pos body_quat body_ipos body_iquat body_mass body_inertia
            body_gravcomp body_mocapid
            jnt_bodyid jnt_pos jnt_axis jnt_stiffness jnt_range jnt_limited jnt_solref jnt_solimp
            jnt_margin jnt_actfrclimited jnt_actfrcrange
            dof_armature dof_damping dof_frictionloss dof_solref dof_solimp
            geom_bodyid geom_contype geom_conaffinity geom_condim geom_priority geom_size geom_pos
            geom_quat geom_friction geom_solref geom_solimp geom_solmix geom_margin geom_gap
            geom_fluid
            site_bodyid site_size site_pos site_quat
            tendon_num tendon_limited tendon_range tendon_stiffness tendon_damping
            tendon_frictionloss tendon_lengthspring tendon_solref_lim tendon_solimp_lim
            wrap_objid wrap_prm
            eq_obj1id eq_obj2id eq_data
            actuator_trnid actuator_ctrllimited actuator_ctrlrange actuator_forcelimited
            actuator_forcerange actuator_gear actuator_gainprm actuator_biasprm actuator_dynprm
            sensor_objid sensor_dim sensor_adr sensor_cutoff
            exclude_signature;
        kinds: jnt_type geom_type site_type wrap_type eq_type
            actuator_trntype actuator_dyntype actuator_gaintype actuator_biastype
            sensor_type sensor_datatype sensor_objtype;
    }
}

/// Looks one field of the options up.
fn option(model: &MjModel, name: &str) -> Option<Vec<f64>> {
    let options = model.opt();
    macro_rules! fields {
        ($($field:ident)*) => {
            match name {
                $(stringify!($field) => Some(flat(&options.$field)),)*
                _ => None,
            }
        };
    }
    fields! {
        timestep impratio gravity wind magnetic density viscosity o_margin integrator cone jacobian
        solver iterations ls_iterations noslip_iterations tolerance ls_tolerance disableflags
        enableflags
    }
}

/// Compares every field of a stored model with that of `task` as it is compiled; each field is a
/// case.
pub fn compare(task: &dyn MujocoTask, golden: &Value, report: &mut Report) {
    let model = compile(task).unwrap();
    let mut check = |name: &str, ours: Option<Vec<f64>>, value: &Value| {
        let ours = ours.unwrap_or_else(|| panic!("{}: no field `{name}`", task.domain()));
        let mut want = Vec::new();
        flat_json(value, &mut want);
        report.compare(name, &ours, &want);
    };
    for (name, value) in golden.as_object().unwrap() {
        match (name.as_str(), value.as_object()) {
            ("names", _) => {}
            ("opt", Some(options)) => {
                for (name, value) in options {
                    check(name, option(&model, name), value);
                }
            }
            _ => check(name, field(&model, name), value),
        }
    }
}

/// Compares two of our models, as they are simulated, in every field of a stored one.
pub fn compare_ours(one: &MjModel, other: &MjModel, golden: &Value, report: &mut Report) {
    for name in golden.as_object().unwrap().keys() {
        if let (Some(one), Some(other)) = (field(one, name), field(other, name)) {
            report.compare(name, &one, &other);
        }
    }
    for name in golden["opt"].as_object().unwrap().keys() {
        if let (Some(one), Some(other)) = (option(one, name), option(other, name)) {
            report.compare(name, &one, &other);
        }
    }
}
