//! What the machine and this build of the program are, as far as the system says.

use std::fs;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit of the program's sources, with `+` where they were changed since.
pub const COMMIT: Option<&str> = option_env!("FPO_COMMIT");

/// Returns how many threads this process may run at once, limits of its container included.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the cargo features of this build.
pub fn features() -> Vec<String> {
    [
        ("mujoco", cfg!(feature = "mujoco")),
        ("render", cfg!(feature = "render")),
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
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, key)
}

/// Returns the most memory that this process has had at once, in bytes, where the system says.
pub fn peak_memory() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

/// Returns the number of bytes on the line of `key` in `text`, such as `MemTotal:  2048 kB`.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the version of the MuJoCo library that this process has loaded.
pub fn mujoco_version() -> Option<String> {
    #[cfg(feature = "mujoco")]
    return Some(mujoco_rs::mujoco_version().to_owned());
    #[cfg(not(feature = "mujoco"))]
    None
}

/// Returns the name of the processor.
pub fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = field(&text, "model name");
    name.unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH))
}

/// Returns how many different pairs of socket and core the processors have.
pub fn physical_cores() -> Option<usize> {
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

/// Returns the operating system, its kernel and the architecture.
pub fn os() -> String {
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
    fn fields_of_processor_lists_are_found() {
        let text = "processor\t: 0\nmodel name\t: Fast: 3 GHz\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Fast: 3 GHz"));
        assert_eq!(field(text, "model"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(kibibytes("VmPeak:\t 9 kB\nVmHWM:\t   2048 kB\n", "VmHWM"), Some(2 << 20));
        assert_eq!(kibibytes("VmHWM: 5 MB", "VmHWM"), None);
        assert_eq!(peak_memory().is_some(), cfg!(target_os = "linux"));
    }
}
