//! What the command line asks for, or else the defaults: devices, counts, repeats.

use std::time::Duration;

use anyhow::Result;
use candle_core::Device;

use crate::commands::bench::args::BenchArgs;
use crate::commands::bench::stats::Repeats;
use crate::config::choices::DeviceChoice;
use crate::terminal::reporter::Notes;
use crate::training::device;

/// Returns the devices with their names, each once, however often and by whatever name it was asked
/// for.
///
/// # Errors
/// If this build or this machine lacks a device.
pub fn devices(args: &BenchArgs) -> Result<Vec<(String, Device)>> {
    let default = [DeviceChoice::Cpu, DeviceChoice::Auto];
    let asked = if args.devices.is_empty() { &default[..] } else { &args.devices };
    let mut devices: Vec<(String, Device)> = Vec::new();
    for &choice in asked {
        let device = device::open(choice, &mut Notes)?;
        let name = match (&device, choice) {
            (Device::Cpu, _) => "cpu".into(),
            (Device::Cuda(_), DeviceChoice::Cuda(number)) => format!("cuda:{number}"),
            (Device::Cuda(_), _) => "cuda:0".into(),
            (Device::Metal(_), _) => "metal".into(),
        };
        if devices.iter().all(|(known, _)| *known != name) {
            devices.push((name, device));
        }
    }
    Ok(devices)
}

/// Returns the numbers of threads.
pub fn threads(args: &BenchArgs, default: &[usize]) -> Vec<usize> {
    counts(&args.threads, default)
}

/// Returns the counts that were asked for, or else the default.
pub fn counts(asked: &[u32], default: &[usize]) -> Vec<usize> {
    if asked.is_empty() { default.to_vec() } else { asked.iter().map(|&n| n as usize).collect() }
}

/// Returns the number of runs: as many as were asked for, else 3 with `--quick`, else a number
/// within these bounds.
pub fn repeats(args: &BenchArgs, least: usize, most: usize, enough_s: f64) -> Repeats {
    match (args.repeats, args.quick) {
        (Some(count), _) => Repeats::exactly(count as usize),
        (None, true) => Repeats::exactly(3),
        (None, false) => Repeats { least, most, enough: Duration::from_secs_f64(enough_s) },
    }
}
