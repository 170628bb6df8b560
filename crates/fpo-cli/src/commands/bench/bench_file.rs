//! The file that holds measurements with the machine they were taken on.

use serde::{Deserialize, Serialize};

use crate::commands::bench::against_cpu::{AgainstCpu, pairs};
use crate::commands::bench::machine::Machine;
use crate::commands::bench::measurement::Measurement;

/// What `fpo bench --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchFile {
    /// Hardware and software.
    pub machine: Machine,
    /// The cases.
    pub results: Vec<Measurement>,
    /// The cases that were measured on the CPU and on another device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against_cpu: Vec<AgainstCpu>,
}

impl BenchFile {
    /// Returns the file of `results`.
    pub fn new(machine: Machine, results: Vec<Measurement>) -> BenchFile {
        let against_cpu = pairs(&results);
        BenchFile { machine, results, against_cpu }
    }
}
