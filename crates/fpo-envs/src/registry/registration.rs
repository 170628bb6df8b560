//! The entry of one task in the registry, whatever its kind.

use crate::batch::Batch;
use crate::closed_form::ClosedForm;
use crate::error::EnvError;
use crate::options::VecEnvOptions;
#[cfg(feature = "mujoco")]
use crate::simulation::{mujoco::Mujoco, mujoco_task::MujocoTask};
use crate::spec::EnvSpec;
use crate::vec_env::VecEnv;

/// The result of building a batch.
pub(super) type Made = Result<Box<dyn VecEnv>, EnvError>;

/// One task of the registry.
pub(super) struct Registration {
    /// The name by which the task is found, equal to that in its specification.
    pub(super) name: String,
    /// Observations at which several ways are equally good, as far as they are known.
    pub(super) saddles: Vec<Vec<f32>>,
    kind: Kind,
}

enum Kind {
    /// A task of every build: its specification, and what builds a batch of it.
    ClosedForm(EnvSpec, Box<dyn FnOnce(&VecEnvOptions) -> Made>),
    /// A task on a MuJoCo model.
    #[cfg(feature = "mujoco")]
    Mujoco(Box<dyn MujocoTask>),
    /// A task on a MuJoCo model in a build without MuJoCo, which knows only the task's name.
    #[cfg(not(feature = "mujoco"))]
    MujocoMissing,
}

impl Registration {
    /// Registers a task whose step is a formula, under the name in its specification.
    pub(super) fn closed_form(task: impl ClosedForm) -> Self {
        let (spec, saddles) = (ClosedForm::spec(&task), task.saddles());
        let name = spec.name.clone();
        let make = |options: &VecEnvOptions| -> Made { Ok(Box::new(Batch::new(task, options)?)) };
        Self { name, saddles, kind: Kind::ClosedForm(spec, Box::new(make)) }
    }

    /// Registers a task on a MuJoCo model.
    #[cfg(feature = "mujoco")]
    pub(super) fn mujoco(name: &str, rules: impl MujocoTask) -> Self {
        Self { name: name.into(), saddles: Vec::new(), kind: Kind::Mujoco(Box::new(rules)) }
    }

    /// Registers the name of a task on a MuJoCo model in a build without MuJoCo, so that an error
    /// can say how to get it.
    #[cfg(not(feature = "mujoco"))]
    pub(super) fn mujoco_missing(name: &str) -> Self {
        Self { name: name.into(), saddles: Vec::new(), kind: Kind::MujocoMissing }
    }

    /// Returns the task's specification.
    pub(super) fn spec(&self) -> Result<EnvSpec, EnvError> {
        match &self.kind {
            Kind::ClosedForm(spec, _) => Ok(spec.clone()),
            #[cfg(feature = "mujoco")]
            Kind::Mujoco(rules) => Ok(rules.spec()),
            #[cfg(not(feature = "mujoco"))]
            Kind::MujocoMissing => Err(EnvError::MujocoMissing { task: self.name.clone() }),
        }
    }

    /// Builds a batch of the task.
    pub(super) fn make(self, options: &VecEnvOptions) -> Made {
        match self.kind {
            Kind::ClosedForm(_, make) => make(options),
            #[cfg(feature = "mujoco")]
            Kind::Mujoco(rules) => Ok(Box::new(Batch::new(Mujoco::new(rules)?, options)?)),
            #[cfg(not(feature = "mujoco"))]
            Kind::MujocoMissing => Err(EnvError::MujocoMissing { task: self.name }),
        }
    }

    /// Returns the rules of a task on a MuJoCo model; `None` for any other task.
    #[cfg(feature = "mujoco")]
    pub(super) fn into_rules(self) -> Option<Box<dyn MujocoTask>> {
        match self.kind {
            Kind::Mujoco(rules) => Some(rules),
            Kind::ClosedForm(..) => None,
        }
    }
}
