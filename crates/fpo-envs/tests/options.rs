//! The options of a batch: actions that are held for several control steps, and sizes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{Runner, options, random_actions, runner};
use fpo_envs::{Batch, EnvError, EnvRng, EnvSpec, Task, Transition, VecEnvOptions, make, tasks};

/// Control steps per call, and a step limit that is no multiple of it.
const REPEAT: usize = 4;
const LIMIT: usize = 10;

#[test]
fn an_action_held_for_some_steps_is_the_same_action_given_again_until_the_episode_ends() {
    for spec in tasks() {
        let mut single = runner(&spec, &options(1, 3, LIMIT));
        let held = VecEnvOptions { action_repeat: REPEAT, ..options(1, 3, LIMIT) };
        let mut held = runner(&spec, &held);
        single.reset();
        held.reset();
        for call in 0..12 {
            let action = random_actions(&spec, 1, call);
            held.step(&action);
            let (mut reward, mut success, mut ended) = (0.0, false, false);
            for _ in 0..REPEAT {
                single.step(&action);
                reward += single.reward[0];
                success |= single.success[0];
                ended = single.terminated[0] || single.truncated[0];
                if ended {
                    assert_eq!(held.final_obs, single.final_obs, "{} call {call}", spec.name);
                    break;
                }
            }
            assert_eq!(held.reward[0].to_bits(), f32::to_bits(reward), "{}", spec.name);
            assert_eq!(held.success[0], success, "{} call {call}", spec.name);
            assert_eq!(held.terminated, single.terminated, "{} call {call}", spec.name);
            assert_eq!(held.truncated, single.truncated, "{} call {call}", spec.name);
            assert_eq!(ended, held.terminated[0] || held.truncated[0], "{}", spec.name);
            assert_eq!(held.obs, single.obs, "{} call {call}", spec.name);
            assert_eq!(held.envs.save(), single.envs.save(), "{} call {call}", spec.name);
        }
    }
}

#[test]
fn the_step_limit_counts_control_steps_and_cuts_a_held_action_short() {
    let options = VecEnvOptions { action_repeat: REPEAT, ..options(1, 0, LIMIT) };
    let mut world = Runner::new(make("GridWorld/two_walls", &options).unwrap());
    assert_eq!(world.envs.spec().episode_length, LIMIT);
    world.reset();
    let cuts: Vec<bool> = (0..6)
        .map(|_| {
            world.step(&[0.0, 0.0]);
            world.truncated[0]
        })
        .collect();
    assert_eq!(cuts, [false, false, true, false, false, true]);
}

#[test]
fn the_reward_range_in_force_is_that_of_the_sum() {
    let range = |action_repeat| {
        let options = VecEnvOptions { action_repeat, ..VecEnvOptions::default() };
        make("GridWorld/three_goals", &options).unwrap().spec().reward_range
    };
    assert_eq!(range(1), (-10.0, 20.0));
    assert_eq!(range(3), (-30.0, 60.0));
}

#[test]
fn an_option_of_zero_is_refused_by_name() {
    let zero = |options: VecEnvOptions| match make("GridWorld/cshape", &options).err() {
        Some(EnvError::Option { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let default = VecEnvOptions::default;
    assert_eq!(zero(VecEnvOptions { num_envs: 0, ..default() }), "num_envs");
    assert_eq!(zero(VecEnvOptions { action_repeat: 0, ..default() }), "action_repeat");
    assert_eq!(zero(VecEnvOptions { chunk: Some(0), ..default() }), "chunk");
}

/// A task that counts its steps and earns 1 at each; its third observation is not a number.
struct Fuse;

impl Task for Fuse {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Fuse".into(),
            obs_dim: 1,
            groups: Vec::new(),
            action_dim: 1,
            episode_length: 100,
            control_dt: 0.0,
            reward_range: (0.0, 1.0),
            has_success: false,
            description: String::new(),
            source: String::new(),
        }
    }

    fn state_len(&self) -> usize {
        1
    }

    fn worker(&self) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(
        &self,
        (): &mut (),
        _rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        state[0] = 0.0;
        obs[0] = 0.0;
        Ok(())
    }

    fn step(
        &self,
        (): &mut (),
        state: &mut [f64],
        _action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        state[0] += 1.0;
        obs[0] = if state[0] < 3.0 { state[0] as f32 } else { f32::NAN };
        Ok(Transition::reward(1.0))
    }
}

#[test]
fn a_held_action_that_diverges_keeps_the_rewards_of_earlier_control_steps() {
    let options = VecEnvOptions { action_repeat: 5, ..VecEnvOptions::default() };
    let mut fuse = Runner::new(Box::new(Batch::new(Fuse, &options).unwrap()));
    fuse.reset();
    for call in 1..=3 {
        fuse.step(&[0.0]);
        assert_eq!((fuse.reward[0], fuse.terminated[0], fuse.truncated[0]), (2.0, true, false));
        assert_eq!((fuse.final_obs[0], fuse.obs[0]), (2.0, 0.0));
        assert_eq!(fuse.envs.divergences(), call);
    }
}
