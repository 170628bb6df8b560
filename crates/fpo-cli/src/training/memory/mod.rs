//! Estimates how much memory a run will take, before it starts.
//!
//! An iteration holds a rollout of `T` steps of `E` environments,
//!
//! ```text
//! T·E·(obs + act + 4 + rows·act + 2·N) + T/U·E·obs    numbers of 4 bytes,
//! ```
//!
//! where `rows` vectors and N losses are stored with an action ([`fpo_core::Stored`]). Besides, it
//! holds the networks with Adam's moments, both once more as they were before the iteration, and
//! what a gradient step works with: a few accumulators in the fused kernels, but the whole graph of
//! a minibatch in composed operations.

use std::fmt;

use anyhow::{Result, bail};
use candle_core::Device;
use fpo_core::{Compute, MOST_BLOCK_ROWS, OptimizerKind, max_accumulators};
use fpo_envs::VecEnv;

use crate::config::resolved::Config;
use crate::training::build;

const FLOAT: u64 = size_of::<f32>() as u64;
/// An allowance for the program, MuJoCo's library and the stacks of a few threads, in bytes.
const PROGRAM: u64 = 24 << 20;
/// An allowance for a worker's simulation of the largest task here, in bytes.
const SIMULATION: u64 = 1 << 20;
/// Bytes that the parts of a run take at its peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The collected rollout, with its Monte-Carlo pairs and stored losses.
    pub rollout: u64,
    /// Networks, optimiser and the buffers of a gradient step.
    pub learner: u64,
    /// Environments, and the program itself.
    pub environments: u64,
}

impl Memory {
    /// Returns the memory that a run of `config` in `envs` will need on `device`.
    pub fn of(config: &Config, envs: &dyn VecEnv, device: &Device) -> Memory {
        let spec = envs.spec();
        let (obs, act) = (spec.obs_dim as u64, spec.action_dim as u64);
        let transitions = config.steps_per_iteration();
        let policy_spec = build::policy_spec(config, spec);
        let stored = policy_spec.source.stored(config.algorithm.num_samples);
        let (rows, losses) = (stored.rows as u64, stored.losses as u64);
        let bootstraps = transitions / config.train.unroll_length as u64;
        let rollout = transitions * (obs + act + 4 + rows * act + 2 * losses) + bootstraps * obs;

        let policy = policy_spec.parameters as u64;
        let value = parameters(&build::value_sizes(config, spec));
        let averaged = if config.algorithm.ema_decay.is_some() { policy } else { 0 };
        let work = match build::compute(config, device) {
            Compute::Fused(_) => {
                let kernels = policy_spec.has_kernels && config.algorithm.kind.surrogate.is_none();
                let composed = if kernels { 0 } else { gathered(config, losses, obs, act) };
                fused(config, [policy, value], losses) + composed * 5 / 4
            }
            Compute::Composed => composed(config, losses, obs, act),
        };
        // Each network needs its parameters, two moments and a gradient. A run whose state can be
        // saved holds that of before the iteration, to go back to when it is stopped.
        let kept = match config.optimizer.kind {
            OptimizerKind::Adam => 3 * (policy + value) + averaged,
            _ => 0,
        };
        let learner = 4 * (policy + value) + averaged + kept + work;
        Memory {
            rollout: rollout * FLOAT,
            learner: learner * FLOAT,
            environments: environments(envs, config.eval.episodes),
        }
    }

    /// Returns the same for one of `size` ranks, which holds the rollout of all ranks besides the
    /// one that it collects.
    pub fn on_one_of(self, size: usize) -> Memory {
        let own = if size > 1 { self.rollout / size as u64 } else { 0 };
        Memory { rollout: self.rollout + own, ..self }
    }

    /// Returns the bytes of all parts together.
    pub fn total(&self) -> u64 {
        self.rollout + self.learner + self.environments
    }

    /// Fails if less memory is free than the run needs. Where it is not known how much is free, it
    /// checks nothing.
    ///
    /// # Errors
    /// Names the need, what is free, and which settings to lower.
    pub fn check(&self, config: &Config, device: &Device) -> Result<()> {
        // The rollout that a device computes with is collected on the host first.
        let (on_host, on_device) = match device {
            Device::Cpu => (self.total(), 0),
            _ => (self.rollout + self.environments, self.rollout + self.learner),
        };
        self.fits(config, on_host, free_on_host(), "this machine")?;
        self.fits(config, on_device, free_on_device(device), "the device")
    }

