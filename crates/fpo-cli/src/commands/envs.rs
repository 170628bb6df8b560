//! `fpo envs`: lists the tasks, shows one, or plays it.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;
use clap::Args;

use crate::commands::envs_table;
use crate::commands::play::{PlayArgs, play, show};
use crate::commands::task_arg::task_name;
use crate::training::player::Player;
use crate::training::policy_file;

/// The flags of `fpo envs`.
#[derive(Args, Debug)]
pub struct EnvsArgs {
    /// Task to show in full [default: list all tasks]
    #[arg(value_parser = task_name(), hide_possible_values = true)]
    task: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Play episodes of the task: random (uniform controls), zero, or a policy file
    #[arg(long, value_name = "random|zero|FILE", requires = "task")]
    pub(crate) rollout: Option<String>,
    #[command(flatten)]
    play: PlayArgs,
}

/// Lists the tasks, shows one, or plays it.
///
/// # Errors
/// Those of the tasks, of the policy file, and of playing.
pub fn envs(args: EnvsArgs) -> Result<()> {
    let Some(task) = args.task else {
        return envs_table::tasks(args.json);
    };
    let spec = fpo_envs::spec(&task)?;
    let Some(policy) = args.rollout else {
        return envs_table::task(&spec, args.json);
    };
    let (player, plan) = match policy.as_str() {
        "random" => (Player::Random, args.play.plan(task)),
        "zero" => (Player::Zero, args.play.plan(task)),
        file => {
            let path = Path::new(file);
            let file = policy_file::load(path, &Device::Cpu)?;
            let plan = args.play.plan_for_policy(path, &file, Some(&task), None)?;
            (Player::Policy(Box::new(file.actor()?)), plan)
        }
    };
    show(play(&player, &plan, &args.play)?, args.json)
}
