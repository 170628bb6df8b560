//! What the golden tests share: where the numbers lie, and how a comparison is reported.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(feature = "mujoco")]
pub mod models;
#[cfg(feature = "mujoco")]
pub mod physics;
pub mod tensors;

use std::io::Write;
use std::path::PathBuf;

/// The folder of golden numbers: `FPO_GOLDEN_DIR`, or `tests/golden` of the repository.
pub fn golden_dir() -> PathBuf {
    std::env::var_os("FPO_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")),
        PathBuf::from,
    )
}

/// Prints a line that the test runner does not swallow when the test passes.
pub fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Reads a golden file; says so and gives `None` when it is absent.
pub fn read(file: &str) -> Option<Vec<u8>> {
    let path = golden_dir().join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            say(&format!("golden {file}: skipped, absent"));
            None
        }
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// What was compared without an error beyond its tolerance.
pub struct Outcome {
    pub arrays: usize,
    /// Numbers in those arrays.
    pub numbers: usize,
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
    /// `tolerance` is absolute.
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

    /// Prints the line, then as [`check`](Self::check).
    pub fn finish(self) {
        say(&format!(
            "golden {:<42} {:>5} arrays   largest error {:.1e} of {:.1e}",
            self.file, self.cases, self.largest, self.tolerance
        ));
        self.check();
    }

    /// Fails when anything was beyond the tolerance or nothing was compared.
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
