//! `fpo completions` and `fpo man`: what a shell completes, and pages of the manual. Both are made
//! from the command line's own description, so that they say what this program takes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::run::durable::write_output;
use crate::terminal::output::{print, print_file};

/// The arguments of `fpo completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The arguments of `fpo man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Folder for the pages of all commands; it is made if it is missing [default: print the page
    /// of fpo alone]
    #[arg(short, long, alias = "out", value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Prints the script that lets a shell complete commands, flags, and the names of tasks.
///
/// # Errors
/// Those of printing.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print_file(&String::from_utf8(script)?)
}

/// Writes a page of the manual for each command, or prints that of the program.
///
/// # Errors
/// Those of the file system and of printing.
pub fn man(args: &ManArgs, mut command: Command) -> Result<()> {
    // Commands are then called by their whole names, such as fpo-train.
    command.build();
    let Some(folder) = &args.output else {
        return print_file(&String::from_utf8(page(&command)?)?);
    };
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let count = write_pages(&command, folder)?;
    print(&format!("wrote {count} pages to {}", folder.display()))
}

/// Writes the pages of `command` and of the commands below it; returns how many there are.
fn write_pages(command: &Command, folder: &Path) -> Result<usize> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    write_output(&path, &page(command)?).with_context(|| path.display().to_string())?;
    let mut count = 1;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        count += write_pages(below, folder)?;
    }
    Ok(count)
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
