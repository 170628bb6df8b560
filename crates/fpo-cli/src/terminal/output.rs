//! Messages on standard error, which a reader that has gone away cannot turn into a failure.

use std::io::Write;

/// Writes `fpo: TEXT` as one line.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "fpo: {text}");
}
