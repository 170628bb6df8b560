//! The contract of every task in the registry, and the promises of the driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{Runner, options, random_actions, runner};
use fpo_envs::{AutoReset, Batch, EnvError, EnvSpec, GridWorld, VecEnvOptions, tasks};

/// Returns a number of environments that makes several pieces of work per thread.
fn many(spec: &EnvSpec) -> usize {
    if spec.name.starts_with("GridWorld/") { 1100 } else { 40 }
}

fn with_first(options: VecEnvOptions) -> VecEnvOptions {
    VecEnvOptions { auto_reset: AutoReset::First, ..options }
}

/// Resets and runs `steps` steps. Returns the bits of all outputs.
fn run(batch: &mut Runner, steps: usize) -> Vec<u32> {
    batch.reset();
    let mut log: Vec<u32> = batch.obs.iter().map(|x| x.to_bits()).collect();
    log.extend(proceed(batch, 0, steps));
    log
}

/// Runs `steps` steps with the actions from step `from` on. Returns the bits of all outputs.
fn proceed(batch: &mut Runner, from: usize, steps: usize) -> Vec<u32> {
    let spec = batch.envs.spec().clone();
    let mut log = Vec::new();
    for step in from..from + steps {
        batch.final_obs.fill(0.0);
        batch.step(&random_actions(&spec, batch.reward.len(), step));
        let numbers = batch.obs.iter().chain(&batch.final_obs).chain(&batch.reward);
        log.extend(numbers.map(|x| x.to_bits()));
        let flags = batch.terminated.iter().chain(&batch.truncated).chain(&batch.success);
        log.extend(flags.map(|&flag| u32::from(flag)));
    }
    log
}

#[test]
fn numbers_are_finite_rewards_in_range_and_no_observation_is_constant() {
    for spec in tasks() {
        let mut envs = runner(&spec, &options(12, 3, 150));
        envs.reset();
        let (low, high) = spec.reward_range;
        let mut range = vec![(f32::INFINITY, f32::NEG_INFINITY); spec.obs_dim];
        for step in 0..200 {
            envs.step(&random_actions(&spec, 12, step));
            for row in envs.obs.chunks(spec.obs_dim) {
                for (seen, &x) in range.iter_mut().zip(row) {
                    assert!(x.is_finite(), "{} step {step}", spec.name);
                    *seen = (seen.0.min(x), seen.1.max(x));
                }
            }
            let fits = |reward: &f32| (low..=high).contains(reward);
            assert!(envs.reward.iter().all(fits), "{} {:?}", spec.name, envs.reward);
        }
        assert!(range.iter().all(|(low, high)| low < high), "{} {range:?}", spec.name);
        assert_eq!(envs.envs.divergences(), 0, "{}", spec.name);
    }
}

#[test]
fn same_seed_and_actions_give_the_same_bits_for_any_number_of_threads() {
    for spec in tasks() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&mut runner(&spec, &options(many(&spec), 5, 7)), 20))
        };
        let one = on(1);
        assert_eq!(one, on(1), "{}: the same run twice", spec.name);
        for threads in [2, 7] {
            assert_eq!(one, on(threads), "{}: {threads} threads", spec.name);
        }
    }
}

#[test]
fn an_environment_does_not_depend_on_its_neighbours() {
    for spec in tasks() {
        let n = 5;
        let mut together = runner(&spec, &with_first(options(n, 1, 9)));
        together.reset();
        let start = together.envs.save();
        let part = |values: &[f64], i: usize| {
            let len = values.len() / n;
            values[i * len..(i + 1) * len].to_vec()
        };
        let mut alone: Vec<Runner> = (0..n)
            .map(|i| {
                let mut state = start.clone();
                state.states = part(&start.states, i);
                state.first_states = part(&start.first_states, i);
                state.obs = start.obs[i * spec.obs_dim..(i + 1) * spec.obs_dim].to_vec();
                state.episode_steps.truncate(1);
                state.episodes.truncate(1);
                let mut single = runner(&spec, &with_first(options(1, 1, 9)));
                single.envs.restore(&state).unwrap();
                single
            })
            .collect();
        for step in 0..25 {
            let actions = random_actions(&spec, n, step);
            together.step(&actions);
            for (i, single) in alone.iter_mut().enumerate() {
                single.step(&actions[i * spec.action_dim..(i + 1) * spec.action_dim]);
                let obs = &together.obs[i * spec.obs_dim..(i + 1) * spec.obs_dim];
                assert_eq!(single.obs, obs, "{} step {step} environment {i}", spec.name);
                assert_eq!(single.reward[0], together.reward[i], "{} step {step}", spec.name);
            }
        }
    }
}

#[test]
fn another_seed_gives_another_start_and_a_second_reset_the_same_one() {
    for spec in tasks() {
        let start = |seed| {
            let mut envs = runner(&spec, &options(8, seed, 10));
            envs.reset();
            let first = envs.obs.clone();
            envs.step(&random_actions(&spec, 8, 0));
            envs.reset();
            assert_eq!(envs.obs, first, "{}", spec.name);
            first
        };
        assert_ne!(start(0), start(1), "{}", spec.name);
        let mut envs = runner(&spec, &options(many(&spec), 0, 10));
        envs.reset();
        let eight = |from: usize| &envs.obs[from * spec.obs_dim..(from + 8) * spec.obs_dim];
        for from in [1, 16, 512].into_iter().filter(|from| from + 8 <= many(&spec)) {
            assert_ne!(eight(0), eight(from), "{}: environments {from} on", spec.name);
        }
    }
}

