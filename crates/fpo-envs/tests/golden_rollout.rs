//! The batch driver agrees with the official code's rollout on a toy environment: in rewards, ends
//! of episodes, the return to the first state, and step counters.
//!
//! The toy: x' = 0.9 x + 0.3 a, with the action's elements repeated over the state; the reward is
//! −Σ x'²; the episode ends where |x'₀| exceeds a threshold; the environment gets tanh(a).
//!
//! Two things are not compared. No step of the repository's file both terminates and reaches the
//! step limit, so our rule for that (the step counts as terminated) has its own test in
//! `contract.rs`. The `eval/*` numbers start from states that the file does not hold, and the
//! official evaluation goes on adding rewards after a termination, which ours does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use common::Report;
use common::tensors::{cases, need};
use fpo_envs::{
    AutoReset, Batch, EnvError, EnvRng, EnvSpec, StepOutput, Task, Transition, VecEnv,
    VecEnvOptions, VecEnvState,
};
use safetensors::SafeTensors;
use serde_json::Value;

/// Room for some roundings of float32 on numbers below 3, carried along for at most 20 steps.
const TOLERANCE: f64 = 1e-6;

struct Toy {
    spec: EnvSpec,
    threshold: f32,
}

impl Task for Toy {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        self.spec.clone()
    }

    fn state_len(&self) -> usize {
        self.spec.obs_dim
    }

    fn grain(&self) -> usize {
        2
    }

    fn worker(&self) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(
        &self,
        (): &mut (),
        _rng: &mut EnvRng,
        _state: &mut [f64],
        _obs: &mut [f32],
    ) -> Result<(), EnvError> {
        unreachable!("the starts come from the golden file")
    }

    fn step(
        &self,
        (): &mut (),
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        let mut reward = 0.0;
        for ((x, obs), action) in state.iter_mut().zip(obs.iter_mut()).zip(action.iter().cycle()) {
            *obs = 0.9 * *x as f32 + 0.3 * action;
            *x = f64::from(*obs);
            reward -= *obs * *obs;
        }
        let terminated = obs[0].abs() > self.threshold;
        Ok(Transition { terminated, ..Transition::reward(reward) })
    }
}

/// The buffers into which a step writes.
struct Buffers {
    obs: Vec<f32>,
    final_obs: Vec<f32>,
    reward: Vec<f32>,
    flags: [Vec<bool>; 3],
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn check_case(file: &SafeTensors<'_>, name: &str, config: &Value, report: &mut Report) {
    let number = |key: &str| config[key].as_f64().unwrap();
    let (obs_dim, action_dim) = (number("O") as usize, number("Ac") as usize);
    let n = number("num_envs") as usize;
    let spec = EnvSpec {
        name: name.into(),
        obs_dim,
        groups: Vec::new(),
        action_dim,
        episode_length: number("episode_length") as usize,
        control_dt: 0.0,
        reward_range: (f32::NEG_INFINITY, 0.0),
        has_success: false,
        description: String::new(),
        source: String::new(),
    };
    let toy = Toy { spec, threshold: number("thr") as f32 };
    let get = |key: &str| need(file, &format!("{name}/{key}"));
    let first = get("first_obs");
    let options =
        VecEnvOptions { num_envs: n, auto_reset: AutoReset::First, ..VecEnvOptions::default() };
    let mut envs = Batch::new(toy, &options).unwrap();
    let first_states = (0..n).flat_map(|i| [first.row(i), first.row(i)].concat()).collect();
    let mut out = Buffers {
        obs: first.values.iter().map(|&x| x as f32).collect(),
        final_obs: vec![0.0; n * obs_dim],
        reward: vec![0.0; n],
        flags: [vec![false; n], vec![false; n], vec![false; n]],
    };
    envs.restore(&VecEnvState {
        states: first.values.clone(),
        first_states,
        obs: out.obs.clone(),
        episode_steps: vec![0; n],
        episodes: vec![0; n],
    })
    .unwrap();

    let (obs, next_obs, action) = (get("obs"), get("next_obs"), get("action"));
    let (reward, truncation, discount) = (get("reward"), get("truncation"), get("discount"));
    for t in 0..obs.shape[0] {
        report.compare(&format!("{name} obs {t}"), &doubles(&out.obs), obs.row(t));
        let squashed: Vec<f32> = action.row(t).iter().map(|&a| (a as f32).tanh()).collect();
        let [terminated, truncated, success] = &mut out.flags;
        let output = StepOutput {
            obs: &mut out.obs,
            reward: &mut out.reward,
            terminated,
            truncated,
            success,
            final_obs: &mut out.final_obs,
        };
        envs.step(&squashed, output).unwrap();
        let flag = |which: usize| out.flags[which].iter().map(|&f| f64::from(f));
        let mut reached = doubles(&out.obs);
        for i in (0..n).filter(|&i| out.flags[0][i] || out.flags[1][i]) {
            let cells = i * obs_dim..(i + 1) * obs_dim;
            reached[cells.clone()].copy_from_slice(&doubles(&out.final_obs[cells]));
        }
        report.compare(&format!("{name} next_obs {t}"), &reached, next_obs.row(t));
        report.compare(&format!("{name} reward {t}"), &doubles(&out.reward), reward.row(t));
        let truncated: Vec<f64> = flag(1).collect();
        report.compare(&format!("{name} truncation {t}"), &truncated, truncation.row(t));
        let going_on: Vec<f64> = flag(0).map(|ended| 1.0 - ended).collect();
        report.compare(&format!("{name} discount {t}"), &going_on, discount.row(t));
    }
    let steps: Vec<f64> = envs.save().episode_steps.iter().map(|&s| f64::from(s)).collect();
    report.compare(&format!("{name} final_steps"), &steps, &get("final_steps").values);
    report.compare(&format!("{name} final_obs"), &doubles(&out.obs), &get("final_obs").values);
}

#[test]
fn golden_rollout_of_the_official_code_is_reproduced() {
    let (file, index_file) = ("algorithm/l_rollout_toy.safetensors", "algorithm/index.json");
    let (Some(bytes), Some(index)) = (common::read(file), common::read(index_file)) else { return };
    let index: Value = serde_json::from_slice(&index).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut report = Report::new(file, TOLERANCE);
    let configs = &index["files"]["l_rollout_toy.safetensors"]["cases"];
    let cases = cases(&tensors, "first_obs");
    assert!(!cases.is_empty(), "{file} has no tensor `CASE/first_obs` of any case");
    for name in cases {
        match configs.get(&name) {
            Some(config) => check_case(&tensors, &name, config, &mut report),
            None => common::skip(&format!("{index_file}, configuration of {file} {name}")),
        }
    }
    report.finish();
}
