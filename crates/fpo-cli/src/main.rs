//! The `fpo` program: reads the command line, does what it says, ends with the right exit code.

use std::process::ExitCode;

use clap::Parser;
use fpo_cli::commands::{Cli, run};
use fpo_cli::startup::pool::on_threads;
use fpo_cli::terminal::failure::{describe, exit_code};
use fpo_cli::terminal::output::note;
use mimalloc::MiMalloc;

/// Tensors come and go with every operation; the C library gives memory of their size back to the
/// system each time, and the page faults cost a composed gradient step a third of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
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
