//! What a measurement was made on: the machine, the program and what it is built from.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::commands::bench::peak;
use crate::commands::bench::peak::Peak;
use crate::host;

/// How often the number of running threads is read.
const READINGS: usize = 20;
const READING_INTERVAL: Duration = Duration::from_millis(10);

/// Hardware and software. What cannot be found out is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Physical cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<usize>,
    /// Threads that this process may run at once.
    pub threads: usize,
    /// Main memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Operating system and architecture.
    pub os: String,
    /// Vector instruction sets, of those that matter here.
    pub instruction_sets: Vec<String>,
    /// Version of this program.
    pub fpo: String,
    /// Commit of its sources, with `+` where they were changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the compiler's checks were on, as in a debug build.
    pub debug_build: bool,
    /// Cargo features of the build.
    pub features: Vec<String>,
    /// Compiler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rustc: Option<String>,
    /// Version of Candle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candle: Option<String>,
    /// Version of the MuJoCo library that was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mujoco: Option<String>,
    /// Threads of other programs that wanted to run when the measurement began, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_running: Option<f64>,
    /// Measured peaks, the widest registers first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peak_gflops: Vec<Peak>,
}

impl Machine {
    /// Returns everything but what must be measured.
    pub fn describe() -> Machine {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Machine {
            cpu: host::cpu(),
            cores: host::physical_cores(),
            threads: host::threads(),
            memory_bytes: host::memory("MemTotal"),
            os: host::os(),
            instruction_sets: host::instruction_sets(),
            fpo: host::VERSION.into(),
            commit: owned(host::COMMIT),
            debug_build: cfg!(debug_assertions),
            features: host::features(),
            rustc: owned(option_env!("FPO_RUSTC")),
            candle: owned(option_env!("FPO_CANDLE")),
            mujoco: host::mujoco_version(),
            others_running: None,
            peak_gflops: Vec::new(),
        }
    }

    /// Measures how busy the machine is, and its peaks with each number of `threads`.
    ///
    /// # Errors
    /// If the system does not allow so many threads.
    pub fn measure(&mut self, threads: &[usize]) -> Result<()> {
        self.others_running = others_running();
        self.peak_gflops = peak::measure(threads)?;
        Ok(())
    }

    /// Returns what tells machines and programs apart in a comparison, as names and values.
    pub fn identity(&self) -> Vec<(&'static str, String)> {
        let optional = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
        vec![
            ("cpu", self.cpu.clone()),
            ("threads", self.threads.to_string()),
            ("os", self.os.clone()),
            ("fpo", self.fpo.clone()),
            ("commit", optional(&self.commit)),
            ("debug build", self.debug_build.to_string()),
            ("features", self.features.join(" ")),
            ("rustc", optional(&self.rustc)),
            ("candle", optional(&self.candle)),
            ("mujoco", optional(&self.mujoco)),
        ]
    }
}

/// Returns how many threads want to run besides this one, as the mean of some readings.
pub fn others_running() -> Option<f64> {
    let read = || {
        std::thread::sleep(READING_INTERVAL);
        running_of_loadavg(&fs::read_to_string("/proc/loadavg").ok()?)
    };
    let counts: Option<Vec<usize>> = (0..READINGS).map(|_| read()).collect();
    Some(
        counts?.iter().map(|count| count.saturating_sub(1)).sum::<usize>() as f64 / READINGS as f64,
    )
}

/// Returns the number before the slash in `0.24 0.30 0.15 3/211 4242`.
fn running_of_loadavg(text: &str) -> Option<usize> {
    text.split_whitespace().nth(3)?.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_holds_what_every_machine_has() {
        let machine = Machine::describe();
        assert!(!machine.cpu.is_empty() && !machine.os.is_empty() && machine.threads > 0);
        assert!(machine.os.ends_with(std::env::consts::ARCH));
        assert_eq!(machine.mujoco.is_some(), cfg!(feature = "mujoco"));
        assert_eq!(machine.candle.as_deref(), Some("0.10.2"), "as Cargo.lock names it");
    }

    #[test]
    fn the_description_survives_json() {
        let mut machine = Machine::describe();
        machine.peak_gflops = vec![Peak { width: "wide".into(), threads: 2, gflops: 1.5 }];
        let text = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&text).unwrap(), machine);
    }

    #[test]
    fn the_number_of_running_threads_is_read() {
        assert_eq!(running_of_loadavg("0.24 0.30 0.15 3/211 4242\n"), Some(3));
        assert_eq!(running_of_loadavg(""), None);
        assert_eq!(others_running().is_some(), cfg!(target_os = "linux"));
    }
}
