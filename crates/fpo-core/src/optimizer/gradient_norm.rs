//! The global norm of gradients, and its bound.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::optimizer::adam_in_place::sum_of_squares;

/// Returns whether the kernels of host memory can take a tensor.
pub(crate) fn in_host_memory(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// Returns the global norm `√Σ‖g‖²` as a scalar tensor.
///
/// # Errors
/// If a tensor operation fails.
pub fn global_norm(grads: &[Tensor]) -> Result<Tensor> {
    if grads.iter().all(in_host_memory) {
        return Ok(Tensor::new(sum_of_squares(grads)?.sqrt() as f32, &Device::Cpu)?);
    }
    let mut total: Option<Tensor> = None;
    for grad in grads {
        let square = grad.sqr()?.sum_all()?;
        total = Some(match total {
            Some(total) => (total + square)?,
            None => square,
        });
    }
    match total {
        Some(total) => Ok(total.sqrt()?),
        None => Ok(Tensor::new(0f32, &Device::Cpu)?),
    }
}

/// Scales `grads` so that their global norm is at most `max_norm`; returns the norm before.
///
/// The factor is `min(1, max_norm / (norm + 1e-6))`, computed on the device.
///
/// # Errors
/// If a tensor operation fails.
pub fn clip_global_norm(grads: &mut [Tensor], max_norm: f64) -> Result<Tensor> {
    let norm = global_norm(grads)?;
    let factor = ((&norm + 1e-6)?.recip()? * max_norm)?;
    let factor = factor.minimum(1.0)?;
    for grad in grads {
        *grad = grad.broadcast_mul(&factor)?;
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_global_norm_is_clipped_over_all_gradients_together() {
        let grad = |x: [f64; 2]| Tensor::new(&x, &Device::Cpu).unwrap();
        let mut grads = [grad([3.0, 0.0]), grad([0.0, 4.0])];
        let norm = clip_global_norm(&mut grads, 1.0).unwrap().to_scalar::<f64>().unwrap();
        assert!((norm - 5.0).abs() < 1e-12);
        let clipped = global_norm(&grads).unwrap().to_scalar::<f64>().unwrap();
        assert!((clipped - 1.0).abs() < 1e-6);
        let mut small = [grad([0.3, 0.4])];
        clip_global_norm(&mut small, 1.0).unwrap();
        assert_eq!(small[0].to_vec1::<f64>().unwrap(), [0.3, 0.4]);
    }
}
