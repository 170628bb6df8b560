//! What an episode draws for itself: a task on MuJoCo keeps it in the model's user data, a task
//! without a simulator in its state. Observation, reward and end depend on it, it stays as long as
//! the episode, and it is saved and restored with everything else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]
#![cfg(feature = "mujoco")]

mod driver;

use driver::{Runner, options, random_actions};
use fpo_envs::mujoco::{Data, MjModel, Mujoco, MujocoTask, Timing};
use fpo_envs::{Batch, EnvError, EnvRng, EnvSpec, groups};

const ENVS: usize = 24;

/// A weight on a rail and a place on it that is drawn for each episode.
struct Seek;

impl MujocoTask for Seek {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Seek".into(),
            obs_dim: 2,
            groups: groups(&[("position", 1), ("target", 1)]),
            action_dim: 1,
            episode_length: 9,
            control_dt: self.timing().control_dt(),
            reward_range: (-8.0, 0.0),
            has_success: false,
            description: String::new(),
            source: String::new(),
        }
    }

    fn domain(&self) -> &'static str {
        "seek"
    }

    fn xml(&self) -> &str {
        r#"<mujoco>
             <size nuserdata="1"/>
             <worldbody>
               <body><joint name="rail" type="slide" axis="1 0 0" damping="0.1"/>
                 <geom type="sphere" size="0.1" mass="0.02"/></body>
             </worldbody>
             <actuator><motor joint="rail" ctrlrange="-1 1" ctrllimited="true"/></actuator>
           </mujoco>"#
    }

    fn timing(&self) -> Timing {
        Timing { physics_dt: 0.02, substeps: 2 }
    }

    fn bind(&mut self, _model: &MjModel) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        data.qpos_mut()[0] = rng.uniform(-0.5, 0.5);
        data.userdata_mut()[0] = rng.uniform(-1.0, 1.0);
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        obs.copy_from_slice(&[data.qpos()[0], data.userdata()[0]]);
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        -(data.qpos()[0] - data.userdata()[0]).abs()
    }

    fn terminated(&self, data: &Data) -> bool {
        (data.qpos()[0] - data.userdata()[0]).abs() < 0.05
    }
}

fn seek(seed: u64) -> Runner {
    let options = options(ENVS, seed, 9);
    Runner::new(Box::new(Batch::new(Mujoco::new(Box::new(Seek)).unwrap(), &options).unwrap()))
}

/// Runs `steps` steps with the actions from step `from` on. Returns the bits of all outputs.
fn proceed(runner: &mut Runner, from: usize, steps: usize) -> Vec<u32> {
    let spec = runner.envs.spec().clone();
    let mut log = Vec::new();
    for step in from..from + steps {
        runner.step(&random_actions(&spec, ENVS, step));
        log.extend(runner.obs.iter().chain(&runner.reward).map(|x| x.to_bits()));
        log.extend(runner.terminated.iter().map(|&over| u32::from(over)));
    }
    log
}

#[test]
fn a_choice_stays_for_its_episode_and_decides_reward_and_end() {
    let mut runner = seek(3);
    runner.reset();
    let spec = runner.envs.spec().clone();
    let target = |runner: &Runner, env: usize| runner.obs[2 * env + 1];
    let (mut redrawn, mut ended) = (0, 0);
    for step in 0..40 {
        let before: Vec<f32> = (0..ENVS).map(|env| target(&runner, env)).collect();
        runner.step(&random_actions(&spec, ENVS, step));
        for (env, &before) in before.iter().enumerate() {
            let over = runner.terminated[env] || runner.truncated[env];
            assert_eq!(target(&runner, env) != before, over, "step {step} environment {env}");
            let row = if over { &runner.final_obs } else { &runner.obs };
            let distance = (row[2 * env] - before).abs();
            assert!((runner.reward[env] + distance).abs() < 1e-6);
            assert_eq!(runner.terminated[env], distance < 0.05, "{distance}");
            redrawn += usize::from(over);
            ended += usize::from(runner.terminated[env]);
        }
    }
    assert!(redrawn > 4 * ENVS && ended > 5, "{redrawn} {ended}");
}

#[test]
fn a_restored_batch_goes_on_with_what_its_episodes_have_drawn() {
    let mut runner = seek(4);
    runner.reset();
    proceed(&mut runner, 0, 13);
    let saved = runner.envs.save();
    let expected = proceed(&mut runner, 13, 20);
    let mut resumed = seek(4);
    resumed.envs.restore(&saved).unwrap();
    assert_eq!(proceed(&mut resumed, 13, 20), expected);
    assert_eq!(resumed.envs.save(), runner.envs.save());
}

#[test]
fn any_number_of_threads_draws_the_same() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut runner = seek(5);
            runner.reset();
            proceed(&mut runner, 0, 25)
        })
    };
    assert!(on(1) == on(3));
}
