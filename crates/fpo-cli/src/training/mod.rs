//! Training: what a configuration describes is built, rolled out, learnt from, evaluated and saved.

pub mod build;
pub mod checkpoint;
pub mod collapse;
pub mod collector;
pub mod device;
pub mod evaluate;
pub mod memory;
pub mod player;
pub mod policy_file;
pub mod probe;
pub mod recording;
pub mod rolling;
pub mod sampler_report;
pub mod stage;
pub mod trainer;
