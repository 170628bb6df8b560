//! The list of all tasks, from which everything that the registry knows follows.
//!
//! A new task is its own file and one line here; a new layout of the grid world is one entry of
//! [`LAYOUTS`](crate::gridworld::LAYOUTS).

use super::registration::Registration;
use crate::classic;
#[cfg(feature = "mujoco")]
use crate::control_suite as suite;
use crate::gridworld::{GridWorld, LAYOUTS};

/// Registers a task on a MuJoCo model under a name, which every build knows. The rules exist in
/// builds with MuJoCo alone.
#[cfg(feature = "mujoco")]
macro_rules! mujoco {
    ($name:literal, $rules:expr) => {
        Registration::mujoco($name, $rules)
    };
}
#[cfg(not(feature = "mujoco"))]
macro_rules! mujoco {
    ($name:literal, $rules:expr) => {
        Registration::mujoco_missing($name)
    };
}

/// Returns every task, in the order in which [`tasks`](super::tasks) lists them.
pub(super) fn registrations() -> Vec<Registration> {
    // Each layout has a free cell to start from, so that none is left out.
    let worlds = LAYOUTS.iter().filter_map(|layout| GridWorld::layout(layout.name).ok());
    let mut all: Vec<Registration> = worlds.map(Registration::closed_form).collect();
    all.extend([
        Registration::closed_form(classic::Pendulum),
        Registration::closed_form(classic::Cartpole),
        Registration::closed_form(classic::MultiGoal),
        Registration::closed_form(classic::DrawnGoal),
        mujoco!("CartpoleBalance", suite::cartpole::Cartpole::balance()),
        mujoco!("CartpoleBalanceSparse", suite::cartpole::Cartpole::balance_sparse()),
        mujoco!("CartpoleSwingup", suite::cartpole::Cartpole::swingup()),
        mujoco!("CartpoleSwingupSparse", suite::cartpole::Cartpole::swingup_sparse()),
        mujoco!("PointMass", suite::point_mass::PointMass::default()),
        mujoco!("CheetahRun", suite::cheetah::CheetahRun::default()),
        mujoco!("AcrobotSwingup", suite::acrobot::Acrobot::swingup()),
        mujoco!("AcrobotSwingupSparse", suite::acrobot::Acrobot::swingup_sparse()),
        mujoco!("BallInCup", suite::ball_in_cup::BallInCup::default()),
        mujoco!("FingerSpin", suite::finger::Finger::spin()),
        mujoco!("FingerTurnEasy", suite::finger::Finger::turn_easy()),
        mujoco!("FingerTurnHard", suite::finger::Finger::turn_hard()),
        mujoco!("PendulumSwingup", suite::pendulum::PendulumSwingup::default()),
        mujoco!("ReacherEasy", suite::reacher::Reacher::easy()),
        mujoco!("ReacherHard", suite::reacher::Reacher::hard()),
        mujoco!("FishSwim", suite::fish::FishSwim::default()),
        mujoco!("SwimmerSwimmer6", suite::swimmer::SwimmerSwimmer6::default()),
        mujoco!("HopperHop", suite::hopper::Hopper::hop()),
        mujoco!("HopperStand", suite::hopper::Hopper::stand()),
        mujoco!("WalkerStand", suite::walker::Walker::stand()),
        mujoco!("WalkerWalk", suite::walker::Walker::walk()),
        mujoco!("WalkerRun", suite::walker::Walker::run()),
        mujoco!("HumanoidStand", suite::humanoid::Humanoid::stand()),
        mujoco!("HumanoidWalk", suite::humanoid::Humanoid::walk()),
        mujoco!("HumanoidRun", suite::humanoid::Humanoid::run()),
    ]);
    all
}
