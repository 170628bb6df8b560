//! Starts that are prepared ahead of time have the same bits as starts drawn on the spot, and no
//! step of a batch makes more than its share of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use driver::{Runner, options, random_actions};
use fpo_envs::{AutoReset, Batch, EnvError, EnvRng, EnvSpec, Task, Transition, VecEnvOptions};

/// Number of environments, step limit and number of pieces of settling of the toy.
const N: usize = 64;
const LIMIT: usize = 100;
const PIECES: usize = 9;

/// Numbers of draws and of pieces of settling so far.
#[derive(Default)]
struct Counts {
    draws: AtomicUsize,
    pieces: AtomicUsize,
}

/// A task whose state is a number that each piece of settling scrambles. Its episodes end where an
/// action is near −1.
struct Toy {
    counts: Arc<Counts>,
    /// Whether `reset` does all of the settling.
    at_once: bool,
    /// Actions below this end the episode.
    deadly: f32,
}

impl Toy {
    fn new(at_once: bool, deadly: f32) -> Self {
        Self { counts: Arc::default(), at_once, deadly }
    }

    fn scramble(&self, piece: usize, state: &mut [f64], obs: &mut [f32]) {
        self.counts.pieces.fetch_add(1, Relaxed);
        state[0] = (state[0] * 1.7 + piece as f64).sin();
        if piece + 1 == PIECES {
            obs[0] = state[0] as f32;
        }
    }
}

impl Task for Toy {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Toy".into(),
            obs_dim: 1,
            groups: Vec::new(),
            action_dim: 1,
            episode_length: LIMIT,
            control_dt: 0.0,
            reward_range: (-1.0, 1.0),
            has_success: false,
            description: String::new(),
            source: String::new(),
        }
    }

    fn state_len(&self) -> usize {
        1
    }

    fn grain(&self) -> usize {
        5
    }

    fn worker(&self) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(
        &self,
        (): &mut (),
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        self.counts.draws.fetch_add(1, Relaxed);
        state[0] = rng.uniform(-1.0, 1.0);
        obs[0] = f32::NAN;
        if self.at_once {
            (0..PIECES).for_each(|piece| self.scramble(piece, state, obs));
        }
        Ok(())
    }

    fn settling(&self) -> usize {
        if self.at_once { 0 } else { PIECES }
    }

    fn settle(
        &self,
        (): &mut (),
        piece: usize,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        self.scramble(piece, state, obs);
        Ok(())
    }

    fn step(
        &self,
        (): &mut (),
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        state[0] = (state[0] + f64::from(action[0])).cos();
        obs[0] = state[0] as f32;
        let terminated = action[0] < self.deadly;
        Ok(Transition { terminated, ..Transition::reward(obs[0]) })
    }
}

fn batch<T: Task>(task: T, options: &VecEnvOptions) -> Runner {
    let mut runner = Runner::new(Box::new(Batch::new(task, options).unwrap()));
    runner.reset();
    runner
}

/// Steps both batches, the second saved and restored on the way, and compares their outputs.
fn assert_same(mut one: Runner, mut other: Runner, steps: usize, what: &str) {
    let spec = one.envs.spec().clone();
    assert_eq!(one.obs, other.obs, "{what}: the first starts");
    for step in 0..steps {
        let actions = random_actions(&spec, one.envs.num_envs(), step);
        one.step(&actions);
        other.step(&actions);
        assert_eq!(one.obs, other.obs, "{what} step {step}");
        assert_eq!(one.reward, other.reward, "{what} step {step}");
        assert_eq!(one.final_obs, other.final_obs, "{what} step {step}");
        if step % 37 == 36 {
            let saved = other.envs.save();
            assert_eq!(one.envs.save(), saved, "{what} step {step}");
            other.envs.restore(&saved).unwrap();
        }
    }
}

#[test]
fn prepared_starts_are_the_bits_of_starts_drawn_on_the_spot() {
    for (limit, deadly) in [(LIMIT, -2.0), (LIMIT, -0.98), (12, -0.9), (3, -2.0), (1, -2.0)] {
        for stagger in [false, true] {
            for (action_repeat, auto_reset) in [(1, AutoReset::Fresh), (3, AutoReset::First)] {
                let options = options(N, 1, limit);
                let options = VecEnvOptions { stagger, action_repeat, auto_reset, ..options };
                let ahead = batch(Toy::new(false, deadly), &options);
                let at_once = batch(Toy::new(true, deadly), &options);
                assert_same(at_once, ahead, 250, &format!("{options:?}"));
            }
        }
    }
}

