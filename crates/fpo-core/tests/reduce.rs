//! A learner with another participant: the numbers that belong to all of a minibatch pass through
//! the seam, in composed operations and in the fused kernels alike.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use fpo_core::{
    AdvantageNormalization, Compute, Isa, Learner, Objective, Reduce, Result, RolloutSize,
    RolloutStorage, Source,
};
use problem::{Problem, host};

/// Stops all gradients, counts means, and has seen every observation as well.
#[derive(Debug, Default)]
struct Twin {
    means: AtomicUsize,
}

impl Reduce for Twin {
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()> {
        assert_eq!(gradients.len(), 2, "the policy's and the value network's");
        for gradient in gradients {
            *gradient = gradient.zeros_like()?;
        }
        Ok(())
    }

    fn mean(&self, local: Tensor, _count: Option<&Tensor>) -> Result<Tensor> {
        self.means.fetch_add(1, Ordering::Relaxed);
        Ok(local)
    }

    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        take(obs)?;
        take(obs)
    }
}

/// Whether a gradient step moves the policy's and the value network's parameters.
fn moved(problem: &Problem, learner: &mut Learner) -> [bool; 2] {
    let (rollout, _) = problem.rollout(learner, DType::F32);
    let picks = problem.picks();
    let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
    let normalizer = learner.device_normalizer().unwrap();
    let params = |learner: &Learner| {
        [learner.policy().params(), learner.value().params()].map(|params| host(params.flat()))
    };
    let [policy, value] = params(learner);
    learner.gradient_step(&minibatch, &normalizer).unwrap();
    let [new_policy, new_value] = params(learner);
    [policy != new_policy, value != new_value]
}

#[test]
fn gradients_moments_and_statistics_pass_through_the_seam() {
    let normalize_advantages = AdvantageNormalization::Minibatch;
    let problem = Problem::random(402);
    let objective = Objective { normalize_advantages, ..problem.objective };
    let problem = Problem { objective, ..problem };
    for compute in [Compute::Composed, Compute::Fused(Isa::best())] {
        let twin = Arc::new(Twin::default());
        let mut learner = problem.learner(compute, DType::F32).with_reduce(twin.clone());
        assert_eq!(moved(&problem, &mut learner), [false; 2], "their gradients were taken away");
        let means = "a mean and a mean square, and the mean surprise of an entropy bonus";
        assert_eq!(twin.means.load(Ordering::Relaxed), 3, "{means}");
        let mut alone = problem.learner(compute, DType::F32);
        assert_eq!(moved(&problem, &mut alone), [true; 2], "else the line above says nothing");

        let size = RolloutSize {
            length: 1,
            unroll_length: 1,
            envs: 3,
            stored: Source::Noise.stored(1),
            obs_dim: problem.flow.obs_dim,
            action_dim: problem.flow.action_dim,
        };
        let mut storage = RolloutStorage::new(size, &Device::Cpu).unwrap();
        let obs = vec![0.5; 3 * problem.flow.obs_dim];
        storage.keep_obs(0, &(0..3), &obs).unwrap();
        let (seen, ..) = learner.normalizer.parts();
        let statistics = learner.statistics_with(&storage).unwrap();
        assert_eq!(statistics.parts().0, seen + 6, "three observations of each of two");
    }
}
