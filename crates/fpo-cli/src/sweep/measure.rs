//! Measures how long runs take of which nothing is known yet: an iteration and an evaluation of one
//! run of each task and method, times their number in a whole run.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::startup::pool;
use crate::sweep::estimate::Durations;
use crate::sweep::plan::Planned;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::device;
use crate::training::trainer::Trainer;

/// Measures one run of each task and method among the runs `todo` of `plan` whose duration is not
/// known, on `threads` threads, and adds it to `durations`.
///
/// # Errors
/// If a run cannot be built or its first iterations fail. Names the run.
pub fn measure(
    plan: &[Planned],
    todo: &[usize],
    durations: &mut Durations,
    threads: usize,
) -> Result<()> {
    let pool = pool::exactly(threads)?;
    let mut measured: Vec<(&str, &str)> = Vec::new();
    for run in todo.iter().map(|&index| &plan[index]) {
        let name = (run.labels.task.as_str(), run.labels.method.as_str());
        if durations.knows_method(run) || measured.contains(&name) {
            continue;
        }
        measured.push(name);
        Notes.note(&format!(
            "measuring an iteration and an evaluation of {} with {}",
            name.0, name.1
        ));
        let seconds = pool.install(|| seconds(run)).with_context(|| run.describe())?;
        durations.learn((&run.digest, name.0, name.1), run.steps(), seconds);
    }
    Ok(())
}

/// Returns the seconds that `run` will take.
fn seconds(run: &Planned) -> Result<f64> {
    let device = device::open(run.config.train.device, &mut Notes)?;
    device::set_precision(&device, run.config.train.precision)?;
    let clock = Instant::now();
    let mut trainer = Trainer::new(run.config.clone(), &device)?;
    let built = clock.elapsed();
    // The first iteration also fills caches and memory that the others find ready.
    trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
    let clock = Instant::now();
    trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
    let iteration = clock.elapsed();
    let clock = Instant::now();
    trainer.evaluate(&AtomicBool::new(false))?;
    trainer.modes()?;
    let evaluation = clock.elapsed();
    let (iterations, evaluations) =
        (run.config.num_iterations() as f64, run.config.eval.count as f64);
    let total = iteration.as_secs_f64() * iterations + evaluation.as_secs_f64() * evaluations;
    Ok(built.as_secs_f64() + total)
}
