//! The way of numbers between host memory and a device, with a count of the copies.
//!
//! On a GPU a copy waits for a bus and, towards the host, for all that was queued before it, so
//! that there should be few. What is collected, gathered or looked at while a run goes on passes
//! through here; `tests/transfers.rs` counts it. On the CPU nothing leaves the host, but the same
//! calls are made and counted. Candle 0.10 copies from and to pageable memory: it has no way to
//! ask for pinned memory.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Shape, Tensor, WithDType};

use crate::error::Result;

static TO_DEVICE: AtomicU64 = AtomicU64::new(0);
static TO_HOST: AtomicU64 = AtomicU64::new(0);

/// How many tensors were copied between host and device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfers {
    /// Copies from the host to the device.
    pub to_device: u64,
    /// Copies from the device to the host.
    pub to_host: u64,
}

impl Transfers {
    /// Returns the copies of this process so far, those of all threads together.
    pub fn so_far() -> Transfers {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Transfers { to_device: read(&TO_DEVICE), to_host: read(&TO_HOST) }
    }

    /// Returns the copies since `earlier`.
    pub fn since(self, earlier: Transfers) -> Transfers {
        Transfers {
            to_device: self.to_device - earlier.to_device,
            to_host: self.to_host - earlier.to_host,
        }
    }
}

/// Returns `values` as a tensor on `device`. On the CPU it takes over their memory.
///
/// # Errors
/// If their number does not fit the shape, or the device has no memory left.
pub(crate) fn to_device<T: WithDType>(
    values: Vec<T>,
    shape: impl Into<Shape>,
    device: &Device,
) -> Result<Tensor> {
    TO_DEVICE.fetch_add(1, Ordering::Relaxed);
    Ok(Tensor::from_vec(values, shape.into(), device)?)
}

/// Does what [`to_device`] does, but leaves the numbers where they are.
///
/// # Errors
/// As [`to_device`].
pub(crate) fn copy_to_device<T: WithDType>(
    values: &[T],
    shape: impl Into<Shape>,
    device: &Device,
) -> Result<Tensor> {
    TO_DEVICE.fetch_add(1, Ordering::Relaxed);
    Ok(Tensor::from_slice(values, shape.into(), device)?)
}

/// Returns `values` as a tensor of `dtype` on `device`. They are rounded on the host, because not
/// every device knows f64.
///
/// # Errors
/// As [`to_device`].
pub(crate) fn rounded_to_device(
    values: Vec<f64>,
    shape: impl Into<Shape>,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    TO_DEVICE.fetch_add(1, Ordering::Relaxed);
    let values = Tensor::from_vec(values, shape.into(), &Device::Cpu)?;
    Ok(values.to_dtype(dtype)?.to_device(device)?)
}

/// Returns the numbers of an f32 tensor, row-major.
///
/// # Errors
/// If it has another type.
pub(crate) fn to_host(tensor: &Tensor) -> Result<Vec<f32>> {
    TO_HOST.fetch_add(1, Ordering::Relaxed);
    Ok(tensor.flatten_all()?.to_vec1()?)
}
