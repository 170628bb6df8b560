//! `fpo eval`: episodes with a trained policy, by its own sampler or another.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use clap::Args;
use fpo_core::sampler::Start;

use crate::commands::sampler_args::SamplerArgs;
use crate::commands::{parse_device, print};
use crate::config::choices::DeviceChoice;
use crate::run::dir::RunDir;
use crate::run::{best, durable};
use crate::terminal::failure::UsageError;
use crate::training::evaluate::{EvalPlan, evaluate};
use crate::training::player::Player;
use crate::training::policy_file::require_fit;
use crate::training::recording::Recording;
use crate::training::{device, policy_file};

/// What `fpo eval` can be asked for.
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
    /// Report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sampler: SamplerArgs,
    #[command(flatten)]
    play: PlayArgs,
}

/// How much to play, and where to write it.
#[derive(Args, Debug)]
pub struct PlayArgs {
    /// Episodes to play
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub episodes: u32,
    /// Seed of starts and noise; the default is that of evaluations during training
    #[arg(long, default_value_t = 1_000_000)]
    pub seed: u64,
    /// Write every step (obs, noise, action, control, reward, ended) to a safetensors file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Plays episodes with a trained policy and prints their report.
pub fn eval(args: EvalArgs) -> Result<()> {
    let path = match (args.policy.is_dir(), args.best) {
        (true, false) => RunDir::open(&args.policy)?.policy_path(),
        (true, true) => {
            let best = best::load(&RunDir::open(&args.policy)?)?;
            let folder = args.policy.display();
            best.with_context(|| format!("{folder} has kept no best policy: it was not evaluated"))?
                .policy
        }
        (false, false) => args.policy.clone(),
        (false, true) => {
            let what =
                format!("--best needs the folder of a run; {} is none", args.policy.display());
            return Err(UsageError(what).into());
        }
    };
    let file = policy_file::load(&path, &device::open(args.device)?)?;
    let info = &file.info;
    let (task, episode_length) = match args.task {
        Some(task) => {
            require_fit(&path, &file, &fpo_envs::spec(&task)?)?;
            (task, None)
        }
        // A task that the file names and this build lacks is no mistake of the command line.
        None => match fpo_envs::spec(&info.task) {
            Ok(spec) => {
                require_fit(&path, &file, &spec)?;
                (info.task.clone(), Some(info.episode_length))
            }
            Err(error) => bail!("policy {}: {error}", path.display()),
        },
    };
    let plan = EvalPlan {
        task,
        episodes: args.play.episodes as usize,
        seed: args.play.seed,
        episode_length,
        starts: policy_file::starts(info).with_context(|| format!("policy {}", path.display()))?,
        action_repeat: info.action_repeat,
    };
    let actor = file.actor()?;
    let own = |start: Option<Start>| {
        let start = start.unwrap_or(actor.start);
        Player::Policy(Box::new(actor.clone().from_start(start)))
    };
    let player = match file.policy.field() {
        Some(flow) => match args.sampler.sampler(flow.steps(), info.start)? {
            Some(sampler) => Player::sampled(actor, sampler),
            None => own(args.sampler.start()),
        },
        None => own(args.sampler.start_alone()?),
    };
    play(&player, &plan, &args.play, args.json)
        .with_context(|| format!("policy {}", path.display()))
}

/// Plays `plan`, writes the recording that was asked for, and prints the report.
pub fn play(player: &Player, plan: &EvalPlan, args: &PlayArgs, json: bool) -> Result<()> {
    if let Some(record) = &args.record {
        durable::check_output(record).with_context(|| cannot_write(record))?;
    }
    let mut recording = args.record.as_ref().map(|_| Recording::default());
    let report = evaluate(player, plan, recording.as_mut(), &AtomicBool::new(false))?
        .context("the evaluation was stopped")?;
    if let (Some(path), Some(recording)) = (&args.record, recording) {
        durable::write_output(path, &recording.into_file().to_bytes()?)
            .with_context(|| cannot_write(path))?;
    }
    match json {
        true => print(&serde_json::to_string(&report)?),
        false => print(&report.to_string()),
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
