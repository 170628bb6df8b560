//! The command line: what can be asked for, and who does it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, DeviceChoice};
use crate::evaluate::{EvalPlan, evaluate};
use crate::failure::UsageError;
use crate::recording::Recording;
use crate::run_dir::RunDir;
use crate::{device, durable, envs_table, export, policy_file, train};

/// Flow Policy Optimization: on-policy reinforcement learning of flow-matching policies.
///
/// Exit codes: 0 done; 1 it could not be done (a missing or damaged file, no such device, a run
/// that diverged); 2 the command line or the configuration is wrong; 130 stopped by Ctrl-C or
/// SIGTERM, and saved.
#[derive(Parser, Debug)]
#[command(name = "fpo", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train a policy from a configuration, or continue a run
    Train(TrainArgs),
    /// Play episodes with a trained policy and report their returns
    Eval(EvalArgs),
    /// Write the policy of a run's newest checkpoint to a safetensors file
    Export {
        /// Folder of the run
        run: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// List the tasks of this build
    Envs {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration with its includes, overrides and defaults resolved
    Config {
        /// TOML file
        config: PathBuf,
        #[command(flatten)]
        overrides: Overrides,
    },
}

#[derive(Args, Debug)]
struct TrainArgs {
    /// TOML file of the experiment
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal [default: the configuration's]
    #[arg(long, value_parser = parse_device)]
    device: Option<DeviceChoice>,
    /// Folder of the run [default: runs/CONFIG-seedN]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue the run in this folder from its newest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["set", "seed"])]
    resume: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Overrides {
    /// Override a field of the configuration, such as train.total_steps=100000 (repeatable)
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Seed of the run; the same as --set train.seed=N
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
}

#[derive(Args, Debug)]
struct EvalArgs {
    /// Folder of a run, or a policy file
    policy: PathBuf,
    /// Episodes to play
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    episodes: u32,
    /// Seed of starts and noise; the default is that of evaluations during training
    #[arg(long, default_value_t = 1_000_000)]
    seed: u64,
    /// Task to play, if not the one it was trained on
    #[arg(long)]
    task: Option<String>,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_parser = parse_device, default_value = "auto")]
    device: DeviceChoice,
    /// Report as JSON
    #[arg(long)]
    json: bool,
    /// Write every step (obs, noise, action, control, reward, ended) to a safetensors file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::try_from(text.to_string())
}

impl Overrides {
    fn load(&self, path: &Path) -> Result<Config> {
        let mut overrides = self.set.clone();
        overrides.extend(self.seed.map(|seed| format!("train.seed={seed}")));
        Ok(Config::load(path, &overrides)?)
    }
}

/// Does what was asked for.
///
/// # Errors
/// Whatever went wrong, in one chain; [`crate::failure::exit_code`] ranks it.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Train(args) => train(args),
        Command::Eval(args) => eval(args),
        Command::Export { run, output } => export::export(&run, &output),
        Command::Envs { json } => print(&envs_table::tasks(json)?),
        Command::Config { config, overrides } => print(&overrides.load(&config)?.to_toml()?),
    }
}

fn train(args: TrainArgs) -> Result<()> {
    if let Some(run) = args.resume {
        return train::resume(&run, args.device);
    }
    let path = args.config.ok_or_else(|| UsageError("which configuration?".into()))?;
    let mut config = args.overrides.load(&path)?;
    if let Some(device) = args.device {
        config.train.device = device;
    }
    train::start(config, &path, args.out)
}

fn eval(args: EvalArgs) -> Result<()> {
    let path = match args.policy.is_dir() {
        true => RunDir::open(&args.policy)?.policy_path(),
        false => args.policy.clone(),
    };
    let (info, actor) = policy_file::load(&path, &device::open(args.device)?)?;
    let (task, spec, episode_length) = match args.task {
        Some(task) => {
            let spec = fpo_envs::spec(&task)?;
            (task, spec, None)
        }
        // A task that the file names and this build lacks is no mistake of the command line.
        None => match fpo_envs::spec(&info.task) {
            Ok(spec) => (info.task.clone(), spec, Some(info.episode_length)),
            Err(error) => bail!("policy {}: {error}", path.display()),
        },
    };
    let sizes = (info.policy.obs_dim, info.policy.action_dim);
    if sizes != (spec.obs_dim, spec.action_dim) {
        bail!(
            "policy {} is of task {} (obs {}, act {}) and cannot play {task} (obs {}, act {})",
            path.display(),
            info.task,
            sizes.0,
            sizes.1,
            spec.obs_dim,
            spec.action_dim
        );
    }
    if let Some(record) = &args.record {
        durable::check_output(record).with_context(|| cannot_write(record))?;
    }
    let plan = EvalPlan { task, episodes: args.episodes as usize, seed: args.seed, episode_length };
    let mut recording = args.record.as_ref().map(|_| Recording::default());
    let report = evaluate(&actor, &plan, recording.as_mut(), &AtomicBool::new(false))
        .with_context(|| format!("policy {}", path.display()))?
        .context("the evaluation was stopped")?;
    if let (Some(path), Some(recording)) = (args.record, recording) {
        durable::write_output(&path, &recording.into_file().to_bytes()?)
            .with_context(|| cannot_write(&path))?;
    }
    match args.json {
        true => print(&serde_json::to_string(&report)?),
        false => print(&report.to_string()),
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Prints to standard output; a reader that has gone away is no error.
fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
