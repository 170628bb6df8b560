//! `fpo bench`: how fast the parts of the engine are on this machine.
//!
//! Every case is warmed up, then timed several times, on random data; the median counts. A result
//! that is impossible (numbers that are not finite, more operations than the machine can do) is an
//! error.

pub mod against_cpu;
pub mod args;
mod asked;
pub mod bench_file;
pub mod compare;
pub mod envs;
pub mod launch;
pub mod learner;
pub mod machine;
pub mod measurement;
pub mod peak;
mod plan;
pub mod ranks;
pub mod report;
pub mod sampler;
pub mod shape;
pub mod sizes;
pub mod stats;
pub mod table;
pub mod team;
mod ticker;
pub mod train;

use std::path::Path;

use anyhow::{Context, Result};

use crate::commands::bench::args::{BenchArgs, Part};
use crate::commands::bench::bench_file::BenchFile;
use crate::commands::bench::machine::Machine;
use crate::commands::bench::ticker::Ticker;
use crate::run::durable;
use crate::terminal::output::{print, print_json};

/// Measures or compares, and prints the outcome.
///
/// # Errors
/// A request that cannot be met, shown before anything is timed; or a part that fails.
pub fn bench(args: &BenchArgs) -> Result<()> {
    if let [a, b] = args.compare.as_slice() {
        return print(&compare::text(&compare::read(a)?, &compare::read(b)?)?);
    }
    let to_stdout = args.json.as_deref() == Some(Path::new("-"));
    let output = args.json.as_deref().filter(|_| !to_stdout);
    let ready = || match output {
        Some(path) => durable::check_output(path).with_context(|| cannot_write(path)),
        None => Ok(()),
    };
    let show = |file: &BenchFile| {
        if let Some(path) = output {
            let json = serde_json::to_string_pretty(file)?;
            durable::write_output(path, json.as_bytes()).with_context(|| cannot_write(path))?;
        }
        match to_stdout {
            true => print_json(file, true),
            false => print(&report::text(file)),
        }
    };
    if args.wants(Part::Ranks) {
        return ranks::measure(args, ready, show);
    }
    ready()?;
    show(&measure(args)?)
}

fn measure(args: &BenchArgs) -> Result<BenchFile> {
    let jobs = plan::jobs(args)?;
    let mut ticker = Ticker::on_stderr(jobs.len());
    let mut machine = Machine::describe();
    ticker.show("the machine's peak");
    machine.measure(&plan::threads_of_peaks(&jobs))?;
    let mut results = Vec::with_capacity(jobs.len());
    for job in jobs {
        ticker.next(&format!("{} ({})", job.kind, job.case));
        results.push(job.run(&machine.peak_gflops)?);
    }
    Ok(BenchFile::new(machine, results))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
