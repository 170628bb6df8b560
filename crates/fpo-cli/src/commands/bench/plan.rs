//! Turns the command line into cases to measure, so that mistakes show before any is timed.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::Source;
use fpo_envs::AutoReset;

use crate::commands::bench::args::{BenchArgs, Part};
use crate::commands::bench::asked::{
    counts, devices, repeats, require_used, threads, threads_in_use,
};
use crate::commands::bench::envs::Effort;
use crate::commands::bench::launch::Operation;
use crate::commands::bench::measurement::{Case, Kind, Measurement};
use crate::commands::bench::peak::Peak;
use crate::commands::bench::sizes::{Sizes, desk_cheetah};
use crate::commands::bench::stats::Repeats;
use crate::commands::bench::{envs, launch, learner, peak, sampler, train};
use crate::commands::task_arg::task_spec;
use crate::config::choices::PrecisionChoice;
use crate::config::resolved::Config;
use crate::host;
use crate::startup;
use crate::terminal::failure::UsageError;
use crate::training::build;
use crate::training::crew::Crew;
use crate::training::device;

/// Tasks from the lightest physics to the heaviest.
const TASKS: [&str; 5] =
    ["CartpoleBalance", "CheetahRun", "FingerSpin", "FishSwim", "HumanoidWalk"];
/// Batches of environments.
const ENVS: [usize; 2] = [256, 2048];
/// Untimed control steps of environments.
const WARM_UP: usize = 20;
/// What is trained where there is no MuJoCo.
const GRIDWORLD: &str = include_str!("../../../configs/gridworld/two_walls.toml");

/// A case and all that is needed to measure it.
pub struct Job {
    /// What is timed.
    pub kind: Kind,
    /// Which case of that kind.
    pub case: Case,
    work: Work,
}

enum Work {
    Launch { operation: Operation, device: Device, repeats: Repeats },
    Learner { sizes: Rc<Sizes>, batch_size: usize, device: Device, repeats: Repeats },
    Sampler { sizes: Rc<Sizes>, envs: usize, device: Device, repeats: Repeats },
    Envs { task: String, envs: usize, effort: Effort },
    Train { config: Box<Config>, device: Device, repeats: Repeats },
}

impl Work {
    /// Returns where tensors are computed, and how exactly; environments have none.
    fn precision(&self) -> Option<(&Device, PrecisionChoice)> {
        match self {
            Work::Learner { sizes, device, .. } | Work::Sampler { sizes, device, .. } => {
                Some((device, sizes.config.train.precision))
            }
            Work::Train { config, device, .. } => Some((device, config.train.precision)),
            Work::Launch { device, .. } => Some((device, PrecisionChoice::F32)),
            Work::Envs { .. } => None,
        }
    }
}

impl Job {
    /// Measures, on as many threads as the case says.
    ///
    /// # Errors
    /// Those of the part that is measured, with the case.
    pub fn run(self, peaks: &[Peak]) -> Result<Measurement> {
        let label = format!("{} ({})", self.kind, self.case);
        let threads = self.case.threads.unwrap_or_else(threads_in_use);
        let pool = startup::pool::exactly(threads)?;
        // The peak is the processor's.
        let on_cpu = self.case.device.as_deref() == Some("cpu");
        let peak = peak::widest(peaks, threads).filter(|_| on_cpu);
        let case = self.case;
        if let Some((device, precision)) = self.work.precision() {
            device::set_precision(device, precision)?;
        }
        let measured = match self.work {
            Work::Launch { operation, device, repeats } => {
                launch::measure(operation, &device, repeats, case)
            }
            Work::Learner { sizes, batch_size, device, repeats } => {
                let sizes = sizes.as_ref();
                pool.install(|| {
                    let alone = Crew::alone().reduce();
                    learner::measure(sizes, batch_size, &device, alone, repeats, case, peak)
                })
            }
            Work::Sampler { sizes, envs, device, repeats } => {
                let sizes = sizes.as_ref();
                pool.install(|| sampler::measure(sizes, envs, &device, repeats, case, peak))
            }
            Work::Envs { task, envs, effort } => {
                pool.install(|| envs::measure(&task, envs, effort, case))
            }
            Work::Train { config, device, repeats } => {
                pool.install(|| train::measure(*config, &device, Crew::alone(), repeats, case))
            }
        };
        measured.context(label)
    }
}

