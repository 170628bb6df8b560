//! `fpo train`: its flags, and what they ask for.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use fpo_core::Registry;

use crate::commands::device_arg::parse_device;
use crate::commands::overrides::Overrides;
use crate::commands::train::operator::Operator;
use crate::commands::train::ranks::together;
use crate::commands::train::{self, Changes};
use crate::config::choices::DeviceChoice;
use crate::config::named::Named;
use crate::config::resolved::Config;
use crate::ranks::{RanksChoice, parse_ranks};
use crate::terminal::stop::Stop;

/// The flags of `fpo train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    /// TOML files of the experiment, or a task and a method by their names, such as CheetahRun ppo;
    /// later ones win
    #[arg(
        value_name = "CONFIG|TASK",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    pub(crate) config: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal [default: the configuration's]
    #[arg(long, value_parser = parse_device)]
    device: Option<DeviceChoice>,
    /// Start from the weights and observation statistics of this policy file, or of the policy of
    /// this run's folder; the same as --set train.init=POLICY
    #[arg(long, value_name = "POLICY", conflicts_with = "resume")]
    init: Option<String>,
    /// Folder of the run [default: runs/CONFIG-seedN]
    #[arg(short, long, alias = "output", value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue the run in this folder from its newest checkpoint; --set may change
    /// train.total_steps, train.stop_after, eval.…, checkpoint.…, train.device, train.overlap, and
    /// what follows a divergence
    #[arg(long, value_name = "RUN", conflicts_with = "seed")]
    resume: Option<PathBuf>,
    /// Continue the run in its folder if it is there, and start it otherwise; a finished run stays
    /// as it is [default folder: runs/CONFIG-seedN]
    #[arg(long, conflicts_with = "resume")]
    resume_or_start: bool,
    /// Also stop, and save, when standard input ends, which is when the program that started this
    /// one is gone
    #[arg(long)]
    stop_at_eof: bool,
    /// Print plain lines also where a dashboard could be drawn
    #[arg(long)]
    plain: bool,
    /// Whether the processes that mpirun or srun has started make this run together: auto, or off,
    /// where each makes a run of its own
    #[arg(long, value_name = "auto|off", default_value = "auto", value_parser = parse_ranks)]
    pub(crate) ranks: RanksChoice,
}

/// Starts a run, or goes on with one.
///
/// # Errors
/// Those of the configuration and of the run.
pub fn train(args: TrainArgs) -> Result<()> {
    let TrainArgs { config, overrides, device, init, out, resume, .. } = args;
    let (stop_at_eof, plain) = (args.stop_at_eof, args.plain || args.stop_at_eof);
    let operator = |crew| -> Result<Operator> {
        let stop = Stop::on_signals()?;
        if stop_at_eof {
            stop.also_at_end_of_input()?;
        }
        // The dashboard reads keys from the input that is to end.
        Ok(Operator { stop, plain, crew })
    };
    if let Some(run) = resume {
        let changes = Changes { device, sets: overrides.set };
        let resume = |crew, _| train::resume(&run, &changes, &Registry::default(), operator(crew)?);
        return together(args.ranks, None::<fn() -> Result<Config>>, resume);
    }
    let named = Named::all(&config);
    let labels = named.iter().flatten().map(Named::label).collect::<Vec<PathBuf>>();
    let load = || -> Result<Config> {
        let mut config = overrides.load(&named?, init)?;
        if let Some(device) = device {
            config.train.device = device;
        }
        Ok(config)
    };
    together(args.ranks, Some(load), |crew, config| {
        let config = config.context("a run that does not go on has a configuration")?;
        match args.resume_or_start {
            true => train::resume_or_start(config, &labels, out, operator(crew)?),
            false => train::start(config, &labels, out, operator(crew)?),
        }
    })
}
