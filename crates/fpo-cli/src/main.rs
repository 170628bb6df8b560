//! The `fpo` program: reads the command line, does what it says, ends with the right exit code.

use std::process::ExitCode;

use clap::Parser;
use fpo_cli::commands::{Cli, run};
use fpo_cli::terminal::failure::{describe, exit_code};
use fpo_cli::terminal::output::note;
use mimalloc::MiMalloc;

/// Tensors come and go with every operation; the C library gives memory of their size back to the
/// system each time, and the page faults cost a composed gradient step a third of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // On a thread of the pool: work that is handed over from outside costs two more wake-ups each
    // time, and a step of the environments or of the sampler takes a millisecond.
    match rayon::scope(|_| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&describe(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}