#[test]
fn going_back_to_an_earlier_state_discards_starts_that_were_prepared_later() {
    let options = options(N, 1, 30);
    let mut envs = batch(Toy::new(false, -0.98), &options);
    let spec = envs.envs.spec().clone();
    let run = |envs: &mut Runner| {
        let step = |step| {
            envs.step(&random_actions(&spec, N, step));
            envs.obs.clone()
        };
        (0..45).map(step).collect::<Vec<_>>()
    };
    run(&mut envs);
    let saved = envs.envs.save();
    let first = run(&mut envs);
    envs.envs.restore(&saved).unwrap();
    assert_eq!(run(&mut envs), first);
    envs.reset();
    let start = run(&mut envs);
    envs.reset();
    assert_eq!(run(&mut envs), start);
}

#[test]
fn no_step_draws_or_settles_more_than_its_share() {
    for stagger in [false, true] {
        for limit in [LIMIT, 40] {
            let options = VecEnvOptions { stagger, ..options(N, 2, limit) };
            let toy = Toy::new(false, -2.0);
            let counts = Arc::clone(&toy.counts);
            let mut envs = batch(toy, &options);
            let mut largest = (0, 0);
            // Environments whose first episode is shorter than the making of a start begin it at
            // once.
            (0..PIECES).for_each(|_| envs.step(&[0.5; N]));
            for _ in 0..5 * limit {
                let before = (counts.draws.load(Relaxed), counts.pieces.load(Relaxed));
                envs.step(&[0.5; N]);
                largest.0 = largest.0.max(counts.draws.load(Relaxed) - before.0);
                largest.1 = largest.1.max(counts.pieces.load(Relaxed) - before.1);
            }
            // Drawn on the spot, a step would make all 64 starts and their 576 pieces. A start
            // takes 10 steps, so the work is spread over the steps before the last 10.
            let starts = N.div_ceil(limit - PIECES - 1) + 1;
            assert!(largest.0 <= starts, "limit {limit}, stagger {stagger}: {largest:?}");
            let pieces = N * PIECES / (limit - PIECES - 1) + PIECES;
            assert!(largest.1 <= pieces, "limit {limit}, stagger {stagger}: {largest:?}");
            let episodes = envs.envs.save().episodes.iter().sum::<u64>() as usize;
            let drawn = counts.draws.load(Relaxed);
            assert!((N + episodes..=2 * N + episodes).contains(&drawn), "{drawn} of {episodes}");
        }
    }
}

/// A MuJoCo task whose starts are settled as soon as they are drawn.
#[cfg(feature = "mujoco")]
struct OnTheSpot(fpo_envs::mujoco::Mujoco);

#[cfg(feature = "mujoco")]
impl Task for OnTheSpot {
    type Worker = fpo_envs::mujoco::Worker;

    fn spec(&self) -> EnvSpec {
        self.0.spec()
    }

    fn state_len(&self) -> usize {
        self.0.state_len()
    }

    fn worker(&self) -> Result<Self::Worker, EnvError> {
        self.0.worker()
    }

    fn reset(
        &self,
        worker: &mut Self::Worker,
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        self.0.reset(worker, rng, state, obs)?;
        (0..self.0.settling()).try_for_each(|piece| self.0.settle(worker, piece, state, obs))
    }

    fn step(
        &self,
        worker: &mut Self::Worker,
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        self.0.step(worker, state, action, obs)
    }
}

#[cfg(feature = "mujoco")]
#[test]
fn cheetahs_prepared_while_others_run_start_with_the_bits_of_those_settled_on_the_spot() {
    use fpo_envs::mujoco::{CheetahRun, Mujoco};
    let cheetah = || Mujoco::new(Box::<CheetahRun>::default()).unwrap();
    assert!(cheetah().settling() > 0);
    for stagger in [false, true] {
        let options = VecEnvOptions { stagger, ..options(7, 3, 90) };
        let on_the_spot = batch(OnTheSpot(cheetah()), &options);
        assert_same(on_the_spot, batch(cheetah(), &options), 300, "CheetahRun");
    }
}
