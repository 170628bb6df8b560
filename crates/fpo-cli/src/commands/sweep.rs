//! `fpo sweep`: makes the runs of a sweep that are not done yet, lists them, or makes one of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fpo_core::Registry;

use crate::commands::sweep_args::SweepArgs;
use crate::commands::sweep_jobs::{parallel, slurm};
use crate::host;
use crate::results::file::ResultsFile;
use crate::sweep::estimate::{Durations, until_done};
use crate::sweep::file::SweepFile;
use crate::sweep::folder::SweepDir;
use crate::sweep::keep::Keep;
use crate::sweep::ledger::{Ledger, State, Summary};
use crate::sweep::measure::measure;
use crate::sweep::plan::{Planned, plan};
use crate::sweep::schedule::{Options, Schedule};
use crate::terminal::failure::{Stopped, UsageError};
use crate::terminal::humanize::{grouped, short_duration};
use crate::terminal::output::{note, print};
use crate::terminal::reporter::{Notes, Reporter};
use crate::terminal::stop::Stop;
use crate::text::count::count;

/// Makes the runs that are not done yet.
///
/// # Errors
/// If the file is wrong, if rows cannot be read or written, if runs failed, or [`Stopped`] if the
/// sweep was asked to stop.
pub fn sweep(args: &SweepArgs) -> Result<()> {
    let registry = Registry::default();
    let file = SweepFile::read(&args.sweep)?;
    let runs = plan(&file, &registry)?;
    let folder = SweepDir::at(&args.out.clone().unwrap_or_else(|| default_folder(&args.sweep)));
    if args.dry_run {
        let ledger = Ledger::read(&folder, &args.done)?;
        return print(&listing(&runs, &ledger, args)?);
    }
    if args.slurm || args.parallel {
        return print_jobs(&runs, &folder, args);
    }
    let chosen = args.index.map(|number| chosen(&runs, number)).transpose()?;
    let runs = chosen.as_ref().map_or(runs.as_slice(), std::slice::from_ref);
    let stop = Stop::on_signals()?;
    let _lock = folder.take(args.index.is_some())?;
    let results = ResultsFile::open(&folder.results_path(args.index))?;
    let ledger = Ledger::read(&folder, &args.done)?;
    ledger.notes().iter().for_each(|text| note(text));
    let todo = todo(runs, &ledger, args.retry_failed);
    clear_finished(runs, &folder, &ledger, args.keep);
    greet(runs, &todo, &folder, &ledger, args);
    let options = Options {
        jobs: jobs(args),
        threads: args.threads as usize,
        keep: args.keep,
        program: std::env::current_exe().context("cannot find the program itself")?,
    };
    let schedule = Schedule::new(runs, todo, &folder, (ledger, results), options);
    let summary = schedule.run(&stop)?;
    farewell(&summary, &folder, args, stop.is_asked())
}

/// Prints the runs that are to be made as jobs.
fn print_jobs(runs: &[Planned], folder: &SweepDir, args: &SweepArgs) -> Result<()> {
    let ledger = Ledger::read(folder, &args.done)?;
    let todo = todo(runs, &ledger, args.retry_failed);
    let numbers: Vec<usize> = todo.iter().map(|index| index + 1).collect();
    if numbers.is_empty() {
        bail!("there is no job to start: none of the {} runs is to be made", runs.len());
    }
    let out = args.out.clone().unwrap_or_else(|| default_folder(&args.sweep));
    print(&match args.slurm {
        true => slurm(args, &out, &numbers)?,
        false => parallel(args, &out, &numbers)?,
    })
}

/// Returns `runs/SWEEP`.
fn default_folder(sweep: &Path) -> PathBuf {
    Path::new("runs").join(sweep.file_stem().unwrap_or(sweep.as_os_str()))
}

/// Returns run `number`, from 1.
fn chosen(runs: &[Planned], number: usize) -> Result<Planned> {
    let run = number.checked_sub(1).and_then(|index| runs.get(index));
    run.cloned().ok_or_else(|| {
        let count = runs.len();
        UsageError(format!("--index {number}: the sweep has runs 1 to {count}")).into()
    })
}

fn jobs(args: &SweepArgs) -> usize {
    let threads = args.threads as usize;
    args.jobs.map_or_else(|| (host::threads() / threads).max(1), |jobs| jobs as usize)
}

