//! Measures control steps per second and the longest step of the batch:
//! `throughput TASK NUM_ENVS STEPS [CHUNK]`.

use std::time::Instant;

use anyhow::{Context, Result};
use fpo_envs::{StepOutput, VecEnvOptions, make};

const USAGE: &str = "usage: throughput TASK NUM_ENVS STEPS [CHUNK]";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().context(USAGE)?;
    let mut count = |what| -> Result<Option<usize>> {
        let number = arguments.next().map(|text| {
            text.parse().with_context(|| format!("{what} must be a whole number, not `{text}`"))
        });
        number.transpose()
    };
    let (num_envs, steps) = (count("NUM_ENVS")?.context(USAGE)?, count("STEPS")?.context(USAGE)?);
    let chunk = count("CHUNK")?;
    let mut envs = make(&task, &VecEnvOptions { num_envs, chunk, ..VecEnvOptions::default() })?;
    let (obs_dim, action_dim) = (envs.spec().obs_dim, envs.spec().action_dim);
    let (mut obs, mut final_obs) = (vec![0.0; num_envs * obs_dim], vec![0.0; num_envs * obs_dim]);
    let (mut terminated, mut truncated) = (vec![false; num_envs], vec![false; num_envs]);
    let (mut success, mut reward) = (vec![false; num_envs], vec![0.0; num_envs]);
    let start = Instant::now();
    envs.reset(&mut obs)?;
    println!("reset {:.3} s", start.elapsed().as_secs_f64());
    let mut actions = vec![0.0; num_envs * action_dim];
    let mut longest = 0.0_f64;
    let start = Instant::now();
    for step in 0..steps {
        let began = Instant::now();
        for (i, action) in actions.iter_mut().enumerate() {
            *action = ((i * 31 + step * 17) as f32).sin();
        }
        let (obs, final_obs) = (&mut obs, &mut final_obs);
        let (terminated, truncated) = (&mut terminated, &mut truncated);
        let (success, reward) = (&mut success, &mut reward);
        envs.step(&actions, StepOutput { obs, reward, terminated, truncated, success, final_obs })?;
        longest = longest.max(began.elapsed().as_secs_f64());
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{task}: {:.0} steps/s ({num_envs} × {steps} steps in {seconds:.2} s, {} threads)\n\
         longest step of the batch: {:.2} ms",
        (num_envs * steps) as f64 / seconds,
        rayon::current_num_threads(),
        1e3 * longest,
    );
    Ok(())
}
