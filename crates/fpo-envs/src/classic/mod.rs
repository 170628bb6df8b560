//! Tasks whose equations of motion fit on a page: they need no simulator, run in every build and
//! take well under a microsecond a step.
//!
//! | task               | what it is for                                                       |
//! |--------------------|----------------------------------------------------------------------|
//! | `Classic/Pendulum` | swing-up with too weak a motor: control over a long horizon          |
//! | `Classic/Cartpole` | balancing with early ends: termination against truncation            |
//! | `Classic/MultiGoal`| four equally good goals: the best policy has four modes at the centre|
//! | `Classic/DrawnGoal`| one of four goals drawn for each episode, to be shown or hidden      |

mod cartpole;
mod drawn_goal;
mod mechanics;
mod multi_goal;
mod pendulum;

pub use cartpole::Cartpole;
pub use drawn_goal::DrawnGoal;
pub use multi_goal::{GOAL_RADIUS, GOALS, MultiGoal};
pub use pendulum::Pendulum;
