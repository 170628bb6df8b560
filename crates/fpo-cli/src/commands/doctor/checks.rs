//! The checks of everything but devices.

use std::fs;
use std::process::Command;

use candle_core::{DType, Device};
use fpo_core::Compute;

use crate::commands::bench::machine::Machine;
use crate::commands::doctor::check::{Check, State};
use crate::host;
use crate::startup::pool::Pool;
use crate::startup::variables;
use crate::terminal::failure::describe;

/// Less free memory than this cannot hold a rollout of the paper's size and its update.
const LITTLE_MEMORY: u64 = 4 << 30;
/// Less free disk space than this is soon full of checkpoints.
const LITTLE_DISK: u64 = 1 << 30;

pub(crate) fn program(machine: &Machine) -> Check {
    let known = |what: &str, value: &Option<String>| {
        value.as_ref().map_or(String::new(), |value| format!(" · {what}{value}"))
    };
    let found = format!(
        "fpo {}{}{}{}",
        machine.fpo,
        known("commit ", &machine.commit),
        known("", &machine.rustc),
        known("candle ", &machine.candle),
    );
    match machine.debug_build {
        false => Check::ok("program", found),
        true => Check::new("program", State::Warning, format!("{found} · debug build"))
            .advise("for speed: cargo build --release"),
    }
}

pub(crate) fn features(machine: &Machine) -> Check {
    let features = machine.features.as_slice();
    let mut found = if features.is_empty() { "none".into() } else { features.join(" ") };
    let of_candle = features.iter().filter(|name| ["accelerate", "mkl"].contains(&name.as_str()));
    for name in of_candle {
        found += &format!(
            " · {name} speeds up composed Candle operations only (train.kernels = \"composed\"), \
             not the fused kernels"
        );
    }
    Check::ok("features", found)
}

pub(crate) fn threads(machine: &Machine) -> Check {
    let variable = match variables::threads() {
        Ok(variable) => variable,
        Err(error) => return wrong_variable("threads", error.0),
    };
    let limited = |state, found| {
        Check::new("threads", state, found).advise("raise the limit of processes or of memory")
    };
    let pool = match Pool::start() {
        Ok(pool) => pool,
        Err(error) => return limited(State::Broken, describe(&error)),
    };
    if let Some(shortage) = pool.shortage() {
        return limited(State::Warning, shortage);
    }
    let (used, available) = (pool.threads(), machine.threads);
    let set = match variable {
        Some((name, value)) => format!("{name}={value}"),
        None => format!("{} not set", variables::THREADS[0]),
    };
    let cores = machine.cores.map_or(String::new(), |cores| format!(", {cores} cores"));
    let found = format!("{used} in use of {available}{cores} ({set})");
    let advice = match used {
        used if used > available => {
            "more threads than the machine has slow each other down: \
                                     unset RAYON_NUM_THREADS or lower it"
        }
        used if used < available => "unset RAYON_NUM_THREADS to use all",
        _ => return Check::ok("threads", found),
    };
    let state = if used > available { State::Warning } else { State::Ok };
    Check::new("threads", state, found).advise(advice)
}

/// Returns the check of a part that a variable of the environment keeps every command from using.
fn wrong_variable(name: &'static str, error: String) -> Check {
    Check::new(name, State::Broken, error).advise("unset it, or give it a value that is allowed")
}

/// Says which code does the numeric work on this CPU.
pub(crate) fn kernels() -> Check {
    if let Err(error) = variables::instruction_set() {
        return wrong_variable("kernels", error.0);
    }
    let path = match Compute::best(&Device::Cpu, DType::F32) {
        Compute::Fused(isa) => format!("fused, {}", isa.name()),
        Compute::Composed => "composed Candle operations".into(),
    };
    Check::ok("kernels", path)
}

#[cfg(feature = "mujoco")]
pub(crate) fn mujoco() -> Check {
    let version = host::mujoco_version().unwrap_or_default();
    // Three digits for each part after the first: 3.17.0 is 3017000.
    let header = mujoco_rs::mujoco_c::mjVERSION_HEADER;
    let needed = format!("{}.{}.{}", header / 1_000_000, header / 1000 % 1000, header % 1000);
    let from = library("libmujoco").map_or(String::new(), |path| format!(" from {path}"));
    let found = format!("{version}{from}");
    match version == needed {
        true => Check::ok("mujoco", found),
        false => Check::new("mujoco", State::Broken, format!("{found}; this build needs {needed}"))
            .advise(
                "scripts/setup.sh && cargo build --release, and no other MuJoCo in LD_LIBRARY_PATH",
            ),
    }
}

