//! What the golden tests share: where the numbers lie, what may be absent, and how a comparison is
//! reported.
//!
//! The repository's own folder must hold everything, so that nothing goes unchecked by accident. A
//! folder named by `FPO_GOLDEN_DIR` may hold other cases and seeds, and less: what it lacks is
//! skipped with a line that names it.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(feature = "mujoco")]
pub mod models;
#[cfg(feature = "mujoco")]
pub mod physics;
pub mod tensors;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// The repository's folder of golden numbers.
pub const OWN_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");

/// The folder that the user named, if any.
fn named_folder() -> Option<OsString> {
    std::env::var_os("FPO_GOLDEN_DIR")
}

/// Whether the numbers are the repository's own, all of which must be present.
pub fn is_own_folder() -> bool {
    named_folder().is_none()
}

/// Prints a line that the test runner does not swallow when the test passes.
pub fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Skips something that is absent, with a line that names it. Fails in the repository's folder.
pub fn skip(what: &str) {
    assert!(!is_own_folder(), "{OWN_FOLDER} lacks {what}");
    say(&format!("golden {what}: skipped, absent"));
}

/// Reads a golden file; `None` if it is absent.
pub fn read_if_present(file: &str) -> Option<Vec<u8>> {
    let path = named_folder().map_or_else(|| PathBuf::from(OWN_FOLDER), PathBuf::from).join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Reads a golden file; skips it if it is absent.
pub fn read(file: &str) -> Option<Vec<u8>> {
    let bytes = read_if_present(file);
    if bytes.is_none() {
        skip(file);
    }
    bytes
}

/// A comparison in which no error was beyond its tolerance.
pub struct Outcome {
    /// Number of arrays that were compared.
    pub arrays: usize,
    /// Number of elements in those arrays.
    pub numbers: usize,
    /// Largest error of any element.
    pub largest: f64,
}

/// Collects the errors of one golden file and prints one line for them.
pub struct Report {
    file: String,
    tolerance: f64,
    largest: f64,
    cases: usize,
    numbers: usize,
    beyond: Vec<String>,
}

impl Report {
    /// Begins a report on a file. `tolerance` is absolute.
    pub fn new(file: &str, tolerance: f64) -> Self {
        Self {
            file: file.into(),
            tolerance,
            largest: 0.0,
            cases: 0,
            numbers: 0,
            beyond: Vec::new(),
        }
    }

    /// Compares one array; each call is a case.
    pub fn compare(&mut self, what: &str, got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len(), "{}: length of {what}", self.file);
        self.cases += 1;
        self.numbers += got.len();
        for (index, (got, want)) in got.iter().zip(want).enumerate() {
            let error = if got == want { 0.0 } else { (got - want).abs() };
            self.largest = if error.is_nan() { f64::NAN } else { self.largest.max(error) };
            if error.is_nan() || error > self.tolerance {
                self.beyond.push(format!("{what}[{index}] is {got:e}, golden {want:e}"));
            }
        }
    }

    /// Prints the line and then does what [`check`](Self::check) does.
    pub fn finish(self) {
        say(&format!(
            "golden {:<42} {:>5} arrays   largest error {:.1e} of {:.1e}",
            self.file, self.cases, self.largest, self.tolerance
        ));
        self.check();
    }

    /// Fails when any error was beyond the tolerance or nothing was compared.
    pub fn check(self) -> Outcome {
        assert!(self.numbers > 0, "{}: nothing was compared", self.file);
        let shown = &self.beyond[..self.beyond.len().min(10)];
        assert!(
            self.beyond.is_empty(),
            "{}: {} numbers beyond the tolerance, first {shown:#?}",
            self.file,
            self.beyond.len()
        );
        Outcome { arrays: self.cases, numbers: self.numbers, largest: self.largest }
    }
}
