//! A task of your own on an MJCF file of your own, outside this crate, in about sixty lines. The
//! task is to bring a weight on a rail to the middle and to keep it there.
//!
//! ```text
//! cargo run --release -p fpo-envs --example own_task [MODEL.xml]
//! ```

use anyhow::Result;
use fpo_envs::mujoco::{Data, MjModel, Mujoco, MujocoTask, Timing};
use fpo_envs::reward::{Sigmoid, tolerance};
use fpo_envs::{Batch, EnvError, EnvRng, EnvSpec, StepOutput, VecEnv, VecEnvOptions, groups};

const MODEL: &str = r#"
<mujoco>
  <worldbody>
    <body>
      <joint name="rail" type="slide" axis="1 0 0" damping="0.1"/>
      <geom type="sphere" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor joint="rail" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>"#;
const TIMING: Timing = Timing { physics_dt: 0.01, substeps: 2 };

struct Centre {
    xml: String,
}

impl MujocoTask for Centre {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Centre".into(),
            obs_dim: 2,
            groups: groups(&[("position", 1), ("velocity", 1)]),
            action_dim: 1,
            episode_length: 200,
            control_dt: TIMING.control_dt(),
            reward_range: (0.0, 1.0),
            has_success: false,
            description: "bring a weight on a rail to the middle".into(),
            source: "examples/own_task.rs".into(),
        }
    }
    fn domain(&self) -> &'static str {
        "centre"
    }
    fn xml(&self) -> &str {
        &self.xml
    }
    fn timing(&self) -> Timing {
        TIMING
    }
    // Ids of named bodies, geoms and sensors are looked up here, once. This task needs no id.
    fn bind(&mut self, _model: &MjModel) -> Result<(), EnvError> {
        Ok(())
    }
    // `data` holds the model's default state. All randomness must come from `rng`.
    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        data.qpos_mut()[0] = rng.uniform(-1.0, 1.0);
    }
    fn observe(&self, data: &Data, obs: &mut [f64]) {
        obs.copy_from_slice(&[data.qpos()[0], data.qvel()[0]]);
    }
    // The reward is 1 within 5 cm of the middle and falls to 0.1 at 1 m.
    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        tolerance(data.qpos()[0], (-0.05, 0.05), 0.95, Sigmoid::USUAL)
    }
}

fn main() -> Result<()> {
    let xml = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => MODEL.into(),
    };
    let n = 64;
    let options = VecEnvOptions { num_envs: n, ..VecEnvOptions::default() };
    let mut envs = Batch::new(Mujoco::new(Box::new(Centre { xml }))?, &options)?;
    let (mut obs, mut final_obs) = (vec![0.0; 2 * n], vec![0.0; 2 * n]);
    let mut reward = vec![0.0; n];
    let (mut terminated, mut truncated) = (vec![false; n], vec![false; n]);
    let mut success = vec![false; n];
    envs.reset(&mut obs)?;
    let mut total = 0.0;
    for _ in 0..envs.spec().episode_length {
        // The policy is a spring and a damper, which solve this task.
        let push: Vec<f32> = obs.chunks(2).map(|o| (-4.0 * o[0] - 4.0 * o[1]).tanh()).collect();
        envs.step(
            &push,
            StepOutput {
                obs: &mut obs,
                reward: &mut reward,
                terminated: &mut terminated,
                truncated: &mut truncated,
                success: &mut success,
                final_obs: &mut final_obs,
            },
        )?;
        total += reward.iter().sum::<f32>();
    }
    println!("mean return of {n} episodes: {:.1} of 200", total / n as f32);
    Ok(())
}
