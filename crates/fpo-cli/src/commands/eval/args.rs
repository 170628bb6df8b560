//! What `fpo eval` can be asked for.

use std::path::PathBuf;

use clap::Args;

use crate::commands::device_arg::parse_device;
use crate::commands::eval::entrant::Asked;
use crate::commands::play::PlayArgs;
use crate::commands::sampler_args::SamplerArgs;
use crate::commands::task_arg::task_name;
use crate::config::choices::DeviceChoice;

/// The arguments of `fpo eval`.
#[derive(Args, Debug)]
pub struct EvalArgs {
    /// Folders of runs, or policy files; several play the same episodes and are compared with the
    /// first
    #[arg(required = true, value_name = "RUN_OR_FILE")]
    pub policies: Vec<PathBuf>,
    /// Play the policy of the run's best evaluation instead of its last
    #[arg(long)]
    pub best: bool,
    /// Task to play, if not the one it was trained on
    #[arg(long, value_parser = task_name(), hide_possible_values = true)]
    pub task: Option<String>,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_parser = parse_device, default_value = "auto")]
    pub device: DeviceChoice,
    /// Play nothing; measure how long one action takes on one thread of the CPU, by the policy's
    /// own sampler and by others, or by the one that is asked for
    #[arg(long, conflicts_with_all = ["task", "episodes", "seed", "record"])]
    pub latency: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// How actions are drawn.
    #[command(flatten)]
    pub sampler: SamplerArgs,
    /// How much to play.
    #[command(flatten)]
    pub play: PlayArgs,
}

impl EvalArgs {
    /// Returns what concerns each policy.
    pub fn asked(&self) -> Asked<'_> {
        let EvalArgs { best, task, sampler, play, .. } = self;
        Asked { best: *best, task: task.as_deref(), sampler, play }
    }
}
