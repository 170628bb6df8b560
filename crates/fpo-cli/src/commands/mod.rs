//! The command line: the commands and their flags, and a call of the module that does the work.

pub mod bench;
pub mod completions;
pub(crate) mod device_arg;
pub mod doctor;
pub mod envs;
pub mod envs_table;
pub mod eval;
mod examples;
pub mod export;
pub mod figure;
pub mod init;
pub mod list;
mod number_arg;
mod overrides;
pub mod play;
pub mod render;
pub mod report;
pub mod sampler_args;
pub mod summary;
pub mod sweep;
pub mod sweep_args;
mod sweep_jobs;
pub(crate) mod task_arg;
pub mod train;
pub mod verify;
pub mod watch;

use std::path::PathBuf;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use fpo_core::Registry;

use crate::commands::bench::args::{BenchArgs, Part};
use crate::commands::bench::bench;
use crate::commands::completions::{CompletionsArgs, ManArgs, completions, man};
use crate::commands::doctor::Report;
use crate::commands::envs::{EnvsArgs, envs};
use crate::commands::eval::args::EvalArgs;
use crate::commands::eval::eval;
use crate::commands::export::args::ExportArgs;
use crate::commands::export::export;
use crate::commands::figure::gridworld::{GridworldArgs, gridworld};
use crate::commands::init::{InitArgs, init};
use crate::commands::list::{ListArgs, list};
use crate::commands::overrides::Overrides;
use crate::commands::render::args::RenderArgs;
use crate::commands::render::render;
use crate::commands::report::{ReportArgs, report};
use crate::commands::sweep::sweep;
use crate::commands::sweep_args::SweepArgs;
use crate::commands::train::args::{TrainArgs, train};
use crate::commands::verify::{VerifyArgs, verify};
use crate::commands::watch::{WatchArgs, watch};
use crate::config::named::Named;
use crate::ranks::RanksChoice;
use crate::ranks::launcher::launcher;
use crate::terminal::output::{print, print_file, print_json};

/// Flow Policy Optimization: on-policy reinforcement learning of flow-matching policies.
///
/// Exit codes: 0, the command succeeded; 1, it failed (a missing or damaged file, no such device, a
/// run that diverged); 2, the command line or the configuration is wrong; 130, the run was stopped
/// by Ctrl-C or SIGTERM, and saved.
#[derive(Parser, Debug)]
#[command(name = "fpo", version, arg_required_else_help = true, after_help = examples::FPO)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a commented configuration to start from, with sizes for this machine
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Train a policy from a configuration, or continue a run
    #[command(after_help = examples::TRAIN)]
    Train(TrainArgs),
    /// Make many runs from one file, side by side, each until it has its row of results
    #[command(after_help = examples::SWEEP)]
    Sweep(SweepArgs),
    /// Play episodes with trained policies, report their returns, and compare several
    #[command(after_help = examples::EVAL)]
    Eval(Box<EvalArgs>),
    /// Write a policy to a file of its own, to an ONNX graph, or to a folder with a model card
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// Show how a run stands, live or from its files
    #[command(after_help = examples::WATCH)]
    Watch(WatchArgs),
    /// List the runs in a folder: how far each has come, its returns, and how it stands
    #[command(after_help = examples::LIST)]
    List(ListArgs),
    /// Check that the files of a run are as they were written, and that its course can be repeated
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// Make one report of many runs: a page, Markdown, JSON or CSV
    #[command(after_help = examples::REPORT)]
    Report(ReportArgs),
    /// Draw what policies do, as SVG or PNG
    #[command(subcommand, after_help = examples::FIGURE)]
    Figure(Figure),
    /// Draw episodes of policies, as an animation (GIF) or a sheet of moments (PNG)
    #[command(after_help = examples::RENDER)]
    Render(Box<RenderArgs>),
    /// List the tasks of this build, show one, or play it
    #[command(after_help = examples::ENVS)]
    Envs(EnvsArgs),
    /// Measure how fast this machine learns, samples and simulates
    #[command(after_help = examples::BENCH)]
    Bench(Box<BenchArgs>),
    /// Say what this build and this machine have, and how to get what is missing
    #[command(after_help = examples::DOCTOR)]
    Doctor {
        /// Measure how fast threads read from each cache and from memory, beside the peak of
        /// multiply-adds: a few seconds
        #[arg(long)]
        caches: bool,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration with its includes, overrides and defaults resolved
    #[command(after_help = examples::CONFIG)]
    Config {
        /// TOML files, or a task and a method by their names; later ones win
        #[arg(required = true, value_name = "CONFIG|TASK")]
        config: Vec<PathBuf>,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Print a script that lets a shell complete commands, flags and the names of tasks
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Write pages of the manual
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

#[derive(Subcommand, Debug)]
enum Figure {
    /// Action samples, modes and episodes of policies on the grid world's map
    #[command(after_help = examples::FIGURE)]
    Gridworld(GridworldArgs),
}

impl Cli {
    /// Returns whether another process, number 0 of those that a launcher has started, speaks for
    /// this one.
    pub fn is_spoken_for(&self) -> bool {
        let joins = match &self.command {
            Command::Train(args) => args.ranks == RanksChoice::Auto,
            Command::Bench(args) => args.wants(Part::Ranks),
            _ => false,
        };
        joins && launcher().is_some_and(|launcher| launcher.rank > 0)
    }

    /// Returns whether the command computes, on threads and with kernels. The others only look
    /// things up.
    pub fn computes(&self) -> bool {
        match &self.command {
            Command::Doctor { .. } | Command::Config { .. } | Command::Watch(_) => false,
            Command::List(_) | Command::Completions(_) | Command::Man(_) => false,
            Command::Envs(args) => args.rollout.is_some(),
            _ => true,
        }
    }
}

/// Runs the command that was asked for.
///
/// # Errors
/// Returns whatever went wrong as one chain of causes, from which
/// [`crate::terminal::failure::exit_code`] finds the exit code.
pub fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Init(args) => init(&args),
        Command::Train(args) => train(args),
        Command::Sweep(args) => sweep(&args),
        Command::Eval(args) => eval(*args),
        Command::Export(args) => export(&args, &Registry::default()),
        Command::Watch(args) => watch(&args),
        Command::List(args) => list(&args),
        Command::Verify(args) => verify(&args),
        Command::Report(args) => report(args),
        Command::Figure(Figure::Gridworld(args)) => gridworld(&args),
        Command::Render(args) => render(&args),
        Command::Envs(args) => envs(args),
        Command::Bench(args) => bench(&args),
        Command::Doctor { caches, json } => doctor(caches, json),
        Command::Completions(args) => completions(&args, Cli::command()),
        Command::Man(args) => man(&args, Cli::command()),
        Command::Config { config, overrides } => {
            print_file(&overrides.load(&Named::all(&config)?, None)?.to_toml()?)
        }
    }
}

fn doctor(caches: bool, json: bool) -> Result<()> {
    let mut report = Report::make();
    if caches {
        report.measure_caches()?;
    }
    match json {
        true => print_json(&report, true)?,
        false => print(&report.to_string())?,
    }
    report.require_sound()
}

#[cfg(test)]
mod tests;