    fn fits(&self, config: &Config, need: u64, free: Option<u64>, place: &str) -> Result<()> {
        let Some(free) = free.filter(|&free| need > free) else { return Ok(()) };
        let train = &config.train;
        let lower = if self.rollout > self.learner {
            format!(
                "train.num_minibatches (now {}) or algorithm.num_samples (now {})",
                train.num_minibatches, config.algorithm.num_samples
            )
        } else {
            format!(
                "train.batch_size (now {}) or the widths in value.hidden and policy.hidden",
                train.batch_size
            )
        };
        bail!(
            "this run needs about {} MB, and {place} has {} MB free: lower {lower}",
            megabytes(need),
            megabytes(free)
        )
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [total, rollout, learner, environments] =
            [self.total(), self.rollout, self.learner, self.environments].map(megabytes);
        write!(
            f,
            "memory: about {total} MB (rollout {rollout}, learner {learner}, environments and \
             program {environments})"
        )
    }
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// Returns how many numbers the fused kernels work with: weights that are packed both ways,
/// accumulators, estimates of a minibatch, and for each thread the activations and slopes of a
/// block.
fn fused(config: &Config, [policy, value]: [u64; 2], losses: u64) -> u64 {
    let minibatch = (config.train.batch_size * config.train.unroll_length) as u64;
    let widths = |hidden: &[usize]| hidden.iter().sum::<usize>() as u64;
    let block =
        2 * MOST_BLOCK_ROWS as u64 * (widths(&config.policy.hidden) + widths(&config.value.hidden));
    let threads = rayon::current_num_threads();
    let accumulators = |rows: u64| max_accumulators(rows as usize, threads) as u64;
    let nets =
        (2 + accumulators(minibatch * losses)) * policy + (2 + accumulators(minibatch)) * value;
    nets + 4 * minibatch + threads as u64 * block
}

/// Returns how many numbers composed operations keep for the backward pass: the minibatch, and for
/// each row of a network its inputs and three results per hidden layer (product, biased sum,
/// activation). The backward pass itself takes about as many again for the widest layer. A quarter
/// is added for what the allocator, as measured, does not give back.
fn composed(config: &Config, samples: u64, obs: u64, act: u64) -> u64 {
    let train = &config.train;
    let rows = (train.batch_size * train.unroll_length + train.batch_size) as u64;
    let value = layers(&config.value.hidden) + 3 * obs;
    (gathered(config, samples, obs, act) + rows * value) * 5 / 4
}

/// Returns the part of the numbers of `composed` that the minibatch and the policy take, without
/// the quarter that is added.
fn gathered(config: &Config, samples: u64, obs: u64, act: u64) -> u64 {
    let transitions = (config.train.batch_size * config.train.unroll_length) as u64;
    let embedding = config.policy.time_embedding as u64;
    let minibatch = obs + act + 4 + samples * (act + 2);
    let policy = samples * (layers(&config.policy.hidden) + 10 * act + 3 * embedding);
    transitions * (minibatch + policy)
}

/// Returns how many numbers the hidden layers keep for each row.
fn layers(hidden: &[usize]) -> u64 {
    let widest = hidden.iter().copied().max().unwrap_or(0) as u64;
    3 * hidden.iter().sum::<usize>() as u64 + 3 * widest
}

/// Returns the number of weights and biases of a perceptron.
fn parameters(sizes: &[usize]) -> u64 {
    sizes.windows(2).map(|pair| (pair[0] as u64 + 1) * pair[1] as u64).sum()
}

/// Returns the bytes of the environments and of what runs them. The states, those of evaluations
/// included, count twice because starts are drawn ahead.
fn environments(envs: &dyn VecEnv, episodes: usize) -> u64 {
    let state = envs.save();
    let doubles = state.states.len() + state.first_states.len() + state.episodes.len();
    let singles = state.obs.len() * 3 + state.episode_steps.len();
    let bytes = (doubles * size_of::<f64>() + singles * size_of::<f32>()) as u64;
    let each = bytes / state.episode_steps.len().max(1) as u64;
    2 * (bytes + each * episodes as u64)
        + rayon::current_num_threads() as u64 * SIMULATION
        + PROGRAM
}

/// Returns the bytes that new programs can have, or `None` if the kernel does not say.
fn free_on_host() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// Returns the bytes that the text of `/proc/meminfo` calls available.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the free bytes of a CUDA device, or `None` for another device.
#[cfg(feature = "cuda")]
fn free_on_device(device: &Device) -> Option<u64> {
    let stream = device.as_cuda_device().ok()?.cuda_stream();
    let (free, _) = stream.context().mem_get_info().ok()?;
    Some(free as u64)
}

/// Returns `None`, because the free bytes of a device are not known without CUDA.
#[cfg(not(feature = "cuda"))]
fn free_on_device(_: &Device) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests;
