//! What the policy does not see cannot reach an action or a gradient of the policy, on any way of
//! computing, and what the critic sees reaches values and advantages all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "other tests use the rest")]
mod problem;

use candle_core::{DType, Device, Tensor};
use fpo_core::onnx::{Options, to_bytes};
use fpo_core::sampler::{Method, Sampler, Start};
use fpo_core::{
    Actor, Compute, Isa, Learner, Noise, Objective, Policy, PolicyFile, PolicyInfo, Purpose, Sight,
    SightGroup, SourceWidth,
};
use problem::{Problem, host};

/// What a hidden number is changed by.
const CHANGE: f32 = 1e6;

fn problems() -> Vec<Problem> {
    let learned = Problem::random(41).with_source(0.8, SourceWidth::Learned);
    let framed = Problem::random(44).in_frames(0.8);
    let others = [Problem::random(40), Problem::random_chain(42), Problem::random_gaussian(43)];
    let all = [learned, framed].into_iter().chain(others);
    let plain = |problem: Problem| {
        // Where bounds hold a loss or an advantage, it may not move with what it depends on.
        let objective = Objective {
            loss_max: None,
            negative_advantage_loss_max: None,
            log_ratio_clamp: None,
            log_ratio_max: None,
            advantage_clamp: None,
            ..problem.objective
        };
        Problem { unroll_length: 30, sequences: 4, objective, ..problem }
    };
    all.map(Problem::hiding).map(plain).collect()
}

fn ways() -> [Compute; 2] {
    [Compute::Composed, Compute::Fused(Isa::best())]
}

/// Changes every number of rows of observations that is hidden.
fn changed(obs: &[f32], hidden: &[bool]) -> Vec<f32> {
    let hidden = hidden.iter().cycle();
    obs.iter().zip(hidden).map(|(x, &hidden)| if hidden { x + CHANGE } else { *x }).collect()
}

fn drawn(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Noise::new(seed).fill_normal(Purpose::LossNoise, 9, &mut values);
    values
}

#[test]
fn what_is_hidden_does_not_reach_an_action_of_any_actor() {
    for problem in problems() {
        for compute in ways() {
            let learner = problem.learner(compute, DType::F32);
            let training = learner.collecting_actor().unwrap();
            let deployed = learner.deployed_actor(Start::Noise).unwrap();
            let (dim, rows) = (problem.flow.obs_dim, 7);
            for actor in [training, deployed] {
                let obs = drawn(1, rows * dim);
                let noise = drawn(2, rows * actor.policy.noise_len());
                let action = actor.act(&obs, &noise).unwrap();
                let other = actor.act(&changed(&obs, &problem.hidden[0]), &noise).unwrap();
                assert_eq!(action, other, "{compute:?} {problem:?}");
                let seen: Vec<bool> = problem.hidden[0].iter().map(|hidden| !hidden).collect();
                let other = actor.act(&changed(&obs, &seen), &noise).unwrap();
                assert_ne!(action, other, "{compute:?} {problem:?}");
                by_other_samplers(&actor, &obs, &problem.hidden[0]);
            }
        }
    }
}

/// Samplers that are not the policy's own take the observation from the same map.
fn by_other_samplers(actor: &Actor, obs: &[f32], hidden: &[bool]) {
    if actor.policy.field().is_none() {
        return;
    }
    let noise = drawn(3, obs.len() / actor.policy.obs_dim() * actor.policy.action_dim());
    let dopri5 = Method::Dopri5 { rtol: 1e-3, atol: 1e-3 };
    let fixed = [Method::Euler, Method::Midpoint, Method::Heun, Method::Rk4];
    for method in fixed.into_iter().chain([dopri5, Method::Sde { churn: 0.5 }]) {
        let sampler = Sampler::new(method, 4);
        let act = |obs: &[f32]| {
            let sample = |obs: &Tensor, start: &Tensor| {
                let field = actor.policy.field().unwrap();
                Ok(sampler.sample(field, obs, start, &Noise::new(0), 0)?.x)
            };
            actor.act_by(obs, &noise, sample).unwrap()
        };
        assert_eq!(act(obs), act(&changed(obs, hidden)));
    }
}