/// Returns the indices of the runs that are to be made.
fn todo(runs: &[Planned], ledger: &Ledger, retry_failed: bool) -> Vec<usize> {
    let is_to_do = |run: &Planned| match ledger.state(run) {
        State::ToDo => true,
        State::Failed => retry_failed,
        State::Done => false,
    };
    (0..runs.len()).filter(|&index| is_to_do(&runs[index])).collect()
}

/// Removes what is not kept of runs that are done: a kill may have come between row and removal.
fn clear_finished(runs: &[Planned], folder: &SweepDir, ledger: &Ledger, keep: Keep) {
    for run in runs {
        let folder = folder.run(run);
        let status = ledger.status(run);
        if let (Some(status), true) = (status, folder.root().is_dir())
            && let Err(error) = keep.remove(&folder, status)
        {
            note(&format!("{} cannot be cleared: {error}", folder.root().display()));
        }
    }
}

fn greet(runs: &[Planned], todo: &[usize], folder: &SweepDir, ledger: &Ledger, args: &SweepArgs) {
    let in_state = |state| runs.iter().filter(|run| ledger.state(run) == state).count();
    let (done, failed) = (in_state(State::Done), in_state(State::Failed));
    let all = count(runs.len(), "run");
    let mut text = format!("{all}, {} to make, {done} done", todo.len());
    if failed > 0 {
        let how = if args.retry_failed { "tried again" } else { "see --retry-failed" };
        text += &format!(", {failed} failed ({how})");
    }
    let strangers = ledger.strangers(runs);
    if strangers > 0 && args.index.is_none() {
        text += &format!("; {strangers} other rows belong to no run of this file");
    }
    let (jobs, threads) = (if args.index.is_some() { 1 } else { jobs(args) }, args.threads);
    let threads = if threads == 1 { "one thread".into() } else { format!("{threads} threads") };
    note(&text);
    Notes.message(&format!("  {jobs} at a time on {threads} each, in {}", folder.name()));
}

fn farewell(
    summary: &Summary,
    folder: &SweepDir,
    args: &SweepArgs,
    was_stopped: bool,
) -> Result<()> {
    if was_stopped && summary.left > 0 {
        return Err(Stopped("the same command".into()).into());
    }
    let Summary { done, diverged, failed, .. } = *summary;
    let diverged = match diverged {
        0 => String::new(),
        count => format!(", {count} of them diverged"),
    };
    let results = folder.results_path(args.index);
    note(&format!("{} done{diverged}: {}", count(done, "run"), results.display()));
    match failed {
        0 => Ok(()),
        1 => bail!("1 run failed; its row says why; --retry-failed tries it again"),
        _ => bail!("{failed} runs failed; their rows say why; --retry-failed tries them again"),
    }
}

/// Returns the list of the runs for `--dry-run`.
fn listing(runs: &[Planned], ledger: &Ledger, args: &SweepArgs) -> Result<String> {
    let mut durations = Durations::of(ledger.rows());
    let todo = todo(runs, ledger, args.retry_failed);
    if args.measure {
        measure(runs, &todo, &mut durations, args.threads as usize)?;
    }
    let width = runs.iter().map(|run| run.describe().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (index, run) in runs.iter().enumerate() {
        let state = match ledger.state(run) {
            State::Done => "done".into(),
            State::Failed if !args.retry_failed => "failed".into(),
            _ => match durations.seconds(run) {
                Some(seconds) => format!("about {}", short_duration(seconds.round() as u64)),
                None => "time unknown".into(),
            },
        };
        let (number, name, steps) = (index + 1, run.describe(), grouped(run.steps()));
        text +=
            &format!("{number:>5}  {name:<width$}  {steps:>11} steps  {}  {state}\n", run.digest);
    }
    let known: Option<Vec<f64>> =
        todo.iter().map(|&index| durations.seconds(&runs[index])).collect();
    let (all, jobs) = (count(runs.len(), "run"), jobs(args));
    text += &format!("{all}, {} to make", todo.len());
    text += &match known {
        Some(seconds) => {
            let whole = until_done(&[], &seconds, jobs).round() as u64;
            format!(", about {} with {jobs} at a time", short_duration(whole))
        }
        None => "; times are known once a run like them has finished; --measure measures them, \
                 --done brings them from elsewhere"
            .into(),
    };
    Ok(text)
}
