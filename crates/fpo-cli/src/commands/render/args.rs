//! What `fpo render` can be asked for.

use std::path::PathBuf;

use clap::Args;

use crate::commands::device_arg::parse_device;
use crate::commands::eval::entrant::Asked;
use crate::commands::number_arg::whole;
use crate::commands::play::PlayArgs;
use crate::commands::sampler_args::SamplerArgs;
use crate::commands::task_arg::task_name;
use crate::config::choices::DeviceChoice;
use crate::terminal::failure::UsageError;
use crate::text::count::count;

/// The shortest and longest side of a picture of one moment, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 64..=2048;

/// The arguments of `fpo render`.
#[derive(Args, Debug)]
pub struct RenderArgs {
    /// Folders of runs, or policy files, or `random` or `zero`; several are drawn side by side, in
    /// the same episodes
    #[arg(required = true, value_name = "POLICY")]
    pub policies: Vec<PathBuf>,
    /// File to write: .gif, an animation in real time, or .png, a sheet of moments
    #[arg(short, long, alias = "out", value_name = "FILE")]
    pub output: PathBuf,
    /// Play the policy of a run's best evaluation instead of its last
    #[arg(long)]
    pub best: bool,
    /// Task to play, if not the one it was trained on
    #[arg(long, value_parser = task_name(), hide_possible_values = true)]
    pub task: Option<String>,
    /// Name above a policy's pictures, once for each POLICY in their order [default: the file's]
    #[arg(long = "title", value_name = "TEXT")]
    pub titles: Vec<String>,
    /// Camera of a MuJoCo task; a wrong one lists them [default: the task's first]
    #[arg(long, value_name = "NAME|NUMBER")]
    pub camera: Option<String>,
    /// Pixels of the picture of one moment [default: 320x240, maps and drawings 320x320]
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<(u32, u32)>,
    /// Episodes to draw, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=100))]
    pub episodes: u32,
    /// Seed of starts and noise, as in `fpo eval` [default: `eval.seed` of the first run whose
    /// folder is given, else 1000000]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u64>(0..=u64::MAX))]
    pub seed: Option<u64>,
    /// Control steps to draw [default: the whole episode; of a GIF its first ten seconds]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=u32::MAX))]
    pub length: Option<u32>,
    /// Frames of a GIF per second, at most [default: 25]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=50))]
    pub fps: Option<u32>,
    /// Control steps between frames of a GIF [default: as --fps says]
    #[arg(long, value_name = "N", conflicts_with = "fps", allow_negative_numbers = true,
          value_parser = whole::<u32>(1..=u32::MAX))]
    pub every: Option<u32>,
    /// Columns and rows of a sheet, for each episode [default: 4x3; with several policies 5x1]
    #[arg(long, value_name = "COLSxROWS", value_parser = parse_grid)]
    pub sheet: Option<(u32, u32)>,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_parser = parse_device, default_value = "auto")]
    pub device: DeviceChoice,
    /// How actions are drawn.
    #[command(flatten)]
    pub sampler: SamplerArgs,
}

impl RenderArgs {
    /// Returns what concerns each policy.
    pub fn asked<'a>(&'a self, play: &'a PlayArgs) -> Asked<'a> {
        let RenderArgs { best, task, sampler, .. } = self;
        Asked { best: *best, task: task.as_deref(), sampler, play }
    }

    /// Checks that there is a title for each policy or for none.
    ///
    /// # Errors
    /// [`UsageError`] says how many there are.
    pub fn check_titles(&self) -> Result<(), UsageError> {
        let (policies, titles) = (self.policies.len(), self.titles.len());
        if titles == 0 || titles == policies {
            return Ok(());
        }
        let policies = match policies {
            1 => "1 policy".into(),
            count => format!("{count} policies"),
        };
        let times = count(titles, "time");
        Err(UsageError(format!(
            "--title is given {times} for {policies}: give it once for each, or never"
        )))
    }
}

/// Reads two numbers with an `x` between them.
fn parse_pair(text: &str) -> Option<(u32, u32)> {
    let (first, second) = text.split_once('x')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (low, high) = SIDES.into_inner();
    match parse_pair(text) {
        Some((width, height)) if SIDES.contains(&width) && SIDES.contains(&height) => {
            Ok((width, height))
        }
        Some(_) => Err(format!("each side must be {low} to {high} pixels")),
        None => Err(format!("WIDTHxHEIGHT such as 320x240, each {low} to {high} pixels")),
    }
}

fn parse_grid(text: &str) -> Result<(u32, u32), String> {
    match parse_pair(text) {
        Some((columns @ 1..=20, rows @ 1..=20)) => Ok((columns, rows)),
        _ => Err("COLUMNSxROWS such as 4x3, each 1 to 20".into()),
    }
}
