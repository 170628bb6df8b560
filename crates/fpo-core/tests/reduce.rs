//! A learner with another participant: the numbers that belong to all of a minibatch pass through
//! the seam, in composed operations and in the fused kernels alike. And learners that share the
//! work on the same minibatch, who get the bits of a learner alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use fpo_core::{
    AdvantageNormalization, Communicator, Compute, Error, Isa, Learner, MinibatchSchedule, Noise,
    Objective, Reduce, Result, RolloutSize, RolloutStorage, Shared, Source, StepMetrics,
    StepOutcome, Threads,
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

/// One of several participants that hold a part of every minibatch each.
#[derive(Debug)]
struct Part(Threads);

impl Part {
    /// The mean over the parts of every number of `own`.
    fn means(&self, own: &[f64]) -> Result<Vec<f64>> {
        let words = own.iter().map(|x| x.to_bits());
        let words: Vec<u32> = words.flat_map(|bits| [bits as u32, (bits >> 32) as u32]).collect();
        let (len, size) = (words.len(), self.0.size());
        let mut all = vec![0; len * size];
        self.0.all_gather(&words, &vec![len; size], &mut all)?;
        let number = |k: usize| f64::from_bits(u64::from(all[k]) | u64::from(all[k + 1]) << 32);
        let sum = |k: usize| (0..size).map(|rank| number(rank * len + 2 * k)).sum::<f64>();
        Ok((0..own.len()).map(|k| sum(k) / size as f64).collect())
    }
}

impl Reduce for Part {
    fn gradients(&self, gradients: &mut [Tensor]) -> Result<()> {
        for gradient in gradients {
            let means = Tensor::new(self.means(&host(gradient))?, &Device::Cpu)?;
            *gradient = means.reshape(gradient.shape())?.to_dtype(gradient.dtype())?;
        }
        Ok(())
    }

    fn mean(&self, local: Tensor, _count: Option<&Tensor>) -> Result<Tensor> {
        let mean = Tensor::new(self.means(&host(&local))?, &Device::Cpu)?;
        Ok(mean.reshape(local.shape())?.to_dtype(local.dtype())?)
    }

    fn statistics(&self, obs: &[f32], take: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        take(obs)
    }
}

