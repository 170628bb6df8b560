//! Stopping a run from outside. Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 ask it to save and to stop; a
//! second Ctrl-C or SIGTERM leaves at once.
//!
//! A signal that was ignored when the program started stays ignored, as `nohup` and a shell's
//! background jobs want it. SIGHUP and SIGUSR1 never leave at once, because a terminal that closes
//! sends the first more than once, and a batch system the second to every process of a job.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::terminal::failure::STOPPED;
use crate::terminal::output::note;
use crate::terminal::reporter::Reporter;
use crate::terminal::screen;

/// Whether a run was asked to stop.
#[derive(Debug)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// Why, where it was not a signal that asked first.
    reason: Arc<OnceLock<&'static str>>,
    last_words: Arc<Mutex<String>>,
    is_announced: bool,
}

impl Stop {
    /// Returns a stop that the signals of this process ask for.
    ///
    /// # Errors
    /// If signals cannot be caught.
    pub fn on_signals() -> Result<Stop> {
        let asked = Arc::new(AtomicBool::new(false));
        let last_words = Arc::new(Mutex::new(String::from("left at once")));
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];
        let caught = wanted.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = Signals::new(caught).context("cannot catch signals")?;
        let (flag, words) = (asked.clone(), last_words.clone());
        let watch = move || {
            for signal in signals.forever() {
                let was_asked = flag.swap(true, Ordering::Relaxed);
                if was_asked && matches!(signal, SIGINT | SIGTERM) {
                    screen::leave();
                    // The line of the status may be open.
                    let start = if stderr().is_terminal() { "\r\x1b[2K" } else { "" };
                    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
                    eprint!("{start}");
                    note(&words);
                    std::process::exit(STOPPED.into());
                }
            }
        };
        Builder::new().name("signals".into()).spawn(watch).context("cannot wait for signals")?;
        Ok(Stop { asked, reason: Arc::default(), last_words, is_announced: false })
    }

    /// Asks for the stop also when standard input ends, which is when the program at its other end
    /// closes it or is gone.
    ///
    /// # Errors
    /// If no thread can be made that waits for it.
    pub fn also_at_end_of_input(&self) -> Result<()> {
        let ask = self.asker_because("standard input has ended");
        let wait = move || {
            // What is written there does not matter; an input that cannot be read has ended.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            ask();
        };
        Builder::new().name("input".into()).spawn(wait).context("cannot wait for the input")?;
        Ok(())
    }

    /// Asks for the stop also once this time has passed, which is `reason`.
    ///
    /// # Errors
    /// If no thread can be made that waits for it.
    pub fn also_after(&self, time: Duration, reason: &'static str) -> Result<()> {
        let ask = self.asker_because(reason);
        let wait = move || {
            std::thread::sleep(time);
            ask();
        };
        Builder::new().name("limit".into()).spawn(wait).context("cannot wait for the limit")?;
        Ok(())
    }

    /// Returns what asks for the stop, and says why unless it was asked for before.
    fn asker_because(&self, reason: &'static str) -> impl FnOnce() + Send + 'static {
        let (flag, why) = (self.asked.clone(), self.reason.clone());
        move || {
            if !flag.load(Ordering::Relaxed) {
                // Where two reasons come at once, either is right.
                let _ = why.set(reason);
            }
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Sets what is said where a second signal makes the program leave at once.
    pub fn set_last_words(&self, text: &str) {
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
    }

    /// Returns what asks for the stop as a signal does, from any thread.
    pub fn asker(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }

    /// Returns the flag that is set once a stop was asked for.
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// Returns whether a stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Asks for the stop, as a signal does.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Tells `reporter` once that the run is about to stop. The handler of a signal does not print:
    /// it could write into the middle of whatever the reporter draws.
    pub fn announce(&mut self, reporter: &mut dyn Reporter) {
        if self.is_asked() && !std::mem::replace(&mut self.is_announced, true) {
            reporter.note(&match self.reason.get() {
                Some(reason) => {
                    format!("stopping, because {reason}; Ctrl-C leaves at once, without saving")
                }
                None => "stopping; Ctrl-C again leaves at once, without saving".into(),
            });
        }
    }
}

/// Returns the signals that this process ignores, signal `n` as bit `n − 1`. Only Linux says so in
/// a file; elsewhere none is known to be ignored.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
