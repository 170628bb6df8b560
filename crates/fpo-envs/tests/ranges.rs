//! Steps of parts of a batch have the same bits as steps of the whole, and a part that the batch
//! lacks is an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{options, random_actions, runner};
use fpo_envs::{AutoReset, EnvError, PartOf, StepOutput, VecEnvOptions, tasks};

/// Number of environments: odd, and several chunks of work.
const N: usize = 7;
/// Step limit, short enough that each environment starts several times.
const LIMIT: usize = 25;

#[test]
fn a_step_in_parts_has_the_bits_of_a_step_of_all() {
    for spec in tasks() {
        for auto_reset in [AutoReset::Fresh, AutoReset::First] {
            let chunk = Some(2);
            let options =
                VecEnvOptions { auto_reset, chunk, stagger: true, ..options(N, 3, LIMIT) };
            let mut whole = runner(&spec, &options);
            let mut parts = runner(&spec, &options);
            whole.reset();
            parts.reset();
            for step in 0..80 {
                let actions = random_actions(&spec, N, step);
                whole.step(&actions);
                let cuts: &[usize] = if step % 2 == 0 { &[3] } else { &[1, 6] };
                parts.step_in_parts(&actions, cuts);
                let at = format!("{} {auto_reset:?} step {step}", spec.name);
                assert_eq!(whole.obs, parts.obs, "{at}");
                assert_eq!(whole.reward, parts.reward, "{at}");
                assert_eq!(whole.final_obs, parts.final_obs, "{at}");
                assert_eq!(whole.terminated, parts.terminated, "{at}");
                assert_eq!(whole.truncated, parts.truncated, "{at}");
                assert_eq!(whole.success, parts.success, "{at}");
                assert_eq!(whole.envs.save(), parts.envs.save(), "{at}");
            }
            assert_eq!(whole.envs.divergences(), parts.envs.divergences(), "{}", spec.name);
        }
    }
}

#[test]
fn a_part_leaves_the_other_environments_as_they_are() {
    let spec = &tasks()[0];
    let mut envs = runner(spec, &options(N, 3, LIMIT));
    envs.reset();
    let before = envs.envs.save();
    let (mut obs, mut final_obs) = (vec![0.0; 2 * spec.obs_dim], vec![0.0; 2 * spec.obs_dim]);
    let (mut reward, mut flags) = ([0.0; 2], [[false; 2]; 3]);
    let [terminated, truncated, success] = &mut flags;
    let output = StepOutput {
        obs: &mut obs,
        reward: &mut reward,
        terminated,
        truncated,
        success,
        final_obs: &mut final_obs,
    };
    envs.envs.step_range(4..6, &random_actions(spec, 2, 0), output).unwrap();
    let after = envs.envs.save();
    assert_eq!(after.episode_steps, [0, 0, 0, 0, 1, 1, 0]);
    let rows = |state: &fpo_envs::VecEnvState, from: usize, to: usize| {
        state.obs[from * spec.obs_dim..to * spec.obs_dim].to_vec()
    };
    assert_eq!(rows(&after, 0, 4), rows(&before, 0, 4));
    assert_eq!(rows(&after, 4, 6), obs);
    assert_eq!(rows(&after, 6, 7), rows(&before, 6, 7));
}

#[test]
fn a_part_that_is_not_there_is_refused() {
    let spec = &tasks()[0];
    let mut envs = runner(spec, &options(N, 3, LIMIT));
    envs.reset();
    let before = envs.envs.save();
    for (first, end) in [(0, 0), (3, 3), (5, 2), (6, 8), (8, 9)] {
        let output = StepOutput {
            obs: &mut [],
            reward: &mut [],
            terminated: &mut [],
            truncated: &mut [],
            success: &mut [],
            final_obs: &mut [],
        };
        let error = envs.envs.step_range(first..end, &[], output).unwrap_err();
        assert_eq!(error, EnvError::Range { first, end, num_envs: N });
    }
    assert_eq!(envs.envs.save(), before);
}

#[test]
fn batches_that_are_parts_of_another_step_as_those_parts() {
    for spec in tasks() {
        for auto_reset in [AutoReset::Fresh, AutoReset::First] {
            let whole_options = VecEnvOptions { auto_reset, stagger: true, ..options(N, 3, LIMIT) };
            let part = |first: usize, end: usize| {
                let part_of = Some(PartOf { first, total: N });
                let options = VecEnvOptions { num_envs: end - first, part_of, ..whole_options };
                (first..end, runner(&spec, &options))
            };
            let mut whole = runner(&spec, &whole_options);
            let mut parts = [part(0, 3), part(3, 4), part(4, N)];
            whole.reset();
            parts.iter_mut().for_each(|(_, part)| part.reset());
            for step in 0..60 {
                let actions = random_actions(&spec, N, step);
                whole.step(&actions);
                for (envs, part) in &mut parts {
                    let rows = |width: usize| envs.start * width..envs.end * width;
                    part.step(&actions[rows(spec.action_dim)]);
                    let at = format!("{} {auto_reset:?} step {step}, {envs:?}", spec.name);
                    assert_eq!(whole.obs[rows(spec.obs_dim)], part.obs, "{at}");
                    assert_eq!(whole.reward[rows(1)], part.reward, "{at}");
                    assert_eq!(whole.terminated[rows(1)], part.terminated, "{at}");
                    assert_eq!(whole.truncated[rows(1)], part.truncated, "{at}");
                    let (all, own) = (whole.envs.save(), part.envs.save());
                    assert_eq!(all.episode_steps[rows(1)], own.episode_steps, "{at}");
                    assert_eq!(all.episodes[rows(1)], own.episodes, "{at}");
                }
            }
        }
    }
}

#[test]
fn a_part_that_reaches_beyond_the_whole_is_refused() {
    let spec = &tasks()[0];
    for (first, total) in [(5, N + 4), (1, N), (usize::MAX, N)] {
        let part_of = Some(PartOf { first, total });
        let options = VecEnvOptions { part_of, ..options(N, 3, LIMIT) };
        let error = fpo_envs::make(&spec.name, &options).err().unwrap();
        assert!(matches!(error, EnvError::Option { what: "part_of", .. }), "{error}");
    }
}
