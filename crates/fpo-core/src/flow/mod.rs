//! Flows from noise to actions: the path, flow time, the settings of a flow, and samplers (eq. 7 to
//! 9).

pub(crate) mod config;
pub(crate) mod denoising;
pub(crate) mod draws;
pub(crate) mod frame;
pub mod path;
pub mod sampler;
pub(crate) mod source;
pub(crate) mod source_terms;
pub(crate) mod steps;
pub mod time;