/// Losses and gradients of a minibatch whose observations were changed in all that is `hidden`.
fn step(problem: &Problem, compute: Compute, hidden: Option<&[bool]>) -> [Vec<f64>; 3] {
    let mut learner = problem.learner(compute, DType::F32);
    let (mut rollout, _) = problem.rollout(&mut learner, DType::F32);
    if let Some(hidden) = hidden {
        for obs in [&mut rollout.obs, &mut rollout.bootstrap_obs] {
            let values = obs.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let values = changed(&values, hidden);
            *obs = Tensor::from_vec(values, obs.shape(), &Device::Cpu).unwrap();
        }
    }
    let picks = problem.picks();
    let minibatch = rollout.minibatch(&picks, problem.unroll_length).unwrap();
    let normalizer = learner.device_normalizer().unwrap();
    let loss = learner.loss(&minibatch, &normalizer).unwrap();
    let (policy, value) = (loss.policy.backward().unwrap(), loss.value.backward().unwrap());
    let gradient = |grads: &candle_core::backprop::GradStore, params: &fpo_core::FlatParams| {
        host(grads.get(params.var()).unwrap())
    };
    [
        gradient(&policy, learner.policy().params()),
        gradient(&value, learner.value().params()),
        host(&loss.value),
    ]
}

#[test]
fn the_critic_sees_what_the_policy_does_not() {
    for mut problem in problems() {
        // What both do not see changes nothing at all.
        for compute in ways() {
            let hidden = problem.hidden[0].clone();
            problem.hidden[1].clone_from(&hidden);
            let blind = step(&problem, compute, None);
            assert!(blind == step(&problem, compute, Some(&hidden)), "{compute:?} {problem:?}");

            // The critic's values follow what it sees, and with them the advantages.
            problem.hidden[1].clear();
            let plain = step(&problem, compute, None);
            let other = step(&problem, compute, Some(&hidden));
            for k in 0..3 {
                assert!(plain[k] != other[k], "{k} {compute:?} {problem:?}");
            }
        }
    }
}

#[test]
fn values_follow_what_the_critic_sees_and_nothing_else() {
    for problem in problems() {
        let learner = problem.learner(Compute::Composed, DType::F32);
        let dim = problem.flow.obs_dim;
        let values = |obs: Vec<f32>| {
            let obs = Tensor::from_vec(obs, (5, dim), &Device::Cpu).unwrap();
            host(&learner.values(&obs).unwrap())
        };
        let obs = drawn(4, 5 * dim);
        let [policy, critic] = &problem.hidden;
        assert_eq!(values(obs.clone()), values(changed(&obs, critic)));
        assert_ne!(values(obs.clone()), values(changed(&obs, policy)));
    }
}

/// No gradient reaches the weights of hidden numbers, the rows of the first layer.
#[test]
fn weights_of_what_is_hidden_do_not_move() {
    for problem in problems() {
        let learner = problem.learner(Compute::Composed, DType::F32);
        for compute in ways() {
            let [gradient, _, _] = step(&problem, compute, None);
            let first = first_layer(&learner, &gradient);
            let moved: Vec<bool> = first.iter().map(|row| row.iter().any(|&g| g != 0.0)).collect();
            for (k, &hidden) in problem.hidden[0].iter().enumerate() {
                assert_eq!(moved[k], !hidden, "{k}: {compute:?} {problem:?}");
            }
        }
    }
}

/// Returns the rows of the first layer's part of a gradient; those of the observation come first.
fn first_layer(learner: &Learner, gradient: &[f64]) -> Vec<Vec<f64>> {
    let flat = Tensor::new(gradient, &Device::Cpu).unwrap();
    let views = learner.policy().params().layout().views(&flat).unwrap();
    let (_, weight) = views.iter().find(|(name, _)| name == "policy.0.weight").unwrap();
    weight.to_vec2().unwrap()
}

fn info(sight: Option<Sight>) -> PolicyInfo {
    PolicyInfo {
        task: "Robot".into(),
        steps: 100,
        episode_length: 1000,
        starts: "drawn".into(),
        action_repeat: 1,
        start: Start::Noise,
        sight,
    }
}

