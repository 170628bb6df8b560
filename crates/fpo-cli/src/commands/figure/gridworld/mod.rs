//! `fpo figure gridworld`: what policies do on the grid world's map, side by side.
//!
//! The paper's point in one picture (arXiv 2507.21053): at a saddle, where two ways are equally
//! good, a flow policy keeps both and a Gaussian one cannot. Each policy has a column: the map
//! with action samples at many cells and episodes from the paper's four starts, and below it the
//! samples at two saddles and at an ordinary state with their modality (`fpo_core::modality`).

mod distances;
mod draw;
pub(crate) mod goals;
mod legend;
pub(crate) mod map_panel;
pub(crate) mod palette;
pub(crate) mod plan;
mod report;
mod sampled;
mod scatter_panel;
mod survey;
mod walks;
mod ways;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use fpo_core::modality::DipNull;

use crate::commands::device_arg::parse_device;
use crate::commands::figure::font::Fonts;
use crate::commands::figure::gridworld::report::{Report, RunReport};
use crate::commands::figure::gridworld::survey::{Nulls, Policy, Request};
use crate::commands::figure::output::Output;
use crate::commands::number_arg::whole;
use crate::config::choices::DeviceChoice;
use crate::terminal::failure::UsageError;
use crate::terminal::output::{note, print, print_json};
use crate::terminal::reporter::Notes;
use crate::text::count::count;
use crate::training::device;

/// What `fpo figure gridworld` can be asked for.
#[derive(Args, Debug)]
pub struct GridworldArgs {
    /// Folders of runs, or policy files; one column each
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// File to write; its name must end in .svg or .png
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// Title of a column, once for each RUN in their order [default: the RUN's name]
    #[arg(long = "title", value_name = "TEXT")]
    titles: Vec<String>,
    /// Action samples at each state whose statistics are shown
    #[arg(long, value_name = "N", default_value_t = 500, allow_negative_numbers = true,
          value_parser = whole::<u32>(20..=4000))]
    samples: u32,
    /// Seed of all noise
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true,
          value_parser = whole::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Where tensors live: auto, cpu, cuda, cuda:1, metal
    #[arg(long, value_parser = parse_device, default_value = "auto")]
    device: DeviceChoice,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

/// Draws the figure and prints the numbers behind it.
///
/// # Errors
/// Before anything is drawn: a file that cannot be written, a policy that cannot be read or is not
/// of a grid world, titles that do not match the runs.
pub fn gridworld(args: &GridworldArgs) -> Result<()> {
    let output = Output::new(&args.output)?;
    let (runs, titles) = (args.runs.len(), args.titles.len());
    if titles > 0 && titles != runs {
        let text = format!(
            "--title is given {} for {}: give it once for each, or never",
            count(titles, "time"),
            count(runs, "run")
        );
        return Err(UsageError(text).into());
    }
    let device = device::open(args.device, &mut Notes)?;
    let policies: Vec<Policy> =
        args.runs.iter().map(|run| Policy::load(run, &device)).collect::<Result<_>>()?;
    let request = Request { seed: args.seed, samples: args.samples as usize };
    let nulls = Nulls {
        states: DipNull::simulate(request.samples)?,
        ways: DipNull::simulate(ways::SAMPLES)?,
    };
    let mut surveys = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        let title = args.titles.get(index).cloned().unwrap_or_else(|| policy.name());
        let run = args.runs[index].display();
        let survey = policy.survey(title, &request, &nulls).with_context(|| format!("{run}"))?;
        surveys.push(survey);
    }
    let fonts = Fonts::new()?;
    let (width, height) = output.write(&draw::draw(&surveys, &fonts), &fonts)?;
    note(&format!("wrote {} ({width} × {height} pixels)", output.path().display()));
    let report = Report {
        file: output.path().to_owned(),
        width,
        height,
        seed: request.seed,
        samples: request.samples,
        runs: surveys.iter().map(RunReport::of).collect(),
    };
    match args.json {
        true => print_json(&report, false),
        false => print(&report.to_string()),
    }
}
