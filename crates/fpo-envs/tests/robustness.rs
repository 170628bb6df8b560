//! Input that makes no sense: the environments survive it, count it, or return an error that names
//! it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{options, random_actions, runner};
use fpo_envs::{EnvError, make, tasks};

#[test]
fn an_action_beyond_its_range_moves_as_far_as_one_at_its_end() {
    for spec in tasks() {
        let obs_after = |size: f32| {
            let mut envs = runner(&spec, &options(4, 0, 50));
            envs.reset();
            for step in 0..3 {
                let actions = random_actions(&spec, 4, step);
                let pushed: Vec<f32> = actions.iter().map(|a| size.copysign(*a)).collect();
                envs.step(&pushed);
            }
            envs.obs
        };
        assert_eq!(obs_after(1.0), obs_after(1e30), "{}", spec.name);
        assert_ne!(obs_after(1.0), obs_after(0.25), "{}", spec.name);
    }
}

#[test]
fn huge_actions_are_survived_and_actions_that_are_no_numbers_end_the_episode() {
    for spec in tasks() {
        let n = 4;
        let mut envs = runner(&spec, &options(n, 0, 50));
        envs.reset();
        for huge in [1e30, -1e30, f32::MAX] {
            envs.step(&vec![huge; n * spec.action_dim]);
            assert!(envs.obs.iter().all(|x| x.is_finite()), "{}", spec.name);
            assert!(envs.reward.iter().all(|x| x.is_finite()), "{}", spec.name);
        }
        assert_eq!(envs.envs.divergences(), 0, "{}", spec.name);
        let before = envs.obs.clone();
        let mut actions = random_actions(&spec, n, 0);
        actions[0] = f32::NAN;
        actions[n * spec.action_dim - 1] = f32::INFINITY;
        envs.obs.fill(f32::NAN);
        envs.step(&actions);
        for i in [0, n - 1] {
            let cells = i * spec.obs_dim..(i + 1) * spec.obs_dim;
            assert!(envs.terminated[i] && !envs.truncated[i] && !envs.success[i]);
            assert_eq!(envs.reward[i], spec.reward_range.0, "{}", spec.name);
            assert_eq!(envs.final_obs[cells.clone()], before[cells.clone()], "{}", spec.name);
        }
        assert!(envs.obs.iter().all(|x| x.is_finite()), "{}", spec.name);
        assert_eq!(envs.envs.divergences(), 2, "{}", spec.name);
        envs.step(&random_actions(&spec, n, 1));
        assert_eq!(envs.envs.divergences(), 2, "{}", spec.name);
    }
}

#[cfg(feature = "mujoco")]
#[test]
fn a_diverging_simulation_ends_its_episode_and_leaves_no_file_behind() {
    for spec in fpo_envs::mujoco::tasks().iter().map(|task| task.spec()) {
        let mut envs = runner(&spec, &options(3, 0, 50));
        envs.reset();
        let mut state = envs.envs.save();
        let row = state.states.len() / 3;
        state.states[row + 1] = f64::NAN;
        state.states[2 * row + 1] = 1e12;
        envs.envs.restore(&state).unwrap();
        envs.step(&random_actions(&spec, 3, 0));
        assert_eq!(envs.terminated, [false, true, true], "{}", spec.name);
        assert_eq!(envs.reward[1..], [spec.reward_range.0; 2], "{}", spec.name);
        assert_eq!(envs.envs.divergences(), 2, "{}", spec.name);
        for step in 1..20 {
            envs.step(&random_actions(&spec, 3, step));
            assert_eq!(envs.terminated, [false; 3], "{} step {step}", spec.name);
            assert!(envs.obs.iter().all(|x| x.is_finite()), "{} step {step}", spec.name);
        }
    }
    assert!(!std::path::Path::new("MUJOCO_LOG.TXT").exists());
}

#[test]
fn misuse_is_an_error_that_names_the_argument() {
    let mut envs = runner(&tasks()[0], &options(2, 0, 5));
    let mut wrong = vec![0.0; 3];
    let shape = EnvError::Shape { what: "obs", expected: 4, got: 3 };
    assert_eq!(envs.envs.reset(&mut wrong), Err(shape));
    assert_eq!(envs.try_step(&[0.0; 4]), Err(EnvError::NotReset));
    envs.reset();
    let shape = EnvError::Shape { what: "actions", expected: 4, got: 5 };
    assert_eq!(envs.try_step(&[0.0; 5]), Err(shape));
    for bad in [options(0, 0, 5), options(2, 0, 0)] {
        let error = make("GridWorld/cshape", &bad).err().unwrap();
        assert!(matches!(error, EnvError::Option { .. }), "{error}");
    }
}
