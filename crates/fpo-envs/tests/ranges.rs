//! Steps of parts of a batch have the same bits as steps of the whole, and a part that the batch
//! lacks is an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{options, random_actions, runner};
use fpo_envs::{AutoReset, EnvError, StepOutput, VecEnvOptions, tasks};

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
