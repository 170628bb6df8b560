//! Statistics of the scores of several runs, as Agarwal et al., "Deep Reinforcement Learning at the
//! Edge of the Statistical Precipice" (2021, arXiv:2108.13264), propose them.
//!
//! A handful of runs per task says little on its own: besides a point estimate, each statistic here
//! has an interval that says how far it may move with other seeds. Everything is a pure function of
//! numbers and a seed. `tests/statistics.rs` compares with rliable, the code of that paper.

pub mod aggregate;
pub mod bootstrap;
pub mod curve;
pub mod error;
pub mod improvement;
pub mod paired;
pub mod profile;
pub mod sample;
pub mod scores;
