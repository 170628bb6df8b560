//! The `fpo` program: reads the command line, does what it says, ends with the right exit code.

use std::process::ExitCode;

use clap::Parser;
use fpo_cli::commands::{Cli, run};
use fpo_cli::ranks::launcher::launcher;
use fpo_cli::startup::pool::on_threads;
use fpo_cli::terminal::failure::{USAGE, describe, exit_code};
use fpo_cli::terminal::output::{be_silent, note};
use mimalloc::MiMalloc;

/// Tensors come and go with every operation; the C library gives memory of their size back to the
/// system each time, and the page faults cost a composed gradient step a third of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // All processes of a launcher have the same arguments, and one of them says so.
            if launcher().is_none_or(|launcher| launcher.rank == 0) {
                error.exit();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    if cli.is_spoken_for() {
        be_silent();
    }
    // What computes nothing works where no thread can be started and no variable is right.
    let ended = if cli.computes() { on_threads(|| run(cli)) } else { run(cli) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&describe(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}
