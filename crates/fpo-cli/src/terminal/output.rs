//! What a command writes to standard output and standard error. A reader that has gone away cannot
//! turn a message into a failure.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::{Context, Result};

/// Writes `fpo: TEXT` as one line to standard error.
pub fn note(text: &str) {
    let _ = writeln!(stderr(), "fpo: {text}");
}

/// Writes `text`, what a command was asked for, to standard output.
///
/// # Errors
/// Those of the system, such as a full disk.
pub fn print(text: &str) -> Result<()> {
    match writeln!(stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}
