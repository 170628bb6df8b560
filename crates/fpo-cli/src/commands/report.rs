//! `fpo report`: makes one report of many runs.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::report::output::{Format, Output};
use crate::report::summary::{Report, Request};
use crate::results::row::Scored;
use crate::terminal::output::{note, print};
use crate::text::shell::path;

/// What `fpo report` can be asked for.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folders of a sweep, runs or folders of runs, or files of results
    #[arg(required = true, value_name = "DIR|RUN|FILE")]
    inputs: Vec<PathBuf>,
    /// File to write, whose name ends in .html, .md, .json or .csv (repeatable) [default: print
    /// Markdown]
    #[arg(short, long = "output", alias = "out", value_name = "FILE")]
    outputs: Vec<PathBuf>,
    /// Which evaluation of a run is its score
    #[arg(long, value_enum, default_value_t = Scored::Last)]
    score: Scored,
    /// TOML file with the scores that count as 0 and 1, and published numbers [default: the bounds
    /// of the tasks, and the paper's Table 1]
    #[arg(long, value_name = "FILE")]
    references: Option<PathBuf>,
}

/// Reads the runs and writes their report.
///
/// # Errors
/// Before anything is read, if an output cannot be written; if there is no run to report on, or an
/// input is damaged.
pub fn report(args: ReportArgs) -> Result<()> {
    let outputs: Vec<Output> =
        args.outputs.iter().map(|path| Output::new(path)).collect::<Result<_>>()?;
    let report = Report::make(&Request {
        command: command_line(&args),
        inputs: args.inputs,
        scored: args.score,
        references: args.references,
    })?;
    if outputs.is_empty() {
        return print(&Format::Markdown.write(&report)?);
    }
    for output in &outputs {
        let bytes = output.write(&report)?;
        note(&format!("wrote {} ({} kB)", output.path().display(), bytes.div_ceil(1000)));
    }
    Ok(())
}

/// Returns the command line that `args` were read from, up to the order of flags.
fn command_line(args: &ReportArgs) -> String {
    let mut words = vec!["fpo".to_owned(), "report".to_owned()];
    words.extend(args.inputs.iter().map(|input| path(input)));
    if args.score == Scored::Best {
        words.extend(["--score".into(), "best".into()]);
    }
    let references = args.references.iter().map(|file| ("--references", file));
    for (flag, file) in references.chain(args.outputs.iter().map(|output| ("-o", output))) {
        words.extend([flag.into(), path(file)]);
    }
    words.join(" ")
}
