//! What ranks can share of a measured step or iteration, and what they exchange: with it and with
//! times of one process, the time of many ranks can be foretold (`scripts/cost_model.py`).

use anyhow::Result;
use candle_core::Device;
use fpo_core::{Noise, Source, Stored, policy_chunks, value_chunks};
use fpo_envs::EnvSpec;
use serde::{Deserialize, Serialize};

use crate::config::resolved::Config;
use crate::training::build;

/// Sizes of one gradient step and of its iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Gradient steps of an iteration.
    pub gradient_steps: usize,
    /// Transitions of a minibatch.
    pub transitions: usize,
    /// Parameters of the policy and of the value network.
    pub parameters: [usize; 2],
    /// Chunks of their passes: more threads, on all ranks together, gain nothing.
    pub chunks: [usize; 2],
    /// Numbers of an iteration's rollout that all ranks get.
    pub rollout_numbers: usize,
}

impl Shape {
    /// Returns the shape of training under `config` on minibatches of `batch_size` sub-sequences.
    ///
    /// # Errors
    /// Those of building the policy.
    pub fn of(config: &Config, spec: &EnvSpec, batch_size: usize) -> Result<Shape> {
        let policy = build::policy(config, spec, &Noise::new(0), &Device::Cpu)?;
        let Stored { losses, rows, source } = policy.stored(config.algorithm.num_samples);
        let chain = match source {
            Source::Chain { .. } => rows * spec.action_dim,
            Source::NoiseAndTime | Source::Noise => 0,
        };
        // Reward and two flags come with observation and action.
        let numbers = spec.obs_dim + spec.action_dim + 3 + chain;
        let transitions = batch_size * config.train.unroll_length;
        Ok(Shape {
            gradient_steps: config.train.num_minibatches * config.train.num_epochs,
            transitions,
            parameters: [
                policy.spec().parameters,
                build::value_sizes(config, spec).windows(2).map(|w| (w[0] + 1) * w[1]).sum(),
            ],
            chunks: [
                policy_chunks(transitions, losses),
                value_chunks(transitions, config.train.unroll_length),
            ],
            rollout_numbers: config.steps_per_iteration() as usize * numbers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::sizes::Sizes;

    #[test]
    fn the_sizes_of_the_paper_and_of_the_desk_are_known() {
        let of = |name| {
            let sizes = Sizes::named(name).unwrap();
            let batch_size = sizes.batch_sizes.last().copied().unwrap();
            Shape::of(&sizes.config, &sizes.spec, batch_size).unwrap()
        };
        let paper = of("official");
        let value = 18 * 256 + 4 * 257 * 256 + 257;
        assert_eq!(paper.parameters, [32 * 32 + 3 * 33 * 32 + 33 * 6, value]);
        assert_eq!((paper.transitions, paper.chunks), (30_720, [320, 64]));
        let desk = of("desk");
        assert_eq!((desk.gradient_steps, desk.chunks), (128, [20, 8]));
        assert_eq!(desk.rollout_numbers, 15_360 * 26);
    }
}
