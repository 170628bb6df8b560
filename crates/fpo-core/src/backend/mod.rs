//! Which code computes: the fused kernels of the CPU, or composed Candle operations.

pub(crate) mod fused;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::simd::isa::Isa;

/// Who computes losses, gradients and samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute {
    /// Candle operations and its automatic differentiation, on any device: the reference.
    Composed,
    /// The kernels of this crate on one instruction set; f32 on the CPU only.
    Fused(Isa),
}

impl Compute {
    /// The fastest for tensors of this kind.
    pub fn best(device: &Device, dtype: DType) -> Compute {
        match (device, dtype) {
            (Device::Cpu, DType::F32) => Compute::Fused(Isa::best()),
            _ => Compute::Composed,
        }
    }

    /// Fails unless this can compute with tensors like `params`.
    pub(crate) fn require(self, params: &Tensor) -> Result<()> {
        let possible = Compute::best(params.device(), params.dtype()) != Compute::Composed;
        if self == Compute::Composed || possible {
            return Ok(());
        }
        Err(Error::Invalid("the fused kernels need f32 tensors on the CPU".into()))
    }
}
