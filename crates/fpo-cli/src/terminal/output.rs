//! What a command writes to standard output and standard error. A reader that has gone away cannot
//! turn a message into a failure.

use std::io::{ErrorKind, IsTerminal, Write, stdout};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::terminal::live::{IS_SILENT, pass_by};
use crate::text::shown::{json, line, printable};

/// Writes `fpo: TEXT` as one line to standard error.
pub fn note(text: &str) {
    pass_by(&format!("fpo: {}", line(text)));
}

/// Keeps back all messages to standard error from now on. Where several processes make one run, one
/// of them speaks.
pub fn be_silent() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// Ends [`be_silent`].
pub fn speak() {
    IS_SILENT.store(false, Ordering::Relaxed);
}

/// Returns how many columns a line of standard output has; `None` where it is no terminal, and a
/// line as long as it likes.
pub fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(stdout())?;
    Some(usize::from(width.0))
}

/// Writes `text`, what a person asked for, to standard output, with what a terminal would obey or
/// hide spelled out.
///
/// # Errors
/// Those of the system, such as a full disk.
pub fn print(text: &str) -> Result<()> {
    print_as_it_is(&printable(text))
}

/// Writes `value` to standard output as JSON, in one line or in many.
///
/// # Errors
/// Those of [`print()`]. Also if the value has no form in JSON.
pub fn print_json(value: &impl Serialize, pretty: bool) -> Result<()> {
    let text = match pretty {
        true => serde_json::to_string_pretty(value)?,
        false => serde_json::to_string(value)?,
    };
    print_as_it_is(&json(&text))
}

/// Writes a file to standard output: to a program as it is, to a person as [`print()`] does.
///
/// # Errors
/// Those of [`print()`].
pub fn print_file(text: &str) -> Result<()> {
    match stdout().is_terminal() {
        true => print(text),
        false => print_as_it_is(text),
    }
}

fn print_as_it_is(text: &str) -> Result<()> {
    match writeln!(stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}
