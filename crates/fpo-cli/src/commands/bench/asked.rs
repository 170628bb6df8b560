//! What the command line asks for, or else the defaults: devices, counts, repeats. A flag that
//! nothing takes of what is measured is refused.

use std::time::Duration;

use anyhow::Result;
use candle_core::Device;
use clap::ValueEnum;

use crate::commands::bench::args::{BenchArgs, Part};
use crate::commands::bench::stats::Repeats;
use crate::config::choices::DeviceChoice;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::Notes;
use crate::training::device;

/// Fails if a flag was given that no part takes which is measured. What `fpo bench ranks` takes is
/// for that part to say.
///
/// # Errors
/// Names the flag and the parts that take it.
pub fn require_used(args: &BenchArgs) -> Result<(), UsageError> {
    use Part::{Envs, Launch, Learner, Sampler, Train};
    let flags: [(&str, bool, &[Part]); 9] = [
        ("--devices", !args.devices.is_empty(), &[Launch, Learner, Sampler, Train]),
        ("--sizes", !args.sizes.is_empty(), &[Learner, Sampler]),
        ("--transitions", !args.transitions.is_empty(), &[Learner]),
        ("--tasks", !args.tasks.is_empty(), &[Envs]),
        ("--envs", !args.envs.is_empty(), &[Sampler, Envs]),
        ("--threads", !args.threads.is_empty(), &[Learner, Sampler, Envs, Train]),
        ("--config", args.config.is_some(), &[Train]),
        ("--warmup", args.warmup.is_some(), &[Envs]),
        ("--auto-reset", args.auto_reset.is_some(), &[Envs]),
    ];
    for (flag, is_given, parts) in flags {
        if is_given && !parts.iter().any(|&part| args.wants(part)) {
            return Err(UsageError(format!(
                "{flag} does not apply to {}; it applies to {}",
                names(&args.parts),
                names(parts)
            )));
        }
    }
    Ok(())
}

/// Returns the names of `parts` as the command line has them.
fn names(parts: &[Part]) -> String {
    let values = parts.iter().filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

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

/// Returns how many threads commands compute on: as many as the environment says, or else all.
pub fn threads_in_use() -> usize {
    rayon::current_num_threads()
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn require(line: &str) -> Result<(), UsageError> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        require_used(&Line::try_parse_from(words).unwrap().args)
    }

    #[test]
    fn a_flag_is_refused_where_nothing_takes_it_and_its_takers_are_named() {
        for (line, error) in [
            ("launch --sizes nope", "--sizes does not apply to launch; it applies to learner, "),
            ("launch --tasks FishSwim", "--tasks does not apply to launch; it applies to envs"),
            ("envs --transitions 7", "--transitions does not apply to envs; it applies to learner"),
            ("envs --device cpu", "--devices does not apply to envs; it applies to launch, "),
            ("launch --threads 1", "--threads does not apply to launch; it applies to learner, "),
            ("learner train --envs 4", "--envs does not apply to learner, train; it applies to "),
            ("learner --config x.toml", "--config does not apply to learner; it applies to train"),
            ("train --warmup 0", "--warmup does not apply to train; it applies to envs"),
            ("train --auto-reset first", "--auto-reset does not apply to train; it applies to "),
        ] {
            let text = require(line).unwrap_err().to_string();
            assert!(text.starts_with(error), "{line}: {text}");
        }
    }

    #[test]
    fn a_flag_that_one_of_the_parts_takes_is_no_mistake() {
        for line in [
            "",
            "--sizes desk --transitions 480 --tasks FishSwim --envs 4 --threads 1",
            "launch learner --sizes desk --threads 1",
            "sampler envs --envs 4",
            "all --warmup 3 --auto-reset fresh --config x.toml --devices cpu",
        ] {
            assert!(require(line).is_ok(), "{line}");
        }
    }
}
