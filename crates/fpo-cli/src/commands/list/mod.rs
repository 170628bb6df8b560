//! `fpo list`: the runs in a folder, with how far each has come and how it stands.

mod entry;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::commands::list::entry::Entry;
use crate::commands::list::table::table;
use crate::run::scan::scan;
use crate::terminal::output::{print, print_json, width};
use crate::text::shown::shown;

/// The folder in which `fpo train` and `fpo sweep` make runs.
const RUNS: &str = "runs";

/// The arguments of `fpo list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Folder of runs or of a sweep, or a run [default: runs]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// What comes first: the run that wrote last, the name, or the best return of a task
    #[arg(long, value_enum, default_value_t = Sort::Age)]
    sort: Sort,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// The order of the list.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// The run that wrote last stands first
    Age,
    /// By the name of the folder
    Name,
    /// By task, and the best return of each first
    Best,
}

/// Lists the runs in a folder. One that is damaged has a line all the same, which says so.
///
/// # Errors
/// If the folder cannot be read. The folder that is looked at by default may be missing.
pub fn list(args: &ListArgs) -> Result<()> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(RUNS));
    let found = match args.folder.is_none() && !folder.exists() {
        true => Vec::new(),
        false => scan(&folder).with_context(|| folder.display().to_string())?,
    };
    let mut entries: Vec<Entry> = found.iter().map(|path| Entry::of(&folder, path)).collect();
    entries.sort_by(|a, b| match args.sort {
        Sort::Age => a.age_s.cmp(&b.age_s).then_with(|| a.name.cmp(&b.name)),
        Sort::Name => a.name.cmp(&b.name),
        Sort::Best => a.by_task_and_best(b),
    });
    if args.json {
        return print_json(&entries, true);
    }
    if entries.is_empty() {
        let folder = shown(&folder.display().to_string());
        return print(&format!("no runs in {folder}; one is made by: fpo train TASK"));
    }
    print(&table(&entries, width()))
}
