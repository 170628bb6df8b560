//! Results have the same bits for any number of threads and any chunk size, over many steps and
//! episodes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use std::hash::{DefaultHasher, Hash, Hasher};

use driver::{options, random_actions, runner};
use fpo_envs::{EnvSpec, VecEnvOptions, tasks};

/// Number of environments: more than one chunk at the smaller sizes, and no multiple of them.
const N: usize = 5;
const STEPS: usize = 1000;
/// Step limit, short enough that each environment starts about eleven times.
const LIMIT: usize = 90;
/// Pairs of a number of threads and a chunk size.
const RUNS: [(usize, usize); 5] = [(1, 64), (2, 1), (2, 3), (7, 1), (7, 64)];

/// Returns a digest of every number and flag of every step and of the final state.
fn digest(spec: &EnvSpec, seed: u64, threads: usize, chunk: usize) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let chunk = Some(chunk);
        let mut envs = runner(spec, &VecEnvOptions { chunk, ..options(N, seed, LIMIT) });
        let mut digest = DefaultHasher::new();
        let mut episodes = 0;
        envs.reset();
        for step in 0..STEPS {
            envs.step(&random_actions(spec, N, step));
            let numbers = envs.obs.iter().chain(&envs.reward).chain(&envs.final_obs);
            numbers.for_each(|x| x.to_bits().hash(&mut digest));
            (&envs.terminated, &envs.truncated, &envs.success).hash(&mut digest);
            episodes += (0..N).filter(|&i| envs.terminated[i] || envs.truncated[i]).count();
        }
        assert!(episodes >= N * (STEPS / LIMIT), "{}: {episodes} episodes", spec.name);
        let state = envs.envs.save();
        state.states.iter().for_each(|x| x.to_bits().hash(&mut digest));
        (state.episode_steps, state.episodes).hash(&mut digest);
        digest.finish()
    })
}

#[test]
fn a_thousand_steps_have_the_same_bits_for_any_threads_and_chunks() {
    for spec in tasks() {
        let digests = RUNS.map(|(threads, chunk)| digest(&spec, 8, threads, chunk));
        assert!(digests.iter().all(|digest| *digest == digests[0]), "{} {digests:?}", spec.name);
    }
}

#[test]
fn another_seed_changes_the_digest() {
    let spec = &tasks()[0];
    assert_ne!(digest(spec, 8, 1, 64), digest(spec, 9, 1, 64));
}
