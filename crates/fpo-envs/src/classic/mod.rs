//! Tasks whose equations of motion fit on a page: they need no simulator, run in every build and
//! take well under a microsecond a step.
//!
//! | task               | what it is for                                                       |
//! |--------------------|----------------------------------------------------------------------|
//! | `Classic/Pendulum` | swing-up with too weak a motor: control over a long horizon          |
//! | `Classic/Cartpole` | balancing with early ends: termination against truncation            |
//! | `Classic/MultiGoal`| four equally good goals: the best policy has four modes at the centre|

mod cartpole;
mod multi_goal;
mod pendulum;
mod runge_kutta;

pub use cartpole::Cartpole;
pub use multi_goal::{GOAL_RADIUS, GOALS, MultiGoal};
pub use pendulum::Pendulum;

use crate::{Batch, EnvError, EnvSpec, Task, VecEnv, VecEnvOptions};

/// Gravity, in m/s².
const GRAVITY: f64 = 9.81;

/// The specifications of all closed-form tasks.
pub(crate) fn specs() -> [EnvSpec; 3] {
    [Pendulum.spec(), Cartpole.spec(), MultiGoal.spec()]
}

/// Builds a batch of a closed-form task; `None` for a name that no such task has.
pub(crate) fn make(
    name: &str,
    options: &VecEnvOptions,
) -> Option<Result<Box<dyn VecEnv>, EnvError>> {
    match name {
        pendulum::NAME => Some(boxed(Pendulum, options)),
        cartpole::NAME => Some(boxed(Cartpole, options)),
        multi_goal::NAME => Some(boxed(MultiGoal, options)),
        _ => None,
    }
}

fn boxed<T: Task>(task: T, options: &VecEnvOptions) -> Result<Box<dyn VecEnv>, EnvError> {
    Ok(Box::new(Batch::new(task, options)?))
}

/// One element of an action within its range.
fn clipped(action: f32) -> f64 {
    f64::from(action.clamp(-1.0, 1.0))
}

/// An observation in the learner's precision.
fn write<const N: usize>(obs: &mut [f32], values: [f64; N]) {
    for (to, from) in obs.iter_mut().zip(values) {
        *to = from as f32;
    }
}
