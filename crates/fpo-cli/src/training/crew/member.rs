//! A rank that follows rank 0: it does its part of whatever is done next, until it may go.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::Registry;

use crate::config::resolved::Config;
use crate::terminal::stop::Stop;
use crate::training::crew::Crew;
use crate::training::crew::command::Command;
use crate::training::snapshot::Snapshot;
use crate::training::trainer::Trainer;

/// Follows rank 0 to the end of the run, or of its part in it. A stop that this rank is asked for
/// is one of all ranks.
///
/// # Errors
/// If the others cannot be reached any more, or cannot know of an error of this rank's. All other
/// errors end a command, and rank 0 tells them.
pub fn follow(crew: &Crew, registry: &Registry, stop: &Stop) -> Result<()> {
    let mut trainer = None;
    loop {
        let ended = match crew.next_command()? {
            Command::End => return Ok(()),
            Command::Build { config } => {
                let config =
                    Config::from_toml_str_with(registry, &config, "rank 0's configuration");
                let built = config
                    .map_err(Into::into)
                    .and_then(|config| Trainer::build(config, &Device::Cpu, crew.clone()));
                crew.settle(built).map(|built| trainer = Some(built))
            }
            command => {
                let trainer = trainer.as_mut().context("rank 0 has not built a trainer yet")?;
                carry_out(command, trainer, stop)
            }
        };
        if !crew.is_settled() {
            return ended.with_context(|| format!("rank {}", crew.rank()));
        }
    }
}

/// Does this rank's part of a command.
fn carry_out(command: Command, trainer: &mut Trainer, stop: &Stop) -> Result<()> {
    match command {
        Command::Iterate(turn) => {
            trainer.take_turn(turn);
            let mut watch = |_| match stop.is_asked() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            Snapshot::guard(trainer, &mut watch).map(drop)
        }
        Command::Evaluate => trainer.evaluate(stop.flag()).map(drop),
        Command::SendEnvironments => Snapshot::of_all_ranks(trainer).map(drop),
        Command::TakeState => Snapshot::take(trainer),
        Command::Build { .. } | Command::End => Ok(()),
    }
}
