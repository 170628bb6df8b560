//! Tensors in host memory as slices.

use candle_core::{CpuStorage, Storage, Tensor};

use crate::error::{Error, Result};

/// Calls `f` with the memory of `tensors`, which must be contiguous f32 tensors on the CPU.
///
/// # Errors
/// [`Error::Invalid`] if one of them is not.
pub(crate) fn with_slices<const N: usize, R>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> R,
) -> Result<R> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let memory = match &**storage {
            Storage::Cpu(CpuStorage::F32(memory)) => Some(memory),
            _ => None,
        };
        *slice = memory
            .zip(layout.contiguous_offsets())
            .and_then(|(memory, (from, to))| memory.get(from..to))
            .ok_or_else(|| Error::Invalid("a tensor is not contiguous f32 on the CPU".into()))?;
    }
    Ok(f(slices))
}
