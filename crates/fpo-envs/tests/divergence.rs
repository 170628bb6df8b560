//! A step whose numbers leave the finite ones earns the worst reward that its task can pay.
//!
//! Where rewards are negative a reward of 0 is the best outcome, so a step that diverged must not
//! earn it: a policy would learn to break the physics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use driver::{Runner, options, random_actions, runner};
use fpo_envs::{Batch, EnvError, EnvRng, EnvSpec, Task, Transition, VecEnvOptions, tasks};

/// The ways in which a step can leave the finite numbers, by the action that makes it do so.
const FAULTS: [(&str, f32); 6] = [
    ("the task reports it", 1.0),
    ("the observation is not a number", 2.0),
    ("the reward is not a number", 3.0),
    ("the reward is infinite", 4.0),
    ("the action is not a number", f32::NAN),
    ("the action is infinite", f32::INFINITY),
];
/// Reward of a step on which nothing is wrong.
const USUAL_REWARD: f32 = -1.0;

/// A task that diverges on demand, in the way that its action names.
struct Faulty {
    reward_range: (f32, f32),
}

impl Task for Faulty {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Faulty".into(),
            obs_dim: 1,
            groups: Vec::new(),
            action_dim: 1,
            episode_length: 100,
            control_dt: 0.0,
            reward_range: self.reward_range,
            has_success: true,
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
        state[0] = 0.5;
        obs[0] = 0.5;
        Ok(())
    }

    fn step(
        &self,
        (): &mut (),
        _state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        let usual = Transition { success: action[0] != 0.0, ..Transition::reward(USUAL_REWARD) };
        match action[0] {
            1.0 => return Ok(Transition::DIVERGED),
            2.0 => obs[0] = f32::NAN,
            3.0 => return Ok(Transition { reward: f32::NAN, ..usual }),
            4.0 => return Ok(Transition { reward: f32::INFINITY, ..usual }),
            _ => {}
        }
        Ok(usual)
    }
}

fn faulty(reward_range: (f32, f32), options: &VecEnvOptions) -> Runner {
    let batch = Batch::new(Faulty { reward_range }, options).unwrap();
    let mut runner = Runner::new(Box::new(batch));
    runner.reset();
    runner
}

#[test]
fn a_diverged_step_earns_the_lower_end_of_the_reward_range() {
    for reward_range in [(-16.0, 0.0), (-16.0, -0.5), (-10.0, 20.0), (0.0, 1.0), (2.0, 3.0)] {
        let mut envs = faulty(reward_range, &options(1, 0, 100));
        for (fault, action) in FAULTS {
            envs.step(&[0.0]);
            assert_eq!((envs.reward[0], envs.terminated[0]), (USUAL_REWARD, false));
            envs.step(&[action]);
            assert_eq!(envs.reward[0], reward_range.0, "{fault}, {reward_range:?}");
            assert!(envs.terminated[0] && !envs.truncated[0] && !envs.success[0], "{fault}");
            assert_eq!((envs.final_obs[0], envs.obs[0]), (0.5, 0.5), "{fault}");
        }
        assert_eq!(envs.envs.divergences(), FAULTS.len() as u64);
    }
}

/// No number is the worst where rewards have no bound, so that 0 is left, or the end above if even
/// that is worse.
#[test]
fn a_diverged_step_of_a_task_without_a_lower_bound_earns_a_finite_reward() {
    for (reward_range, expected) in [
        ((f32::NEG_INFINITY, 0.0), 0.0),
        ((f32::NEG_INFINITY, -3.0), -3.0),
        ((f32::NEG_INFINITY, f32::INFINITY), 0.0),
    ] {
        let mut envs = faulty(reward_range, &options(1, 0, 100));
        envs.step(&[1.0]);
        assert_eq!((envs.reward[0], envs.terminated[0]), (expected, true), "{reward_range:?}");
    }
}

#[test]
fn the_worst_reward_is_that_of_one_control_step_when_actions_are_held() {
    let options = VecEnvOptions { action_repeat: 3, ..options(1, 0, 100) };
    let mut envs = faulty((-16.0, 0.0), &options);
    assert_eq!(envs.envs.spec().reward_range, (-48.0, 0.0));
    envs.step(&[0.0]);
    assert_eq!(envs.reward[0], 3.0 * USUAL_REWARD);
    envs.step(&[1.0]);
    assert_eq!((envs.reward[0], envs.terminated[0]), (-16.0, true));
}

#[test]
fn every_listed_task_pays_its_worst_reward_for_an_action_that_is_not_a_number() {
    for spec in tasks() {
        let mut envs = runner(&spec, &options(2, 0, 50));
        envs.reset();
        let mut actions = random_actions(&spec, 2, 0);
        actions[0] = f32::NAN;
        envs.step(&actions);
        assert_eq!(envs.reward[0], spec.reward_range.0, "{}", spec.name);
        assert!(envs.terminated[0] && !envs.success[0], "{}", spec.name);
        assert_eq!(envs.envs.divergences(), 1, "{}", spec.name);
    }
}
