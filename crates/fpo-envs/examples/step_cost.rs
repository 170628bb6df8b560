//! Measures on one thread what a control step costs, beginning with `mj_step` alone:
//! `step_cost TASK[,TASK…] [TURNS]`.
//!
//! All begin at the same states and take the same actions. They take turns, and printed is the
//! least time of all turns, in microseconds per control step:
//!
//! | column    | what it computes                                                          |
//! |-----------|---------------------------------------------------------------------------|
//! | `mj_step` | `mj_step` on the whole model, one environment after another               |
//! | `physics` | our physics steps, likewise                                               |
//! | `task`    | a control step of each environment in turn: its row, observation, reward  |
//! | `batch`   | the driver around it; episodes begin at stored starts                     |
//! | `fresh`   | the same; episodes begin at new starts                                    |

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use fpo_envs::mujoco::{Data, Mujoco, task};
use fpo_envs::{AutoReset, EnvRng, StepOutput, Task, VecEnv, VecEnvOptions, make};
use mujoco_rs::mujoco_c::{mjtDisableBit, mjtState};

const NAMES: [&str; 5] = ["mj_step", "physics", "task", "batch", "fresh"];
const ENVS: usize = 256;
/// Control steps before the first turn, and those of a turn.
const WARMUP: usize = 200;
const STEPS: usize = 10;
const PARTS: u32 = mjtState::mjSTATE_INTEGRATION as u32;

/// Uniform actions of one control step of all environments.
fn actions(step: usize, action_dim: usize) -> Vec<f32> {
    let mut rng = EnvRng::for_reset(0, 0, step as u64);
    (0..ENVS * action_dim).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

/// A batch with its output buffers.
struct Envs {
    envs: Box<dyn VecEnv>,
    obs: [Vec<f32>; 2],
    reward: Vec<f32>,
    flags: [Vec<bool>; 3],
}

impl Envs {
    fn new(task: &str, auto_reset: AutoReset) -> Result<Self> {
        let options = VecEnvOptions { num_envs: ENVS, auto_reset, stagger: true, ..<_>::default() };
        let mut envs = make(task, &options)?;
        let mut obs = vec![0.0; ENVS * envs.spec().obs_dim];
        envs.reset(&mut obs)?;
        let flags = [const { Vec::new() }; 3].map(|_: Vec<bool>| vec![false; ENVS]);
        Ok(Self { envs, obs: [obs.clone(), obs], reward: vec![0.0; ENVS], flags })
    }

    fn step(&mut self, actions: &[f32]) -> Result<()> {
        let ([obs, final_obs], reward) = (&mut self.obs, &mut self.reward);
        let [terminated, truncated, success] = &mut self.flags;
        let output = StepOutput { obs, reward, terminated, truncated, success, final_obs };
        Ok(self.envs.step(actions, output)?)
    }
}

/// Steps each environment `STEPS` times before the next one, with `advance`.
fn one_after_another(
    data: &mut Data,
    states: &[f64],
    actions: &[Vec<f64>],
    mut advance: impl FnMut(&mut Data, &[f64]),
) -> Result<()> {
    let (state_len, action_dim) = (states.len() / ENVS, actions[0].len() / ENVS);
    for (env, state) in states.chunks(state_len).enumerate() {
        data.set_state(state, PARTS)?;
        for actions in actions {
            advance(data, &actions[env * action_dim..(env + 1) * action_dim]);
        }
    }
    Ok(())
}

fn measure(name: &str, turns: usize) -> Result<[f64; 5]> {
    let mujoco = Mujoco::new(task(name).context("unknown task")?)?;
    let (substeps, state_len) = (mujoco.rules().timing().substeps, mujoco.state_len());
    let spec = mujoco.spec();
    let (mut first, mut fresh) =
        (Envs::new(name, AutoReset::First)?, Envs::new(name, AutoReset::Fresh)?);
    for step in 0..WARMUP {
        first.step(&actions(step, spec.action_dim))?;
        fresh.step(&actions(step, spec.action_dim))?;
    }
    let start = first.envs.save();
    let actions: Vec<_> =
        (WARMUP..WARMUP + STEPS).map(|step| actions(step, spec.action_dim)).collect();
    let wide: Vec<Vec<f64>> =
        actions.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
    let mut whole = mujoco.model().as_ref().clone();
    let left_out = mjtDisableBit::mjDSBL_ISLAND as i32 | mjtDisableBit::mjDSBL_MIDPHASE as i32;
    whole.opt_mut().disableflags &= !left_out;
    let (mut plain, mut data) = (Data::try_new(Arc::new(whole))?, mujoco.data()?);
    let (mut worker, mut obs) = (mujoco.worker()?, vec![0.0; spec.obs_dim]);
    let mut least = [f64::INFINITY; 5];
    for _ in 0..turns {
        for (name, least) in NAMES.iter().zip(&mut least) {
            let mut states = start.states.clone();
            if *name == "batch" {
                first.envs.restore(&start)?;
            }
            let clock = Instant::now();
            match *name {
                "mj_step" => one_after_another(&mut plain, &states, &wide, |data, action| {
                    data.ctrl_mut().copy_from_slice(action);
                    (0..substeps).for_each(|_| data.step());
                })?,
                "physics" => one_after_another(&mut data, &states, &wide, |data, action| {
                    mujoco.advance(data, action);
                })?,
                "task" => {
                    for actions in &actions {
                        let rows = states.chunks_mut(state_len);
                        for (state, action) in rows.zip(actions.chunks(spec.action_dim)) {
                            mujoco.step(&mut worker, state, action, &mut obs)?;
                        }
                    }
                }
                batch => {
                    let envs = if batch == "batch" { &mut first } else { &mut fresh };
                    actions.iter().try_for_each(|actions| envs.step(actions))?;
                }
            }
            let time = clock.elapsed().as_secs_f64() * 1e6 / (ENVS * STEPS) as f64;
            *least = least.min(time);
        }
    }
    Ok(least)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let tasks = arguments.next().context("usage: step_cost TASK[,TASK…] [TURNS]")?;
    let turns = arguments.next().map_or(Ok(20), |turns| turns.parse())?;
    println!("{:<18}{}", "µs", NAMES.map(|name| format!("{name:>9}")).concat());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        for task in tasks.split(',') {
            let times = measure(task, turns).with_context(|| task.to_owned())?;
            println!("{task:<18}{}", times.map(|time| format!("{time:>9.2}")).concat());
        }
        Ok(())
    })
}
