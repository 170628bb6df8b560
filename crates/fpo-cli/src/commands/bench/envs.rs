//! Times control steps of a batch of environments under random actions, new ones for every step.
//!
//! Neither the making of the actions is timed nor the first steps: a batch that has just been reset
//! has other contacts than one that has been running.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use fpo_envs::{VecEnv, VecEnvOptions, VecEnvState};

use crate::commands::bench::measurement::{Case, Kind, Measurement};
use crate::commands::bench::stats::{Repeats, Timing};
use crate::text::count::count;
use crate::training::stepped_envs::SteppedEnvs;
use fpo_core::require_finite;

/// How long one run steps, and how many steps are made before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Untimed control steps of every environment.
    pub warmup: usize,
    /// A run makes as many whole steps as this time needs.
    pub run: Duration,
    /// Number of runs.
    pub repeats: Repeats,
}

/// Times `envs` environments of `task`.
///
/// # Errors
/// Where the task fails or an episode leaves the finite numbers.
pub fn measure(task: &str, envs: usize, effort: Effort, case: Case) -> Result<Measurement> {
    let options = VecEnvOptions {
        num_envs: envs,
        auto_reset: case.auto_reset.unwrap_or_default(),
        // Restarts then fall on all steps alike, and so does their cost.
        stagger: true,
        ..VecEnvOptions::default()
    };
    let mut stage = SteppedEnvs::new(fpo_envs::make(task, &options)?)?;
    let mut actions = Actions::new(envs * stage.spec().action_dim);
    let mut step = |stage: &mut SteppedEnvs| -> Result<Duration> {
        let actions = actions.next();
        let clock = Instant::now();
        stage.step(actions)?;
        Ok(clock.elapsed())
    };
    let mut run = |stage: &mut SteppedEnvs, steps: usize| -> Result<Duration> {
        (0..steps).map(|_| step(stage)).sum()
    };
    run(&mut stage, effort.warmup)?;
    let mut steps = 1;
    let taken = loop {
        let taken = run(&mut stage, steps)?;
        if taken >= effort.run / 4 {
            break taken;
        }
        steps *= 2;
    };
    let runs_per_taken = effort.run.as_secs_f64() / taken.as_secs_f64();
    let steps = (steps as f64 * runs_per_taken).ceil().max(1.0) as usize;
    let durations = effort.repeats.take(|| run(&mut stage, steps))?;

    let width = stage.spec().obs_dim;
    require_finite(&stage.obs, width, "observation")?;
    require_finite(&stage.reward, 1, "reward")?;
    let divergences = stage.envs.divergences();
    if divergences > 0 {
        let episodes = count(divergences as usize, "episode");
        bail!("{task}: {episodes} left the finite numbers under random actions");
    }
    let time = Timing::of(&durations, steps as f64)?;
    let mut measured = Measurement::new(Kind::EnvStep, case, time).with_steps(envs);
    measured.bytes_per_env = Some(bytes(stage.envs.as_ref()) as f64 / envs as f64);
    Ok(measured)
}

/// Returns how many bytes a batch must keep between steps.
fn bytes(envs: &dyn VecEnv) -> usize {
    let VecEnvState { states, first_states, obs, episode_steps, episodes, .. } = envs.save();
    size_of_val(&states[..])
        + size_of_val(&first_states[..])
        + size_of_val(&obs[..])
        + size_of_val(&episode_steps[..])
        + size_of_val(&episodes[..])
}

/// Uniform actions in [−1, 1) from a xorshift generator: cheap, and different every step.
struct Actions {
    values: Vec<f32>,
    state: u64,
}

impl Actions {
    fn new(len: usize) -> Actions {
        Actions { values: vec![0.0; len], state: 0x9e37_79b9_7f4a_7c15 }
    }

    fn next(&mut self) -> &[f32] {
        for value in &mut self.values {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            *value = (self.state >> 40) as f32 * (2.0 / (1u64 << 24) as f32) - 1.0;
        }
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_batch_can_be_timed() {
        let effort =
            Effort { warmup: 2, run: Duration::from_millis(1), repeats: Repeats::exactly(3) };
        let task = "GridWorld/two_walls";
        let case = Case { task: Some(task.into()), envs: Some(8), ..Case::default() };
        let measured = measure(task, 8, effort, case).unwrap();
        assert_eq!(measured.time.runs, 3);
        let rate = measured.steps_per_s.unwrap();
        assert!((rate * measured.time.ms_median / 1e3 - 8.0).abs() < 1e-9, "{rate}");
        let state = fpo_envs::make(task, &VecEnvOptions::default()).unwrap().save();
        let row = state.states.len() * 8 + state.obs.len() * 4 + 4 + 8;
        assert_eq!(measured.bytes_per_env, Some(row as f64));
    }

    #[test]
    fn actions_fill_their_range_and_change_every_step() {
        let mut actions = Actions::new(10_000);
        let first = actions.next().to_vec();
        assert_ne!(first, actions.next());
        assert!(first.iter().all(|a| (-1.0..1.0).contains(a)));
        let mean = first.iter().sum::<f32>() / first.len() as f32;
        assert!(mean.abs() < 0.03, "six standard errors: {mean}");
        assert!(first.iter().any(|&a| a > 0.99) && first.iter().any(|&a| a < -0.99));
    }
}
