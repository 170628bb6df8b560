//! `fpo eval --latency`: how long one action takes, one observation at a time on one thread, by the
//! policy's own sampler and by others.
//!
//! What is timed is the way from an observation and its noise in memory to the control in memory.
//! Every call has an observation of its own, drawn like those that the policy was trained on.

mod report;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::sampler::{Method, Sampler};
use fpo_core::{Isa, Noise, NormalizerKind, PolicyFile, Purpose, SingleActor};

use crate::commands::bench::machine::{Machine, others_running};
use crate::commands::bench::stats::Repeats;
use crate::commands::eval::args::EvalArgs;
use crate::commands::eval::entrant::policy_file_of;
use crate::commands::eval::latency::report::{Latency, Measured, Report};
use crate::config::choices::DeviceChoice;
use crate::terminal::failure::UsageError;
use crate::terminal::output::{print, print_json};

/// Untimed calls before the timed ones: the caches fill, and the processor finds its clock rate.
const WARM_UP: Repeats = Repeats { least: 20, most: 100_000, enough: Duration::from_millis(200) };

/// Timed calls: the 99th percentile has ten of them above it at least.
const TIMED: Repeats = Repeats { least: 1000, most: 20_000, enough: Duration::from_millis(500) };

/// Observations that take turns.
const OBSERVATIONS: usize = 64;

/// Numbers of Euler steps that are measured besides the policy's own.
const EULER_STEPS: [usize; 4] = [1, 2, 5, 20];

/// Measures the latency of every policy that `args` name, and prints it.
///
/// # Errors
/// If a policy cannot be read or acts wrongly; [`UsageError`] for a flag that does not apply.
pub fn latency(args: &EvalArgs) -> Result<()> {
    if !matches!(args.device, DeviceChoice::Auto | DeviceChoice::Cpu) {
        let text = "--latency measures one thread of the CPU; --device does not apply";
        return Err(UsageError(text.into()).into());
    }
    let read = |given| -> Result<_> {
        let (path, file) = policy_file_of(given, args.best, &Device::Cpu)?;
        let asked = asked(args, &file).with_context(|| format!("policy {}", path.display()))?;
        Ok((path, file, asked))
    };
    // All are read before the first is measured, so that a wrong one fails at once.
    let all = args.policies.iter().map(|given| read(given)).collect::<Result<Vec<_>>>()?;
    let mut machine = Machine::describe();
    machine.others_running = others_running();
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let measure = || -> Result<Vec<Measured>> {
        let of = |(path, file, asked): &(PathBuf, PolicyFile, Option<Sampler>)| {
            measured(path, file, asked.as_ref())
        };
        all.iter().map(of).collect()
    };
    let policies = alone.install(measure)?;
    let report = Report { machine, kernels: Isa::best().name(), threads: 1, policies };
    match args.json {
        true => print_json(&report, true),
        false => print(&report.to_string()),
    }
}

/// Returns the sampler that was asked for, if one was.
fn asked(args: &EvalArgs, file: &PolicyFile) -> Result<Option<Sampler>> {
    match file.policy.field() {
        Some(flow) => args.sampler.sampler(flow.steps(), file.info.start),
        None => args.sampler.start_alone().map(|_| None),
    }
}

/// Returns the samplers that are measured where none is asked for, beside Euler's: each with about
/// as many evaluations of the network as the policy's own `steps`.
fn others(steps: usize) -> Vec<Sampler> {
    let fewer = |evaluations: usize| (steps / evaluations).max(1);
    vec![
        Sampler::new(Method::Midpoint, fewer(2)),
        Sampler::new(Method::Heun, fewer(2)),
        Sampler::new(Method::Rk4, fewer(4)),
        Sampler::new(Method::Sde { churn: 1.0 }, steps),
        Sampler::new(Method::Dopri5 { rtol: 1e-4, atol: 1e-5 }, 1),
    ]
}

