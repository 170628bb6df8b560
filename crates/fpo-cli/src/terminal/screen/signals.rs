//! Signals that concern the screen: suspension and its end, and those that kill a process without
//! asking it.
//!
//! Each of them gives the terminal back first, and then does what it does to any process.

use std::io;
use std::sync::OnceLock;
use std::thread::Builder;

use signal_hook::consts::{SIGALRM, SIGCONT, SIGQUIT, SIGTSTP, SIGUSR2, SIGXCPU};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::terminal::screen::{come_back, leave};

/// Watches for the signals from now on.
///
/// # Errors
/// Those of the system, where signals cannot be caught.
pub(super) fn watch() -> io::Result<()> {
    static WATCH: OnceLock<io::Result<()>> = OnceLock::new();
    match WATCH.get_or_init(begin) {
        Ok(()) => Ok(()),
        Err(error) => Err(error.kind().into()),
    }
}

fn begin() -> io::Result<()> {
    let mut signals = Signals::new([SIGTSTP, SIGCONT, SIGQUIT, SIGUSR2, SIGALRM, SIGXCPU])?;
    let watch = move || {
        for signal in signals.forever() {
            if signal == SIGCONT {
                come_back();
            } else {
                leave();
                // Suspends or ends the process; where that fails, it goes on without a screen.
                let _ = emulate_default_handler(signal);
            }
        }
    };
    Builder::new().name("screen".into()).spawn(watch)?;
    Ok(())
}
