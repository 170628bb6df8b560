//! From the configured device to one that is there.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use fpo_core::Compute;

use crate::config::DeviceChoice;

/// Opens the chosen device.
///
/// # Errors
/// Where this build or this machine lacks it, with what to do about it.
pub fn open(choice: DeviceChoice) -> Result<Device> {
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
        DeviceChoice::Auto if cfg!(feature = "cuda") => Ok(Device::cuda_if_available(0)?),
        DeviceChoice::Auto if cfg!(feature = "metal") => Ok(Device::metal_if_available(0)?),
        DeviceChoice::Auto => Ok(Device::Cpu),
    }
}

/// The device in words, with what computes there.
pub fn describe(device: &Device, compute: Compute) -> String {
    let threads = rayon::current_num_threads();
    match device {
        Device::Cpu => match compute {
            Compute::Fused(isa) => format!("cpu, {threads} threads, {} kernels", isa.name()),
            Compute::Composed => format!("cpu, {threads} threads, composed operations"),
        },
        Device::Cuda(_) => "cuda".into(),
        Device::Metal(_) => "metal".into(),
    }
}
