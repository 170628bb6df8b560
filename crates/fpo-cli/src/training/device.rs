//! Opens the configured device and sets its precision, or says why this build or this machine
//! cannot.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use fpo_core::Compute;

use crate::config::choices::{DeviceChoice, PrecisionChoice};
use crate::terminal::reporter::Reporter;

/// Opens the chosen device. Where the choice is left open and this build finds no accelerator, it
/// tells `reporter` and opens the CPU.
///
/// # Errors
/// If this build or this machine lacks the device. The message says what to do about it.
pub fn open(choice: DeviceChoice, reporter: &mut dyn Reporter) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(index) if cfg!(feature = "cuda") => Device::new_cuda(index)
            .with_context(|| format!("cannot open CUDA device {index}; `nvidia-smi` lists them")),
        DeviceChoice::Cuda(_) => bail!(
            "device `cuda`: this build is for the CPU; rebuild with \
             `cargo build --release --features cuda`"
        ),
        DeviceChoice::Metal if cfg!(feature = "metal") => {
            Device::new_metal(0).context("cannot open the Metal device")
        }
        DeviceChoice::Metal => bail!(
            "device `metal`: this build is for the CPU; rebuild on a Mac with \
             `cargo build --release --features metal`"
        ),
        DeviceChoice::Auto if cfg!(feature = "cuda") => Ok(or_cpu(Device::new_cuda(0), reporter)),
        DeviceChoice::Auto if cfg!(feature = "metal") => Ok(or_cpu(Device::new_metal(0), reporter)),
        DeviceChoice::Auto => Ok(Device::Cpu),
    }
}

/// Returns the accelerator that was opened. If it could not be, tells `reporter` why and returns
/// the CPU.
fn or_cpu(opened: candle_core::Result<Device>, reporter: &mut dyn Reporter) -> Device {
    opened.unwrap_or_else(|error| {
        let error = error.to_string();
        let why = error.lines().next().unwrap_or_default();
        reporter.note(&format!("no accelerator, computing on the CPU: {why}"));
        Device::Cpu
    })
}

/// Makes matrix products on `device` as exact as `precision` says. With CUDA the setting holds for
/// all devices of the process and for everything that they compute from then on.
///
/// # Errors
/// As [`check_precision`].
pub fn set_precision(device: &Device, precision: PrecisionChoice) -> Result<()> {
    check_precision(device, precision)?;
    // Without CUDA there is nothing to set.
    candle_core::cuda::set_gemm_reduced_precision_f32(precision == PrecisionChoice::Tf32);
    Ok(())
}

/// Fails where `device` lacks `precision`.
///
/// # Errors
/// Names the setting and the device, and says which settings would work.
pub fn check_precision(device: &Device, precision: PrecisionChoice) -> Result<()> {
    match (precision, device) {
        (PrecisionChoice::F32, _) => Ok(()),
        (PrecisionChoice::Tf32, Device::Cuda(_)) => has_tf32(device),
        (PrecisionChoice::Tf32, Device::Cpu) => bail!(no_tf32("the CPU has none")),
        (PrecisionChoice::Tf32, Device::Metal(_)) => bail!(no_tf32("Metal has none")),
    }
}

/// Returns how exact matrix products on `device` are now.
pub fn precision(device: &Device) -> PrecisionChoice {
    match device {
        Device::Cuda(_) if candle_core::cuda::gemm_reduced_precision_f32() => PrecisionChoice::Tf32,
        _ => PrecisionChoice::F32,
    }
}

/// Returns the error for a device that lacks TF32, where `why` tells what it lacks.
fn no_tf32(why: &str) -> String {
    format!(
        "`train.precision` is `tf32`, and {why}: set it to `f32`, or use a CUDA device of compute \
         capability 8.0 or more"
    )
}

/// Fails where the card is older than TF32, because it would compute in f32 without saying so.
#[cfg(feature = "cuda")]
fn has_tf32(device: &Device) -> Result<()> {
    let stream = device.as_cuda_device()?.cuda_stream();
    let (major, minor) = stream.context().compute_capability()?;
    if major < 8 {
        bail!(no_tf32(&format!("this card, of compute capability {major}.{minor}, has none")));
    }
    Ok(())
}

/// Fails always, because a build without CUDA opens no device that has TF32.
#[cfg(not(feature = "cuda"))]
fn has_tf32(_: &Device) -> Result<()> {
    bail!(no_tf32("this build has no CUDA"))
}

/// Returns the device in words, with what computes there and how exactly it multiplies matrices.
pub fn describe(device: &Device, compute: Compute) -> String {
    let threads = rayon::current_num_threads();
    let where_and_how = match device {
        Device::Cpu => match compute {
            Compute::Fused(isa) => format!("cpu, {threads} threads, {} kernels", isa.name()),
            Compute::Composed => format!("cpu, {threads} threads, composed operations"),
        },
        Device::Cuda(_) => "cuda".into(),
        Device::Metal(_) => "metal".into(),
    };
    format!("{where_and_how}, {}", precision(device).name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::reporter::Notes;

    #[test]
    fn a_machine_without_the_builds_accelerator_computes_on_the_cpu() {
        assert!(or_cpu(Err(candle_core::Error::Msg("no device".into())), &mut Notes).is_cpu());
        assert!(open(DeviceChoice::Cpu, &mut Notes).unwrap().is_cpu());
    }

    #[test]
    fn the_cpu_computes_in_f32_and_says_that_it_has_no_other() {
        assert_eq!(precision(&Device::Cpu), PrecisionChoice::F32);
        set_precision(&Device::Cpu, PrecisionChoice::F32).unwrap();
        let error = set_precision(&Device::Cpu, PrecisionChoice::Tf32).unwrap_err().to_string();
        assert!(error.contains("`train.precision` is `tf32`, and the CPU has none"), "{error}");
        assert!(error.contains("`f32`") && error.contains("CUDA"), "{error}");
        assert!(describe(&Device::Cpu, Compute::Composed).ends_with("composed operations, f32"));
    }
}