/// What two participants make of an update of up to four epochs with this bound on the divergence,
/// each with a rollout of its own. The second one's losses before the update are as `spoil` makes
/// them.
fn updates(max_divergence: f64, spoil: fn(Tensor) -> Tensor) -> Vec<Result<StepMetrics>> {
    let mut problem = Problem::random(402);
    let guards = (problem.objective.loss_max, problem.objective.negative_advantage_loss_max);
    assert_eq!(guards, (None, None), "a bound on losses would hide what is spoilt");
    problem.objective.log_ratio_clamp = Some(0.1);
    // A bonus takes the surprise of all parts from these losses.
    problem.objective.entropy_coefficient = 0.0;
    let schedule = MinibatchSchedule {
        unroll_length: problem.unroll_length,
        batch_size: problem.unrolls * problem.envs,
        num_minibatches: 1,
        num_epochs: 4,
        max_divergence: Some(max_divergence),
    };
    let part = |ranks: Threads| {
        let rank = ranks.rank();
        let own = Problem { seed: problem.seed + rank as u64, ..problem.clone() };
        let mut learner = problem.learner(Compute::Fused(Isa::best()), DType::F32);
        let (mut rollout, _) = own.rollout(&mut learner, DType::F32);
        if rank == 1 {
            rollout.loss_old = spoil(rollout.loss_old);
        }
        let mut learner = learner.with_reduce(Arc::new(Part(ranks)));
        learner.update(&rollout, schedule, &Noise::new(1), &mut |_| ControlFlow::Continue(()))
    };
    std::thread::scope(|scope| {
        let start = |ranks| scope.spawn(|| part(ranks));
        let started: Vec<_> = Threads::ranks(2).into_iter().map(start).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn participants_with_a_part_each_end_an_update_together() {
    let column = StepMetrics::names().position(|name| name == "divergence").unwrap();
    let whole = updates(f64::INFINITY, |losses| losses);
    let first = whole.iter().map(|ended| f64::from(ended.as_ref().unwrap().rows[0][column]));
    let [own, other] = first.collect::<Vec<_>>()[..] else { panic!("two participants") };
    assert!((own / other).ln().abs() > 0.01, "{own} {other}");
    for share in [0.25, 0.75] {
        // After the first epoch one of them alone is beyond this bound, and their mean is so where
        // the share is small.
        let bound = own.min(other) * (1.0 - share) + own.max(other) * share;
        for ended in updates(bound, |losses| losses) {
            let epochs = ended.unwrap().rows.len();
            assert_eq!(epochs == 1, share < 0.5, "{epochs} epochs");
        }
    }
}

#[test]
fn a_diagnostic_that_one_participant_finds_spoilt_is_an_error_of_all() {
    // The ratios are clamped, so that gradients, which all share, do not show it.
    for ended in updates(f64::INFINITY, |losses| (losses.abs().unwrap() * f64::INFINITY).unwrap()) {
        assert!(matches!(ended, Err(Error::NonFinite { .. })), "{ended:?}");
    }
}

/// The bits of the stored losses, of two gradient steps' diagnostics, and of the parameters after
/// them.
fn bits(problem: &Problem, learner: &mut Learner) -> Vec<u64> {
    let (rollout, own) = problem.rollout(learner, DType::F32);
    let picks = problem.picks();
    let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
    let normalizer = learner.device_normalizer().unwrap();
    let mut all = vec![own];
    for _ in 0..2 {
        all.push(learner.gradient_step(&minibatch, &normalizer).unwrap());
    }
    all.push(learner.policy().params().flat().clone());
    all.push(learner.value().params().flat().clone());
    all.iter().flat_map(host).map(f64::to_bits).collect()
}

#[test]
fn ranks_that_share_the_work_have_the_bits_of_one_process() {
    let compute = Compute::Fused(Isa::best());
    for seed in 0..12 {
        let problem = Problem::random(seed);
        let alone = bits(&problem, &mut problem.learner(compute, DType::F32));
        for size in [1, 2, 3, 5] {
            std::thread::scope(|scope| {
                for ranks in Threads::ranks(size) {
                    let (problem, alone) = (&problem, &alone);
                    scope.spawn(move || {
                        let shared = Arc::new(Shared(Arc::new(ranks)));
                        let mut learner = problem.learner(compute, DType::F32).with_reduce(shared);
                        let found = bits(problem, &mut learner);
                        assert!(found == *alone, "problem {seed}, {size} ranks");
                    });
                }
            });
        }
    }
}

/// What the environments `envs` of 7 leave in a rollout of 6 steps.
fn collected(envs: std::ops::Range<usize>) -> RolloutStorage {
    let size = RolloutSize {
        length: 6,
        unroll_length: 3,
        envs: envs.len(),
        stored: Source::Chain { scored: 2 }.stored(2),
        obs_dim: 2,
        action_dim: 1,
    };
    let mut storage = RolloutStorage::new(size, &Device::Cpu).unwrap();
    let all = 0..envs.len();
    for t in 0..6 {
        let numbers = |what: usize, width: usize| -> Vec<f32> {
            let number = |env: usize, k: usize| (((t * 7 + env) * 10 + what) * 10 + k) as f32;
            envs.clone().flat_map(|env| (0..width).map(move |k| number(env, k))).collect()
        };
        let flags = |every: usize| -> Vec<bool> {
            envs.clone().map(|env| (t + env).is_multiple_of(every)).collect()
        };
        storage.keep_obs(t, &all, &numbers(0, 2)).unwrap();
        storage.keep_action(t, &all, &numbers(1, 1)).unwrap();
        let rows = size.stored.rows;
        storage.keep_chain(t, &all, &numbers(2, rows)).unwrap();
        let outcome = StepOutcome {
            reward: &numbers(3, 1),
            terminated: &flags(3),
            truncated: &flags(4),
            next_obs: &numbers(4, 2),
            final_obs: &numbers(5, 2),
        };
        storage.keep_outcome(t, outcome).unwrap();
    }
    storage
}

#[test]
fn a_rollout_of_several_ranks_is_that_of_one() {
    let whole = format!("{:?}", collected(0..7));
    for places in [vec![0..7; 1], vec![0..3, 3..7], vec![0..1, 1..2, 2..7]] {
        std::thread::scope(|scope| {
            for ranks in Threads::ranks(places.len()) {
                let (places, whole) = (&places, &whole);
                scope.spawn(move || {
                    let own = collected(places[ranks.rank()].clone());
                    let mut all = collected(0..7);
                    all.begin();
                    for t in 0..6 {
                        all.keep_obs(t, &(0..7), &[-1.0; 14]).unwrap();
                    }
                    all.gather(&own, &ranks, places).unwrap();
                    assert!(format!("{all:?}") == *whole, "{places:?}");
                    let last = all.with_last_obs(<[f32]>::to_vec).unwrap();
                    assert_eq!(last.len(), 14);
                    assert_eq!(last[2], ((5 * 7 + 1) * 10 + 4) as f32 * 10.0);
                });
            }
        });
    }
}
