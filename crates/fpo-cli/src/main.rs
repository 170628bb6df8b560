//! The `fpo` program: reads the command line, does what it says, ends with the right exit code.

use std::process::ExitCode;

use clap::Parser;
use fpo_cli::cli::{Cli, run};
use fpo_cli::failure::{describe, exit_code};
use fpo_cli::note::note;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&describe(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}
