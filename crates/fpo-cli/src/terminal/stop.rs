//! Stopping a run from outside: the first Ctrl-C or SIGTERM asks it to finish its iteration and to
//! save, the second leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::terminal::failure::STOPPED;
use crate::terminal::reporter::Reporter;

/// Whether a run was asked to stop.
#[derive(Debug)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    is_announced: bool,
}

impl Stop {
    /// Returns a stop that the signals of this process ask for.
    ///
    /// # Errors
    /// If signals cannot be caught, such as when they already are.
    pub fn on_signals() -> Result<Stop> {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = asked.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(STOPPED.into());
            }
        })
        .context("cannot catch Ctrl-C")?;
        Ok(Stop { asked, is_announced: false })
    }

    /// Asks for the stop also when standard input ends, which is when the program at its other end
    /// closes it or is gone.
    pub fn also_at_end_of_input(&self) {
        let flag = self.asked.clone();
        std::thread::spawn(move || {
            // What is written there does not matter; an input that cannot be read has ended.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            flag.store(true, Ordering::Relaxed);
        });
    }

    /// Returns the flag that is set once a stop was asked for.
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// Returns whether a stop was asked for.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Tells `reporter` once that the run is about to stop. The handler of a signal does not print:
    /// it could write into the middle of whatever the reporter draws.
    pub fn announce(&mut self, reporter: &mut dyn Reporter) {
        if self.is_asked() && !std::mem::replace(&mut self.is_announced, true) {
            reporter.note("finishing this iteration, then saving; Ctrl-C again leaves at once");
        }
    }
}
