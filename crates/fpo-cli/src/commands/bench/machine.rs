//! What a measurement was made on: the machine, the program and what it is built from.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::commands::bench::peak;
use crate::commands::bench::peak::Peak;

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
            cpu: cpu(),
            cores: physical_cores(),
            threads: threads(),
            memory_bytes: memory("MemTotal"),
            os: os(),
            instruction_sets: instruction_sets(),
            fpo: env!("CARGO_PKG_VERSION").into(),
            commit: owned(option_env!("FPO_COMMIT")),
            debug_build: cfg!(debug_assertions),
            features: features(),
            rustc: owned(option_env!("FPO_RUSTC")),
            candle: owned(option_env!("FPO_CANDLE")),
            mujoco: mujoco_version(),
            others_running: None,
            peak_gflops: Vec::new(),
        }
    }

    /// Measures how busy the machine is, and its peaks on one thread and on all.
    pub fn measure(&mut self) {
        self.others_running = others_running();
        let counts = if self.threads > 1 { vec![1, self.threads] } else { vec![1] };
        self.peak_gflops = peak::measure(&counts);
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

/// Returns how many threads this process may run at once, limits of its container included.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the cargo features of this build.
pub fn features() -> Vec<String> {
    [
        ("mujoco", cfg!(feature = "mujoco")),
        ("cuda", cfg!(feature = "cuda")),
        ("cudnn", cfg!(feature = "cudnn")),
        ("metal", cfg!(feature = "metal")),
        ("accelerate", cfg!(feature = "accelerate")),
        ("mkl", cfg!(feature = "mkl")),
    ]
    .into_iter()
    .filter(|(_, on)| *on)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// Returns the vector instruction sets that the CPU has, of those that numeric code uses.
pub fn instruction_sets() -> Vec<String> {
    let mut sets: Vec<&str> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512dq", is_x86_feature_detected!("avx512dq")),
            ("avx512bw", is_x86_feature_detected!("avx512bw")),
            ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ];
        sets.extend(known.into_iter().filter(|(_, on)| *on).map(|(name, _)| name));
    }
    if cfg!(target_arch = "aarch64") {
        sets.push("neon");
    }
    sets.into_iter().map(str::to_owned).collect()
}

/// Returns a line of `/proc/meminfo`, such as `MemTotal` or `MemAvailable`, in bytes.
pub fn memory(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
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

/// Returns the version of the MuJoCo library that this process has loaded.
pub fn mujoco_version() -> Option<String> {
    #[cfg(feature = "mujoco")]
    return Some(mujoco_rs::mujoco_version().to_owned());
    #[cfg(not(feature = "mujoco"))]
    None
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = field(&text, "model name");
    name.unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH))
}

/// Returns how many different pairs of socket and core the processors have.
fn physical_cores() -> Option<usize> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let socket_and_core =
        |processor: &str| Some((field(processor, "physical id")?, field(processor, "core id")?));
    let mut cores: Vec<_> = text.split("\n\n").filter_map(socket_and_core).collect();
    cores.sort();
    cores.dedup();
    (!cores.is_empty()).then_some(cores.len())
}

fn field(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

fn os() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let parts = [name, kernel.trim(), std::env::consts::ARCH];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
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

    #[test]
    fn fields_of_processor_lists_are_found() {
        let text = "processor\t: 0\nmodel name\t: Fast: 3 GHz\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Fast: 3 GHz"));
        assert_eq!(field(text, "model"), None);
    }
}