fn sight(dim: usize) -> Sight {
    let group = |name: &str, range| SightGroup { name: name.into(), range };
    let groups = vec![group("first", [0, dim / 2]), group("rest", [dim / 2, dim])];
    Sight { groups, hides: vec!["first".into()] }
}

fn file(learner: &Learner, policy: &dyn Policy, sight: Option<Sight>) -> Vec<u8> {
    PolicyFile::to_bytes(policy, &learner.normalizer, &info(sight), "a test").unwrap()
}

#[test]
fn a_policy_file_carries_what_the_policy_does_not_see() {
    for problem in problems() {
        let learner = problem.learner(Compute::Fused(Isa::best()), DType::F32);
        let policy = learner.deployed().unwrap();
        let (dim, seen) = (problem.flow.obs_dim, sight(problem.flow.obs_dim));
        let bytes = file(&learner, policy.as_ref(), Some(seen.clone()));
        let read = PolicyFile::from_bytes(&bytes, &Device::Cpu).unwrap();
        assert_eq!(read.info.sight.as_ref(), Some(&seen));

        let (obs, noise) = (drawn(5, dim), drawn(6, policy.action_dim()));
        let expected = learner.deployed_actor(Start::Noise).unwrap().act(&obs, &noise).unwrap();
        let (actor, mut single) = (read.actor().unwrap(), read.single_actor().unwrap());
        for obs in [obs.clone(), changed(&obs, &problem.hidden[0])] {
            assert_eq!(actor.act(&obs, &noise).unwrap(), expected);
            let mut control = vec![0.0; noise.len()];
            single.act_into(&obs, &noise, &mut control).unwrap();
            let mut squashed = expected.clone();
            policy.squash().apply(&mut squashed);
            assert_eq!(control, squashed);
        }
        // Statistics of what is hidden go on in training from the file.
        let kind = learner.normalizer.kind();
        let statistics = read.statistics(kind).unwrap();
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&statistics.std(), &learner.normalizer.std()));

        // A policy that sees all has the version and the text of a file without a mask.
        let whole = String::from_utf8_lossy(&file(&learner, policy.as_ref(), None)).into_owned();
        assert!(whole.contains("format_version\\\":2") && !whole.contains("sight"));
        assert!(String::from_utf8_lossy(&bytes).contains("format_version\\\":3"));
        let graph = to_bytes(policy.as_ref(), &read.normalizer, &Options::default()).unwrap();
        assert!(String::from_utf8_lossy(&graph).contains("normalizer.seen"));
    }
}

#[test]
fn a_policy_whose_mask_does_not_fit_is_neither_written_nor_read() {
    let problem = problems().remove(0);
    let learner = problem.learner(Compute::Composed, DType::F32);
    let policy = learner.deployed().unwrap();
    let mut wrong = sight(problem.flow.obs_dim);
    wrong.hides = vec!["velocity".into()];
    let statistics = &learner.normalizer;
    let refused = PolicyFile::to_bytes(policy.as_ref(), statistics, &info(Some(wrong)), "a test");
    assert!(refused.unwrap_err().to_string().contains("hidden group `velocity`"));

    // The digest is at the end of the text, so that what precedes it can be another's.
    let right = file(&learner, policy.as_ref(), Some(sight(problem.flow.obs_dim)));
    let text = "\\\"hides\\\":[\\\"first\\\"]";
    let other = "\\\"hides\\\":[\\\"furst\\\"]";
    let at = right.windows(text.len()).position(|w| w == text.as_bytes()).unwrap();
    let mut damaged = right.clone();
    damaged[at..at + text.len()].copy_from_slice(other.as_bytes());
    assert!(PolicyFile::from_bytes(&damaged, &Device::Cpu).is_err());

    let learner = problem.learner(Compute::Composed, DType::F32);
    let refused = learner.with_hidden(vec![true], Vec::new()).err().unwrap().to_string();
    assert!(refused.contains("1 numbers cannot be hidden"), "{refused}");
}
