//! A run that is going on in a process of its own: `fpo train --resume-or-start`.
//!
//! The process stops, and saves, when its standard input ends. The sweep ends it so when it is
//! asked to stop, and the system does so when the sweep itself is killed: no run goes on alone.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::results::from_run::MetricsLine;
use crate::run::dir::RunDir;
use crate::startup::pool::cannot_start;

/// What a run says of its progress in its metrics.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    offset: u64,
    step: u64,
    last_return: Option<f64>,
}

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The program `fpo`.
    pub program: &'a Path,
    /// The configuration, but for the seed.
    pub config: &'a Path,
    /// The seed.
    pub seed: u64,
    /// The folder of the run.
    pub run: &'a RunDir,
    /// The file to which the process prints.
    pub log: &'a Path,
    /// Threads that the process computes with.
    pub threads: usize,
}

/// A process that trains.
#[derive(Debug)]
pub struct Child {
    /// Which run of the plan it is.
    pub index: usize,
    input: Option<ChildStdin>,
    tail: Tail,
    log: PathBuf,
    log_start: u64,
    began: Instant,
    first: Option<(u64, Instant)>,
}

impl Child {
    /// Starts run `index`. When it ends, `ended` is sent the index and how it ended.
    ///
    /// # Errors
    /// If the process cannot be started or its log cannot be written.
    pub fn start(
        index: usize,
        launch: &Launch,
        ended: Sender<(usize, io::Result<ExitStatus>)>,
    ) -> Result<Child> {
        let log = File::options().create(true).append(true).open(launch.log);
        let log = log.with_context(|| launch.log.display().to_string())?;
        let log_start = log.metadata().map_or(0, |file| file.len());
        let mut command = Command::new(launch.program);
        command.arg("train").arg(launch.config).arg("--seed").arg(launch.seed.to_string());
        command.arg("--out").arg(launch.run.root());
        // Where a launcher has started the sweep, its runs are no ranks of each other.
        command.args(["--resume-or-start", "--stop-at-eof", "--ranks", "off"]);
        command.env("RAYON_NUM_THREADS", launch.threads.to_string());
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // Ctrl-C reaches every process of a group; here only the sweep is to get it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // The thread that waits for the process is there before it: nothing runs unwatched where
        // the system allows no more threads.
        let (hand_over, handed_over) = channel::<Process>();
        let waiting = std::thread::Builder::new().spawn(move || {
            if let Ok(mut process) = handed_over.recv() {
                // The sweep has ended if nobody listens any more.
                let _ = ended.send((index, process.wait()));
            }
        });
        waiting.with_context(|| cannot_start(1))?;
        let program = launch.program.display();
        let mut process = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let input = process.stdin.take();
        hand_over.send(process).context("the thread that waits for a run is gone")?;
        let path = launch.run.metrics_path();
        Ok(Child {
            index,
            input,
            tail: Tail { path, offset: 0, step: 0, last_return: None },
            log: launch.log.into(),
            log_start,
            began: Instant::now(),
            first: None,
        })
    }

    /// Asks the process to save and to stop.
    pub fn stop(&mut self) {
        self.input = None;
    }

    /// Reads how far the run is.
    pub fn look(&mut self) {
        self.tail.read();
        if self.first.is_none() && self.tail.step > 0 {
            self.first = Some((self.tail.step, Instant::now()));
        }
    }

    /// Returns the environment steps done.
    pub fn step(&self) -> u64 {
        self.tail.step
    }

    /// Returns the mean return of the last evaluation, if there was one.
    pub fn last_return(&self) -> Option<f64> {
        self.tail.last_return
    }

    /// Returns the seconds that a run of `steps` steps still takes: at the pace since it was first
    /// looked at, or what is left of `expected`.
    pub fn seconds_left(&self, steps: u64, expected: Option<f64>) -> Option<f64> {
        if let Some((step, then)) = self.first
            && self.tail.step > step
        {
            let pace = then.elapsed().as_secs_f64() / (self.tail.step - step) as f64;
            return Some(pace * steps.saturating_sub(self.tail.step) as f64);
        }
        Some((expected? - self.began.elapsed().as_secs_f64()).max(0.0))
    }

    /// Returns the last error that the process printed.
    pub fn last_error(&self) -> Option<String> {
        let text = fs::read(&self.log).ok()?;
        let text = String::from_utf8_lossy(text.get(self.log_start as usize..)?).into_owned();
        let error = text.lines().rev().find_map(|line| line.strip_prefix("fpo: "));
        let line = error.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()))?;
        Some(line.trim().to_owned())
    }
}

impl Tail {
    fn read(&mut self) {
        // A run that has no metrics yet, or is being resumed, has nothing to say.
        let _ = self.try_read();
    }

    fn try_read(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            // A resumed run drops what its checkpoint does not know.
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        self.offset += whole as u64;
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            let Some(line) = MetricsLine::parse(line) else { continue };
            self.step = line.step;
            self.last_return = line.evaluation.map(|e| e.mean).or(self.last_return);
        }
        Ok(())
    }
}
