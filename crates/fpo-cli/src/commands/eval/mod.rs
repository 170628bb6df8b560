//! `fpo eval`: plays episodes with a trained policy, whose actions its own sampler or another one
//! draws.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use fpo_core::sampler::Start;

use crate::commands::device_arg::parse_device;
use crate::commands::play::{PlayArgs, play};
use crate::commands::sampler_args::SamplerArgs;
use crate::config::choices::DeviceChoice;
use crate::run::best;
use crate::run::dir::RunDir;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::Notes;
use crate::training::player::Player;
use crate::training::{device, policy_file};

/// The arguments of `fpo eval`.
#[derive(Args, Debug)]
pub struct EvalArgs {
    /// Folder of a run, or a policy file
    policy: PathBuf,
    /// Play the policy of the run's best evaluation instead of its last
    #[arg(long)]
    best: bool,
    /// Task to play, if not the one it was trained on
    #[arg(long)]
    task: Option<String>,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_parser = parse_device, default_value = "auto")]
    device: DeviceChoice,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    play: PlayArgs,
}

/// Plays episodes with a trained policy and prints their report.
///
/// # Errors
/// If the policy cannot be read or does not fit the task, if the device is missing, or if playing
/// fails; [`UsageError`] for a flag that does not apply.
pub fn eval(args: EvalArgs) -> Result<()> {
    let run = match args.policy.is_dir() {
        true => Some(RunDir::open(&args.policy)?),
        false => None,
    };
    let given = args.policy.display();
    let path = match (&run, args.best) {
        (Some(run), false) => run.policy_path(),
        (Some(run), true) => {
            let best = best::load(run)?;
            best.with_context(|| format!("{given} has no best policy: it was never evaluated"))?
                .policy
        }
        (None, false) => args.policy.clone(),
        (None, true) => {
            let what = format!("--best needs the folder of a run, and {given} is not a folder");
            return Err(UsageError(what).into());
        }
    };
    let file = policy_file::load(&path, &device::open(args.device, &mut Notes)?)?;
    let plan = args.play.plan_for_policy(&path, &file, args.task.as_deref(), run.as_ref())?;
    let actor = file.actor()?;
    let with_own_sampler = |start: Option<Start>| {
        let start = start.unwrap_or(actor.start);
        Player::Policy(Box::new(actor.clone().from_start(start)))
    };
    let player = match file.policy.field() {
        Some(flow) => match args.sampler.sampler(flow.steps(), actor.start)? {
            Some(sampler) => Player::sampled(actor, sampler),
            None => with_own_sampler(args.sampler.start()),
        },
        None => with_own_sampler(args.sampler.start_alone()?),
    };
    play(&player, &plan, &args.play, args.json)
        .with_context(|| format!("policy {}", path.display()))
}
