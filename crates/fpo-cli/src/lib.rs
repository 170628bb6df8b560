//! Trains, evaluates and exports flow policies: what the `fpo` binary is made of.

pub mod actor;
pub mod checkpoint;
pub mod checkpoint_files;
pub mod cli;
pub mod collector;
pub mod config;
pub mod device;
pub mod durable;
pub mod envs_table;
pub mod evaluate;
pub mod export;
pub mod failure;
pub mod humanize;
pub mod metrics;
pub mod nearest;
pub mod note;
pub mod policy_file;
pub mod progress;
pub mod recording;
pub mod run_dir;
pub mod setup;
pub mod stage;
pub mod tensor_file;
pub mod tensorboard;
pub mod train;
pub mod trainer;
