//! Training: builds what a configuration describes, collects rollouts, learns from them, and
//! evaluates and saves the policy.

pub mod action_noise;
pub mod build;
pub mod changes;
pub mod checkpoint;
pub mod collapse;
pub mod collector;
pub mod crew;
pub mod device;
pub mod env_rows;
pub mod estimated;
pub mod evaluate;
mod evaluations;
pub mod finished_episodes;
pub mod initial;
pub mod iteration_metrics;
pub mod memory;
pub mod moved;
pub mod parameter_hash;
pub mod player;
pub mod policy_file;
pub mod probe;
pub mod recording;
pub mod rollout_in_progress;
pub mod sampler_report;
pub mod snapshot;
mod spoilt;
mod state_files;
pub mod stepped_envs;
#[cfg(test)]
mod tests;
pub mod together;
pub mod trainer;
