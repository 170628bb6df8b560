//! Runs the rest of a sweep, some runs side by side, the longest first, until each has its row.
//!
//! A row is written when the process of its run has ended, before anything else is done with the
//! run's folder. A kill of the sweep between the two costs nothing but the time to find out that
//! the run is finished.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::results::file::ResultsFile;
use crate::results::from_run::{row, without_metrics};
use crate::results::outcome::{Outcome, Status};
use crate::results::row::Row;
use crate::run::dir::RunDir;
use crate::sweep::board::{Board, Running, Standing, obituary};
use crate::sweep::child::{Child, Launch};
use crate::sweep::ending::{Deaths, Ending, ending, is_in_use};
use crate::sweep::estimate::{Durations, until_done};
use crate::sweep::folder::SweepDir;
use crate::sweep::keep::Keep;
use crate::sweep::ledger::{Ledger, Summary};
use crate::sweep::plan::Planned;
use crate::terminal::failure::describe;
use crate::terminal::stop::Stop;

/// How often the sweep looks whether it was asked to stop.
const TICK: Duration = Duration::from_millis(100);
/// Time between looks at a run that another process is making.
const IN_USE_INTERVAL: Duration = Duration::from_secs(1);

/// How a sweep is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Runs side by side.
    pub jobs: usize,
    /// Threads of each run.
    pub threads: usize,
    /// What stays of a finished run's folder.
    pub keep: Keep,
    /// The program `fpo`.
    pub program: PathBuf,
}

/// A sweep that is going on.
pub struct Schedule<'a> {
    plan: &'a [Planned],
    folder: &'a SweepDir,
    options: Options,
    ledger: Ledger,
    results: ResultsFile,
    durations: Durations,
    todo: Vec<usize>,
    in_use: HashMap<usize, Instant>,
    running: Vec<Child>,
    deaths: HashMap<usize, Deaths>,
    board: Board,
    ended: (Sender<Ended>, Receiver<Ended>),
}

/// Which process has ended, and how.
type Ended = (usize, io::Result<ExitStatus>);

