//! `fpo eval`: plays episodes with trained policies, whose actions their own sampler or another one
//! draws, or measures how long an action takes.

pub mod args;
pub(crate) mod comparison;
pub(crate) mod entrant;
mod latency;

use anyhow::{Context, Result};

use crate::commands::eval::args::EvalArgs;
use crate::commands::eval::comparison::Comparison;
use crate::commands::eval::entrant::Entrant;
use crate::commands::eval::latency::latency;
use crate::commands::play::{play, show};
use crate::terminal::output::{print, print_json};
use crate::terminal::reporter::Notes;
use crate::training::device;

/// Plays episodes with a trained policy and prints their report, or with several policies and
/// compares them; or measures how long their actions take.
///
/// # Errors
/// If a policy cannot be read or does not fit the task, if the device is missing, or if playing
/// fails; [`UsageError`](crate::terminal::failure::UsageError) for a flag that does not apply, or
/// policies that do not play the same episodes.
pub fn eval(args: EvalArgs) -> Result<()> {
    if args.latency {
        return latency(&args);
    }
    let device = device::open(args.device, &mut Notes)?;
    if let [given] = args.policies.as_slice() {
        let entrant = Entrant::read(given, &args.asked(), &device, None)?;
        let report = play(&entrant.player, &entrant.plan, &args.play)
            .with_context(|| format!("policy {}", entrant.path.display()))?;
        return show(report, args.json);
    }
    let comparison = Comparison::play(&args, &device)?;
    match args.json {
        true => print_json(&comparison, false),
        false => print(&comparison.to_string()),
    }
}
