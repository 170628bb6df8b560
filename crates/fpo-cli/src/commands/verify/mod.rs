//! `fpo verify`: whether the files of a run are as they were written, and whether its first
//! iterations can be made again to the same parameters.

mod files;
mod replay;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use fpo_core::Registry;

use crate::commands::device_arg::parse_device;
use crate::commands::number_arg::whole;
use crate::config::choices::DeviceChoice;
use crate::run::dir::RunDir;
use crate::terminal::output::print;

/// The arguments of `fpo verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Folder of the run
    run: PathBuf,
    /// Also make the first N iterations again, and compare the parameters after each with those
    /// that the run had
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<u64>(1..=u64::MAX))]
    replay: Option<u64>,
    /// Where to make them: auto, cpu, cuda, cuda:1, metal [default: the configuration's]
    #[arg(long, value_parser = parse_device, requires = "replay")]
    device: Option<DeviceChoice>,
}

/// What was looked at, and what was found.
struct Finding {
    /// The file or folder, in the run.
    what: String,
    /// What is right about it, or wrong.
    found: Result<String, String>,
}

/// Checks the files of a run and prints what was found; then makes iterations again, if that is
/// asked for.
///
/// # Errors
/// If a file is not as it was written, an iteration ends with other parameters, or the iterations
/// cannot be made again here.
pub fn verify(args: &VerifyArgs) -> Result<()> {
    let run = RunDir::open(&args.run)?;
    let registry = Registry::default();
    let findings = files::findings(&run, &registry);
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    for Finding { what, found } in &findings {
        let (word, text) = match found {
            Ok(text) => ("ok ", text),
            Err(text) => ("BAD", text),
        };
        print(format!("{word}  {what:<width$}  {text}").trim_end())?;
    }
    let bad = findings.iter().filter(|finding| finding.found.is_err()).count();
    if bad > 0 {
        let (count, shown) = (findings.len(), args.run.display());
        bail!("{bad} of {count} parts of {shown} are not as they were written");
    }
    match args.replay {
        Some(count) => print(&replay::replay(&run, &registry, count, args.device)?),
        None => Ok(()),
    }
}
