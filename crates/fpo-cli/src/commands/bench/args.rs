//! What `fpo bench` can be asked for.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fpo_envs::AutoReset;

use crate::commands::device_arg::parse_device;
use crate::commands::number_arg::whole;
use crate::config::choices::DeviceChoice;

/// Numbers of environments or transitions, as a configuration allows them.
const COUNTS: RangeInclusive<u32> = 1..=1 << 24;

/// What to measure, on what, how long.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum, default_values_t = [Part::All])]
    pub parts: Vec<Part>,
    /// Where tensors live, such as cpu,cuda [default: cpu, and the accelerator of the build]
    #[arg(long, visible_alias = "device", value_name = "DEVICE,…", value_delimiter = ',',
          value_parser = parse_device)]
    pub devices: Vec<DeviceChoice>,
    /// Network sizes for learner and sampler: official, desk, or a configuration file [default:
    /// official,desk]
    #[arg(long, value_name = "SIZES,…", value_delimiter = ',')]
    pub sizes: Vec<String>,
    /// Transitions per minibatch for the learner, whole unrolls [default: those of the sizes]
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true,
          value_parser = whole::<u32>(COUNTS))]
    pub transitions: Vec<u32>,
    /// Tasks for envs, or `all` [default: five of different weight]
    #[arg(long, value_name = "TASK,…", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Environments for envs and sampler [default: 256,2048, and those of the sizes]
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true,
          value_parser = whole::<u32>(COUNTS))]
    pub envs: Vec<u32>,
    /// Threads [default: as RAYON_NUM_THREADS says, else all; for envs also 1]
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=4096))]
    pub threads: Vec<u32>,
    /// Configuration for train [default: CheetahRun at desk size]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Timed runs of each case [default: as many as give a steady median]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=100_000))]
    pub repeats: Option<u32>,
    /// Untimed control steps before those of envs are timed [default: 20]
    #[arg(long, value_name = "STEPS", allow_negative_numbers = true,
          value_parser = whole::<u32>(0..=u32::MAX))]
    pub warmup: Option<u32>,
    /// Where episodes of envs start again: fresh, or first, which costs nothing and leaves physics
    /// [default: fresh]
    #[arg(long, value_name = "fresh|first", value_parser = parse_auto_reset)]
    pub auto_reset: Option<AutoReset>,
    /// Fewer cases and shorter runs: a first look
    #[arg(long)]
    pub quick: bool,
    /// Write everything to a JSON file; - is standard output, instead of the tables
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measure nothing: compare two JSON files of earlier runs
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"],
          conflicts_with_all = ["parts", "json", "quick", "repeats", "devices", "sizes", "tasks",
                                "envs", "threads", "config", "transitions", "warmup",
                                "auto_reset"])]
    pub compare: Vec<PathBuf>,
}

/// A part of the engine.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Operations too small to compute for long: what one costs at least
    Launch,
    /// One gradient step
    Learner,
    /// Actions by Euler steps
    Sampler,
    /// Control steps of environments
    Envs,
    /// Whole iterations of training
    Train,
    /// Exchanges between the ranks that mpirun or srun has started, and training on them; only by
    /// itself
    Ranks,
    /// All but ranks
    All,
}

impl BenchArgs {
    /// Returns whether `part` was asked for.
    pub fn wants(&self, part: Part) -> bool {
        let all = part != Part::Ranks;
        self.parts.iter().any(|&asked| asked == part || (asked == Part::All && all))
    }

    /// Returns the names of the sizes that were asked for, or else the default.
    pub fn sizes(&self) -> Vec<&str> {
        match self.sizes.as_slice() {
            [] => vec!["official", "desk"],
            asked => asked.iter().map(String::as_str).collect(),
        }
    }
}

/// Reads `text` as a configuration spells `env.auto_reset`.
fn parse_auto_reset(text: &str) -> Result<AutoReset, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected `fresh` or `first`".into())
}