#[cfg(not(feature = "mujoco"))]
pub(crate) fn mujoco() -> Check {
    Check::new(
        "mujoco",
        State::Absent,
        "not in this build: only the tasks GridWorld/… and Classic/…",
    )
    .advise("scripts/setup.sh && cargo build --release")
}

/// Says whether `fpo render` can draw MuJoCo tasks here.
#[cfg(feature = "render")]
pub(crate) fn rendering() -> Check {
    use fpo_envs::rendering::{Gl, RenderError};
    match Gl::open() {
        Ok(gl) => Check::ok("rendering", format!("OpenGL without a window, by {}", gl.name())),
        Err(RenderError::NoGl { tried }) => {
            Check::new("rendering", State::Absent, tried.join("; "))
                .advise("to draw MuJoCo tasks: apt install libegl1 libgl1-mesa-dri, or libosmesa6")
        }
        Err(error) => Check::new("rendering", State::Absent, error.to_string())
            .advise("unset MUJOCO_GL, or set it to egl or osmesa"),
    }
}

#[cfg(not(feature = "render"))]
pub(crate) fn rendering() -> Check {
    Check::new("rendering", State::Absent, "not in this build: `fpo render` draws no MuJoCo tasks")
        .advise("scripts/setup.sh && cargo build --release")
}

pub(crate) fn memory() -> Option<Check> {
    let (total, free) = (host::memory("MemTotal")?, host::memory("MemAvailable")?);
    let found = format!("{} free of {}", gib(free), gib(total));
    Some(match free < LITTLE_MEMORY {
        false => Check::ok("memory", found),
        true => Check::new("memory", State::Warning, found)
            .advise("enough for configs/desk; configs/paper may need more: see env.num_envs"),
    })
}

/// Says how much space `df` finds for `runs/`; says nothing where there is no `df`.
pub(crate) fn disk() -> Option<Check> {
    let folder = if fs::exists("runs").unwrap_or(false) { "runs" } else { "." };
    let output = Command::new("df").args(["-Pk", folder]).output().ok()?;
    let free = free_of_df(&String::from_utf8(output.stdout).ok()?)?;
    let found = format!("{} free for runs/", gib(free));
    Some(match free < LITTLE_DISK {
        false => Check::ok("disk", found),
        true => Check::new("disk", State::Warning, found)
            .advise("make room, or put runs elsewhere with --out"),
    })
}

/// Returns the bytes available, from the second line of `df -Pk`.
fn free_of_df(text: &str) -> Option<u64> {
    let kibibytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the file from which this process has loaded the library whose name begins with `name`.
#[cfg(feature = "mujoco")]
fn library(name: &str) -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let mut paths = maps.lines().filter_map(|line| line.split_once('/').map(|(_, path)| path));
    paths
        .find(|path| path.rsplit('/').next().is_some_and(|file| file.starts_with(name)))
        .map(|path| format!("/{path}"))
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_candle_are_listed_with_what_they_speed_up() {
        let machine = |features: &[&str]| Machine {
            features: features.iter().map(|&name| name.to_owned()).collect(),
            ..Machine::default()
        };
        let check = features(&machine(&["mujoco", "mkl"]));
        assert_eq!(
            check.found,
            "mujoco mkl · mkl speeds up composed Candle operations only \
             (train.kernels = \"composed\"), not the fused kernels"
        );
        assert_eq!(features(&machine(&["mujoco", "cuda"])).found, "mujoco cuda");
        assert_eq!(features(&machine(&[])).found, "none");
    }

    #[test]
    fn the_free_space_is_read_from_df() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                    /dev/vda1 100 40 60 40% /\n";
        assert_eq!(free_of_df(text), Some(60 * 1024));
        assert_eq!(free_of_df("df: no such file"), None);
    }
}