impl<'a> Schedule<'a> {
    /// Prepares to make the runs `todo` of `plan` in `folder`, and to write their rows to
    /// `results`.
    pub fn new(
        plan: &'a [Planned],
        todo: Vec<usize>,
        folder: &'a SweepDir,
        (ledger, results): (Ledger, ResultsFile),
        options: Options,
    ) -> Schedule<'a> {
        Schedule {
            plan,
            folder,
            options,
            durations: Durations::of(ledger.rows()),
            ledger,
            results,
            todo,
            in_use: HashMap::new(),
            running: Vec::new(),
            deaths: HashMap::new(),
            board: Board::on_stderr(),
            ended: channel(),
        }
    }

    /// Makes the runs. Ends early, once all that are going on have saved, if `stop` is asked for.
    ///
    /// # Errors
    /// If a row cannot be written, a process cannot be started, or the disk is full. What was going
    /// on has saved by then.
    pub fn run(mut self, stop: &Stop) -> Result<Summary> {
        let made = self.make_runs(stop);
        if made.is_err() {
            self.stop_all();
        }
        made?;
        Ok(self.ledger.summary(self.plan))
    }

    fn make_runs(&mut self, stop: &Stop) -> Result<()> {
        let mut is_stopping = false;
        loop {
            if stop.is_asked() && !is_stopping {
                is_stopping = true;
                let text = "fpo: the runs save and stop; Ctrl-C again leaves them to it";
                self.board.message(text);
                self.running.iter_mut().for_each(Child::stop);
            }
            if !is_stopping {
                self.start_runs()?;
            }
            if self.running.is_empty() && (is_stopping || self.todo.is_empty()) {
                return Ok(());
            }
            self.show(is_stopping);
            match self.ended.1.recv_timeout(TICK) {
                Ok((index, ended)) => self.finish(index, &ended, is_stopping)?,
                Err(RecvTimeoutError::Timeout) => {}
                // The schedule holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => bail!("the runs' processes were lost"),
            }
        }
    }

    /// Starts runs as long as there is a place for one.
    fn start_runs(&mut self) -> Result<()> {
        let now = Instant::now();
        while self.running.len() < self.options.jobs {
            let is_free = |index: &usize| self.in_use.get(index).is_none_or(|until| *until <= now);
            let free = self.todo.iter().enumerate().filter(|(_, index)| is_free(index));
            // One run that is over makes the durations of all known; until then steps are all
            // there is to go by. Of equally long runs the first one starts.
            let length = |index: usize| {
                self.expected(index).unwrap_or_else(|| self.plan[index].steps() as f64)
            };
            let longest = free.rev().max_by(|(_, a), (_, b)| length(**a).total_cmp(&length(**b)));
            let Some((place, &index)) = longest else { return Ok(()) };
            let run = &self.plan[index];
            let folder = self.folder.run(run);
            if is_in_use(&folder) {
                self.in_use.insert(index, now + IN_USE_INTERVAL);
                continue;
            }
            self.in_use.remove(&index);
            forget_failure(&folder);
            let config = self.folder.freeze(run)?;
            let log = self.folder.log_path(run);
            let launch = Launch {
                program: &self.options.program,
                config: &config,
                seed: run.config.train.seed,
                run: &folder,
                log: &log,
                threads: self.options.threads,
            };
            let child = Child::start(index, &launch, self.ended.0.clone())?;
            self.running.push(child);
            self.todo.remove(place);
        }
        Ok(())
    }

    /// Takes note of the end of a process.
    fn finish(
        &mut self,
        index: usize,
        ended: &io::Result<ExitStatus>,
        is_stopping: bool,
    ) -> Result<()> {
        let Some(place) = self.running.iter().position(|child| child.index == index) else {
            return Ok(());
        };
        let child = self.running.remove(place);
        let folder = self.folder.run(&self.plan[index]);
        match ending(ended, &folder, child.last_error()) {
            Ending::Over(outcome) => self.record(index, outcome),
            Ending::InUse => {
                self.in_use.insert(index, Instant::now() + IN_USE_INTERVAL);
                self.todo.push(index);
                Ok(())
            }
            Ending::Interrupted(_) if is_stopping => {
                self.todo.push(index);
                Ok(())
            }
            Ending::Interrupted(reason) => {
                match self.deaths.entry(index).or_default().add(&folder, &reason) {
                    Some(outcome) => self.record(index, outcome),
                    None => {
                        let name = self.plan[index].describe();
                        self.board.message(&format!("fpo: {name}: {reason}; it goes on"));
                        self.todo.push(index);
                        Ok(())
                    }
                }
            }
            Ending::NoSpace(reason) => bail!(
                "{}: {reason}; make room and give the same command again",
                self.plan[index].describe()
            ),
        }
    }

    /// Writes the row of a run that is over.
    fn record(&mut self, index: usize, outcome: Outcome) -> Result<()> {
        let run = &self.plan[index];
        let folder = self.folder.run(run);
        let row = self.row_of(run, &folder, outcome)?;
        self.results.append(&row)?;
        self.durations.add(&row);
        self.options.keep.apply(&folder, &row, &mut self.board);
        let text = obituary(&run.describe(), &row, &self.folder.log_path(run));
        self.board.message(&text);
        self.ledger.add(row);
        Ok(())
    }

    /// Returns the row of a run that is over. A run that finished and whose metrics cannot be read
    /// has failed.
    fn row_of(&self, run: &Planned, folder: &RunDir, outcome: Outcome) -> Result<Row> {
        let labels = || run.labels.clone();
        match row(&run.config, folder, Some(outcome.clone()), labels()) {
            Ok(row) => Ok(row),
            Err(error) => {
                let outcome = match outcome.status {
                    Status::Finished => Outcome::of_failure(describe(&error)),
                    _ => outcome,
                };
                without_metrics(&run.config, outcome, labels())
            }
        }
    }

    /// Returns the seconds that a run takes, if any run like it is known.
    fn expected(&self, index: usize) -> Option<f64> {
        self.durations.seconds(&self.plan[index])
    }

    fn show(&mut self, is_stopping: bool) {
        let now = Instant::now();
        if !self.board.is_due(now) {
            return;
        }
        self.running.iter_mut().for_each(Child::look);
        let Summary { done, failed, .. } = self.ledger.summary(self.plan);
        let running: Vec<Running> =
            self.running.iter().map(|child| self.running_line(child)).collect();
        let todo: Option<Vec<f64>> = self.todo.iter().map(|&index| self.expected(index)).collect();
        let left: Option<Vec<f64>> = running.iter().map(|run| run.seconds_left).collect();
        let until =
            |(left, todo): (Vec<f64>, Vec<f64>)| until_done(&left, &todo, self.options.jobs);
        let standing = Standing {
            total: self.plan.len(),
            done,
            failed,
            waiting: self.in_use.len(),
            seconds_left: left.zip(todo).map(until),
            running,
            stopping: is_stopping,
        };
        self.board.show(&standing, now);
    }

    fn running_line(&self, child: &Child) -> Running {
        let run = &self.plan[child.index];
        Running {
            name: run.describe(),
            share: child.step() as f64 / run.steps().max(1) as f64,
            last_return: child.last_return(),
            seconds_left: child.seconds_left(run.steps(), self.expected(child.index)),
        }
    }

    /// Lets all runs save, and waits until they have.
    fn stop_all(&mut self) {
        self.running.iter_mut().for_each(Child::stop);
        while !self.running.is_empty() {
            match self.ended.1.recv() {
                Ok((index, _)) => self.running.retain(|child| child.index != index),
                Err(_) => return,
            }
        }
    }
}

/// Removes the outcome of an earlier try, which says nothing of the next one. A finished run keeps
/// its outcome.
fn forget_failure(run: &RunDir) {
    let outcome = Outcome::load(run);
    if !matches!(outcome, Ok(Some(outcome)) if outcome.status == Status::Finished) {
        // What cannot be removed stops the run itself, which then says why.
        let _ = Outcome::remove(run);
    }
}
