//! The arguments of `fpo sweep`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::number_arg::whole;
use crate::sweep::keep::Keep;

/// The arguments of `fpo sweep`.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// TOML file of the sweep: tasks, methods, seeds and settings
    pub(super) sweep: PathBuf,
    /// Folder of the sweep [default: runs/SWEEP]
    #[arg(short, long, alias = "output", value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Runs side by side [default: as many as the cores allow]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=65_536))]
    pub(super) jobs: Option<u32>,
    /// Threads of each run
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=65_536))]
    pub(super) threads: u32,
    /// Rows of runs that need not be made again, such as those of another machine (repeatable)
    #[arg(long, value_name = "results.jsonl")]
    pub(super) done: Vec<PathBuf>,
    /// What stays of a finished run's folder
    #[arg(long, value_enum, default_value_t)]
    pub(super) keep: Keep,
    /// Try again the runs that failed; those that diverged have a result
    #[arg(long)]
    pub(super) retry_failed: bool,
    /// List the runs, with the time that they take as far as it is known, and make none
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run: first measure how long runs take of which nothing is known yet, by an
    /// iteration and an evaluation of one run of each task and method
    #[arg(long, requires = "dry_run")]
    pub(super) measure: bool,
    /// Make only the run with this number of the list, for job arrays
    // How many runs there are is known when the sweep is read, and a wrong number is told then.
    #[arg(long, value_name = "N", conflicts_with_all = ["jobs", "dry_run"],
          allow_negative_numbers = true, value_parser = whole::<usize>(0..=usize::MAX))]
    pub(super) index: Option<usize>,
    /// Print a script for Slurm's sbatch, an array with a job for each run that is to be made, and
    /// make none; --jobs is then how many may run at once
    #[arg(long, conflicts_with_all = ["dry_run", "index"])]
    pub(super) slurm: bool,
    /// Print a command for each run that is to be made, for GNU parallel, and make none
    #[arg(long, conflicts_with_all = ["dry_run", "index", "slurm"])]
    pub(super) parallel: bool,
}