fn measured(path: &Path, file: &PolicyFile, asked: Option<&Sampler>) -> Result<Measured> {
    let inputs = Inputs::draw(file)?;
    let policy = file.policy.as_ref();
    let mut latencies = Vec::new();
    let mut add = |sampler, steps, own, by, act: Act| -> Result<()> {
        latencies.push(Latency::of(sampler, steps, own, by, &inputs.time(act)?));
        Ok(())
    };
    let own_steps = policy.field().map(|flow| flow.steps());
    let name = if own_steps.is_some() { "euler" } else { "gaussian" };
    if policy.kernel_form().is_some() {
        let mut single = file.single_actor()?;
        let act: Act = &mut |obs, noise, control, _| Ok(single.act_into(obs, noise, control)?);
        add(name, own_steps, true, "single_actor", act)?;
    }
    let (actor, draws) = (file.actor()?, Noise::new(0));
    let act: Act = &mut |obs, noise, control, _| {
        control.copy_from_slice(&actor.act(obs, noise)?);
        policy.squash().apply(control);
        Ok(())
    };
    add(name, own_steps, true, "actor", act)?;
    let Some(own_steps) = own_steps else {
        return Ok(Measured::new(path, file, latencies));
    };
    if asked.is_none() && policy.kernel_form().is_some() {
        for steps in EULER_STEPS.into_iter().filter(|steps| *steps != own_steps) {
            let mut single = SingleActor::new(policy, &file.normalizer, Some(steps))?;
            let act: Act = &mut |obs, noise, control, _| Ok(single.act_into(obs, noise, control)?);
            add(name, Some(steps), false, "single_actor", act)?;
        }
    }
    let samplers = asked.map_or_else(|| others(own_steps), |asked| vec![asked.clone()]);
    for sampler in &samplers {
        let act: Act = &mut |obs, noise, control, call| {
            let action = actor.act_by(obs, noise, |obs, start| {
                let field = policy
                    .field()
                    .ok_or_else(|| fpo_core::Error::Invalid("only a flow has samplers".into()))?;
                Ok(sampler.sample(field, obs, start, &draws, call)?.x)
            })?;
            control.copy_from_slice(&action);
            policy.squash().apply(control);
            Ok(())
        };
        let steps = match sampler.method {
            Method::Dopri5 { .. } => None,
            _ => Some(sampler.grid.times()?.len() - 1),
        };
        add(sampler.method.name(), steps, false, "operations", act)?;
    }
    Ok(Measured::new(path, file, latencies))
}

/// Acts: takes an observation, noise, room for a control, and the number of the call.
type Act<'a> = &'a mut dyn FnMut(&[f32], &[f32], &mut [f32], u64) -> Result<()>;

/// Observations and noise that calls take in turn.
struct Inputs {
    obs: Vec<Vec<f32>>,
    noise: Vec<Vec<f32>>,
    action_dim: usize,
}

impl Inputs {
    /// Draws them: observations of the mean and the deviation in the policy's statistics.
    fn draw(file: &PolicyFile) -> Result<Inputs> {
        let statistics = file.statistics(NormalizerKind::Welford)?;
        let (mean, std) = (statistics.mean().to_vec(), statistics.std());
        let draws = Noise::new(0);
        let normals = |purpose, index, len| {
            let mut row = vec![0.0; len];
            draws.fill_normal(purpose, index, &mut row);
            row
        };
        let obs = |index| {
            let row: Vec<f32> = normals(Purpose::Probe, index, mean.len());
            let scaled = row.iter().zip(mean.iter().zip(&std));
            scaled.map(|(&x, (mean, std))| (mean + std * f64::from(x)) as f32).collect()
        };
        let noise = |index| normals(Purpose::EvalAction, index, file.policy.noise_len());
        let count = OBSERVATIONS as u64;
        let (obs, noise) = ((0..count).map(obs).collect(), (0..count).map(noise).collect());
        Ok(Inputs { obs, noise, action_dim: file.policy.action_dim() })
    }

    /// Returns the times of calls of `act` after the first ones, in their order.
    fn time(&self, act: Act) -> Result<Vec<Duration>> {
        let mut control = vec![0.0; self.action_dim];
        let mut call = 0;
        let mut once = || -> Result<Duration> {
            let turn = call % OBSERVATIONS;
            let (obs, noise) = (&self.obs[turn], &self.noise[turn]);
            let clock = Instant::now();
            act(black_box(obs), black_box(noise), &mut control, call as u64)?;
            black_box(&mut control);
            call += 1;
            Ok(clock.elapsed())
        };
        WARM_UP.take(&mut once)?;
        TIMED.take(&mut once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_samplers_evaluate_the_network_about_as_often() {
        let steps = |sampler: &Sampler| sampler.grid.times().unwrap().len() - 1;
        assert_eq!(others(10).iter().map(steps).collect::<Vec<_>>(), [5, 5, 2, 10, 1]);
        assert_eq!(others(1).iter().map(steps).collect::<Vec<_>>(), [1, 1, 1, 1, 1]);
    }
}
