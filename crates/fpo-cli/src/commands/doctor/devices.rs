//! Where tensors can live: whether this build supports a device and this machine has it.

use std::path::Path;

use candle_core::Device;

use crate::commands::bench::machine::Machine;
use crate::commands::doctor::check::{Check, State};
use crate::config::choices::{DeviceChoice, PrecisionChoice};
use crate::terminal::reporter::Notes;
use crate::training::device;

pub(crate) fn cpu(machine: &Machine) -> Check {
    let sets = machine.instruction_sets.join(" ");
    Check::ok("cpu", format!("{} ({sets}), {}", machine.cpu, precision(&Device::Cpu)))
}

pub(crate) fn cuda() -> Check {
    // The driver's own traces; under WSL there is only the second.
    let card = ["/proc/driver/nvidia/version", "/dev/dxg"].iter().any(|p| Path::new(p).exists());
    accelerator(
        "cuda",
        cfg!(feature = "cuda"),
        card,
        DeviceChoice::Cuda(0),
        "install the NVIDIA driver; `nvidia-smi` must list the card",
    )
}

pub(crate) fn metal() -> Check {
    accelerator(
        "metal",
        cfg!(feature = "metal"),
        cfg!(target_os = "macos"),
        DeviceChoice::Metal,
        "Metal is on Macs only; rebuild without `--features metal`",
    )
}

/// Returns how exact matrix products are, and what else `train.precision` can be.
fn precision(device: &Device) -> String {
    let other = match device::check_precision(device, PrecisionChoice::Tf32) {
        Ok(()) => " (or tf32: train.precision)",
        Err(_) => "",
    };
    format!("{}{other}", device::precision(device).name())
}

fn accelerator(
    name: &'static str,
    compiled: bool,
    present: bool,
    choice: DeviceChoice,
    remedy: &str,
) -> Check {
    let found = if present { "on this machine" } else { "not on this machine" };
    match (compiled, present) {
        (true, _) => match device::open(choice, &mut Notes) {
            Ok(device) => {
                Check::ok(name, format!("in this build, and usable, {}", precision(&device)))
            }
            Err(error) => {
                let found = format!("in this build, {found}: {error:#}");
                Check::new(name, State::Warning, found)
                    .advise(format!("{remedy}; until then --device cpu"))
            }
        },
        (false, true) => Check::new(name, State::Absent, format!("{found}, not in this build"))
            .advise(format!("cargo build --release --features {name}")),
        (false, false) => {
            let check = Check::new(name, State::Absent, format!("{found}, not in this build"));
            match name {
                "cuda" => check
                    .advise("with a card and its driver: cargo build --release --features cuda"),
                _ => check,
            }
        }
    }
}
