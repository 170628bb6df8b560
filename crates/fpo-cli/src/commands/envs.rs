//! `fpo envs`: lists the tasks, shows one, or plays it.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;
use clap::Args;

use crate::commands::envs_table;
use crate::commands::eval::entrant::{Asked, Entrant};
use crate::commands::play::{PlayArgs, play, show};
use crate::commands::sampler_args::SamplerArgs;
use crate::commands::task_arg::{task_name, task_spec};
use crate::terminal::failure::UsageError;
use crate::training::player::Player;

/// The flags of `fpo envs`.
#[derive(Args, Debug)]
pub struct EnvsArgs {
    /// Task to show in full [default: list all tasks]
    #[arg(value_parser = task_name(), hide_possible_values = true)]
    task: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Play episodes of the task: random (uniform controls), zero, or the policy of a file or of a
    /// run's folder
    #[arg(long, value_name = "random|zero|POLICY", requires = "task")]
    pub(crate) rollout: Option<String>,
    #[command(flatten)]
    play: PlayArgs,
}

/// Lists the tasks, shows one, or plays it.
///
/// # Errors
/// Those of the tasks, of the policy, and of playing; [`UsageError`] for a flag that says how to
/// play where nothing is played.
pub fn envs(args: EnvsArgs) -> Result<()> {
    if let (None, Some(flag)) = (&args.rollout, args.play.given()) {
        let text = format!(
            "{flag} says how to play, and nothing is to be played: add --rollout random, zero or \
             a policy"
        );
        return Err(UsageError(text).into());
    }
    let Some(task) = args.task else {
        return envs_table::tasks(args.json);
    };
    let spec = task_spec(&task)?;
    let Some(policy) = args.rollout else {
        return envs_table::task(&spec, args.json);
    };
    let (player, plan) = match policy.as_str() {
        "random" => (Player::Random, args.play.plan(spec.name)),
        "zero" => (Player::Zero, args.play.plan(spec.name)),
        given => {
            let sampler = SamplerArgs::default();
            let (task, play) = (Some(task.as_str()), &args.play);
            let asked = Asked { best: false, task, sampler: &sampler, play };
            let entrant = Entrant::read(Path::new(given), &asked, &Device::Cpu, None)?;
            (entrant.player, entrant.plan)
        }
    };
    show(play(&player, &plan, &args.play)?, args.json)
}