#[test]
fn an_episode_is_truncated_at_the_step_limit_and_only_there() {
    for spec in tasks() {
        let mut envs = runner(&spec, &options(30, 2, 6));
        assert_eq!(envs.envs.spec().episode_length, 6);
        envs.reset();
        let mut since_start = [0; 30];
        let mut truncations = 0;
        for step in 0..40 {
            envs.final_obs.fill(f32::NAN);
            envs.step(&random_actions(&spec, 30, step));
            for (i, steps) in since_start.iter_mut().enumerate() {
                *steps += 1;
                let (terminated, truncated) = (envs.terminated[i], envs.truncated[i]);
                assert_eq!(truncated, !terminated && *steps == 6, "{}", spec.name);
                let final_obs = &envs.final_obs[i * spec.obs_dim..(i + 1) * spec.obs_dim];
                let written = |x: &f32| x.is_finite() == (terminated || truncated);
                assert!(final_obs.iter().all(written), "{}: final_obs", spec.name);
                if terminated || truncated {
                    *steps = 0;
                }
                truncations += usize::from(truncated);
            }
        }
        assert!(truncations > 0, "{}", spec.name);
    }
}

#[test]
fn staggered_environments_end_one_after_the_other() {
    for spec in tasks() {
        let mut envs = runner(&spec, &VecEnvOptions { stagger: true, ..options(4, 2, 20) });
        envs.reset();
        let mut first_cut = [0; 4];
        for step in 1..=20 {
            envs.step(&vec![0.0; 4 * spec.action_dim]);
            for (env, first) in first_cut.iter_mut().enumerate() {
                if *first == 0 && envs.truncated[env] {
                    *first = step;
                }
            }
        }
        assert_eq!(first_cut, [20, 15, 10, 5], "{}", spec.name);
    }
}

#[test]
fn a_step_that_terminates_at_the_step_limit_is_not_truncated() {
    let world = GridWorld::layout("two_walls").unwrap().with_start(12, 2).unwrap();
    let mut envs = Runner::new(Box::new(Batch::new(world, &options(1, 0, 1)).unwrap()));
    envs.reset();
    envs.step(&[0.0, -1.0]);
    assert_eq!((envs.terminated[0], envs.truncated[0], envs.success[0]), (true, false, true));
    assert_eq!(envs.final_obs, GridWorld::observation(12, 1));
    assert_eq!(envs.obs, GridWorld::observation(12, 2));
    envs.step(&[0.0, 1.0]);
    assert_eq!((envs.terminated[0], envs.truncated[0], envs.success[0]), (false, true, false));
}

#[test]
fn auto_reset_draws_a_fresh_start_or_returns_to_the_first() {
    for spec in tasks() {
        let mut fresh = runner(&spec, &options(8, 4, 3));
        let mut first = runner(&spec, &with_first(options(8, 4, 3)));
        fresh.reset();
        first.reset();
        let starts = first.obs.clone();
        assert_eq!(fresh.obs, starts, "{}", spec.name);
        for step in 0..9 {
            let actions = vec![0.0; 8 * spec.action_dim];
            fresh.step(&actions);
            first.step(&actions);
            if step % 3 == 2 {
                assert!(first.truncated.iter().all(|&cut| cut), "{}", spec.name);
                assert_eq!(first.obs, starts, "{} step {step}", spec.name);
                let rows = fresh.obs.chunks(spec.obs_dim).zip(starts.chunks(spec.obs_dim));
                let same = rows.filter(|(now, then)| now == then).count();
                assert!(same <= 3, "{}: {same} of 8 starts came again", spec.name);
            }
        }
    }
}

#[test]
fn a_restored_batch_continues_bit_for_bit() {
    for spec in tasks() {
        for options in [options(20, 6, 8), with_first(options(20, 6, 8))] {
            let mut envs = runner(&spec, &options);
            run(&mut envs, 13);
            let saved = envs.envs.save();
            let expected = proceed(&mut envs, 13, 20);
            let mut resumed = runner(&spec, &options);
            resumed.envs.restore(&saved).unwrap();
            assert_eq!(resumed.envs.save(), saved, "{}", spec.name);
            assert_eq!(proceed(&mut resumed, 13, 20), expected, "{} {options:?}", spec.name);
            assert_eq!(resumed.envs.save(), envs.envs.save(), "{}", spec.name);
        }
    }
}

#[test]
fn a_saved_state_of_another_size_is_refused_by_field() {
    for spec in tasks() {
        let mut envs = runner(&spec, &with_first(options(3, 0, 8)));
        envs.reset();
        let saved = envs.envs.save();
        let mut refused = |change: &dyn Fn(&mut fpo_envs::VecEnvState)| {
            let mut state = saved.clone();
            change(&mut state);
            match envs.envs.restore(&state) {
                Err(EnvError::State { what, .. }) => what,
                other => panic!("{}: {other:?}", spec.name),
            }
        };
        assert_eq!(refused(&|s| s.states.push(0.0)), "states");
        assert_eq!(refused(&|s| s.first_states.clear()), "first_states");
        assert_eq!(refused(&|s| s.obs.truncate(1)), "obs");
        assert_eq!(refused(&|s| s.episode_steps.clear()), "episode_steps");
        assert_eq!(refused(&|s| s.episodes.push(0)), "episodes");
    }
}
