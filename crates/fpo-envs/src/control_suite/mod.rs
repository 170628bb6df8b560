//! The tasks of the DeepMind Control Suite as MuJoCo Playground 0.0.5 defines them, on models of
//! our own with equal physics. One file holds the tasks of one domain.

pub(crate) mod acrobot;
mod axes;
pub(crate) mod ball_in_cup;
pub(crate) mod cartpole;
pub(crate) mod cheetah;
pub(crate) mod finger;
pub(crate) mod fish;
mod frame;
pub(crate) mod hopper;
pub(crate) mod humanoid;
mod lookup;
pub(crate) mod pendulum;
pub(crate) mod point_mass;
pub(crate) mod reacher;
mod starts;
mod suite_spec;
pub(crate) mod swimmer;
pub(crate) mod walker;