/// Returns the numbers of threads whose peaks say how good `jobs` are: one, and those on which they
/// run, as far as the machine can run so many at once.
pub fn threads_of_peaks(jobs: &[Job]) -> Vec<usize> {
    let used = jobs.iter().map(|job| job.case.threads.unwrap_or_else(threads_in_use));
    let possible = used.filter(|&threads| threads <= host::threads());
    possible.chain([1]).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns all cases that were asked for, in the order of the tables.
///
/// # Errors
/// Names a device, precision, task, size or configuration that this program cannot use, or a flag
/// that nothing takes of what was asked for.
pub fn jobs(args: &BenchArgs) -> Result<Vec<Job>> {
    require_used(args)?;
    let devices = devices(args)?;
    let mut jobs = Vec::new();
    if args.wants(Part::Launch) {
        launch_jobs(args, &devices, &mut jobs);
    }
    if args.wants(Part::Learner) || args.wants(Part::Sampler) {
        let sizes = args.sizes().into_iter().map(|name| Ok(Rc::new(Sizes::named(name)?)));
        let sizes: Vec<_> = sizes.collect::<Result<_>>()?;
        if args.wants(Part::Learner) {
            for sizes in &sizes {
                learner_jobs(args, sizes, &devices, &mut jobs)?;
            }
        }
        if args.wants(Part::Sampler) {
            sizes.iter().for_each(|sizes| sampler_jobs(args, sizes, &devices, &mut jobs));
        }
    }
    if args.wants(Part::Envs) {
        env_jobs(args, &mut jobs)?;
    }
    if args.wants(Part::Train) {
        train_jobs(args, &devices, &mut jobs)?;
    }
    for (device, precision) in jobs.iter().filter_map(|job| job.work.precision()) {
        device::check_precision(device, precision)?;
    }
    Ok(jobs)
}

fn launch_jobs(args: &BenchArgs, devices: &[(String, Device)], jobs: &mut Vec<Job>) {
    for operation in Operation::ALL {
        for (name, device) in devices {
            let case = Case {
                device: Some(name.clone()),
                operation: Some(operation.name().into()),
                ..Case::default()
            };
            let repeats = repeats(args, 5, 25, 1.0);
            let work = Work::Launch { operation, device: device.clone(), repeats };
            jobs.push(Job { kind: Kind::Operation, case, work });
        }
    }
}

fn learner_jobs(
    args: &BenchArgs,
    sizes: &Rc<Sizes>,
    devices: &[(String, Device)],
    jobs: &mut Vec<Job>,
) -> Result<()> {
    let unroll = sizes.config.train.unroll_length;
    let mut batch_sizes = sizes.batch_sizes.clone();
    if !args.transitions.is_empty() {
        let whole = |&n: &u32| match n as usize {
            n if n.is_multiple_of(unroll) => Ok(n / unroll),
            n => Err(UsageError(format!(
                "--transitions {n}: a minibatch of `{}` holds whole unrolls of {unroll} steps",
                sizes.name
            ))),
        };
        batch_sizes = args.transitions.iter().map(whole).collect::<Result<_, _>>()?;
    } else if args.quick {
        batch_sizes.truncate(1);
    }
    for &batch_size in &batch_sizes {
        for (name, device) in devices {
            for threads in threads(args, &[threads_in_use()]) {
                let case = Case {
                    device: Some(name.clone()),
                    sizes: Some(sizes.name.clone()),
                    transitions: Some(batch_size * unroll),
                    threads: Some(threads),
                    ..Case::default()
                };
                let (sizes, device) = (sizes.clone(), device.clone());
                let repeats = repeats(args, 5, 25, 5.0);
                let work = Work::Learner { sizes, batch_size, device, repeats };
                jobs.push(Job { kind: Kind::GradientStep, case, work });
            }
        }
    }
    Ok(())
}

fn sampler_jobs(
    args: &BenchArgs,
    sizes: &Rc<Sizes>,
    devices: &[(String, Device)],
    jobs: &mut Vec<Job>,
) {
    let is_flow = build::policy_spec(&sizes.config, &sizes.spec).source != Source::Noise;
    for envs in counts(&args.envs, &[sizes.config.env.num_envs]) {
        for (name, device) in devices {
            for threads in threads(args, &[threads_in_use()]) {
                let case = Case {
                    device: Some(name.clone()),
                    sizes: Some(sizes.name.clone()),
                    envs: Some(envs),
                    flow_steps: is_flow.then_some(sizes.config.policy.flow_steps),
                    threads: Some(threads),
                    ..Case::default()
                };
                let (sizes, device) = (sizes.clone(), device.clone());
                let work =
                    Work::Sampler { sizes, envs, device, repeats: repeats(args, 9, 101, 2.0) };
                jobs.push(Job { kind: Kind::Sample, case, work });
            }
        }
    }
}

fn env_jobs(args: &BenchArgs, jobs: &mut Vec<Job>) -> Result<()> {
    let tasks: Vec<String> = match args.tasks.as_slice() {
        [] if cfg!(feature = "mujoco") => TASKS.map(str::to_owned).to_vec(),
        [] => vec!["GridWorld/two_walls".into()],
        [all] if all == "all" => fpo_envs::tasks().into_iter().map(|spec| spec.name).collect(),
        named => named.iter().map(|name| Ok(task_spec(name)?.name)).collect::<Result<Vec<_>>>()?,
    };
    let effort = Effort {
        warmup: args.warmup.map_or(WARM_UP, |steps| steps as usize),
        run: Duration::from_secs_f64(if args.quick { 0.1 } else { 0.3 }),
        repeats: repeats(args, 5, 5, 0.0),
    };
    let all = threads_in_use();
    let default_threads = if args.quick || all == 1 { vec![all] } else { vec![1, all] };
    let default_envs = if args.quick { &ENVS[..1] } else { &ENVS[..] };
    for task in tasks {
        for envs in counts(&args.envs, default_envs) {
            for threads in threads(args, &default_threads) {
                let case = Case {
                    task: Some(task.clone()),
                    envs: Some(envs),
                    auto_reset: args.auto_reset.filter(|&chosen| chosen != AutoReset::Fresh),
                    threads: Some(threads),
                    ..Case::default()
                };
                let work = Work::Envs { task: task.clone(), envs, effort };
                jobs.push(Job { kind: Kind::EnvStep, case, work });
            }
        }
    }
    Ok(())
}

fn train_jobs(args: &BenchArgs, devices: &[(String, Device)], jobs: &mut Vec<Job>) -> Result<()> {
    let (name, config) = match &args.config {
        Some(path) => (path.display().to_string(), Config::load(&[path], &[])?),
        None if cfg!(feature = "mujoco") => ("desk".into(), desk_cheetah()?),
        None => ("two_walls".into(), Config::from_toml_str(GRIDWORLD, "two_walls")?),
    };
    fpo_envs::spec(&config.env.task)?;
    for (device_name, device) in devices {
        for threads in threads(args, &[threads_in_use()]) {
            let case = Case {
                device: Some(device_name.clone()),
                sizes: Some(name.clone()),
                task: Some(config.env.task.clone()),
                envs: Some(config.env.num_envs),
                threads: Some(threads),
                ..Case::default()
            };
            let (config, device) = (Box::new(config.clone()), device.clone());
            let work = Work::Train { config, device, repeats: repeats(args, 3, 9, 10.0) };
            jobs.push(Job { kind: Kind::Iteration, case, work });
        }
    }
    Ok(())
}
