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

/// Scales each of `grads` so that its own norm is at most `max_norm`, as [`clip_global_norm`] does;
/// returns the norm of all together before.
///
/// # Errors
/// If a tensor operation fails.
pub(crate) fn clip_each(grads: &mut [Tensor], max_norm: f64) -> Result<Tensor> {
    let norm = global_norm(grads)?;
    for grad in grads {
        clip_global_norm(std::slice::from_mut(grad), max_norm)?;
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
        // Each alone: a gradient that is short enough stays what it was.
        let mut grads = [grad([3.0, 4.0]), grad([0.0, 0.5])];
        let norm = clip_each(&mut grads, 1.0).unwrap().to_scalar::<f64>().unwrap();
        assert!((norm - 25.25f64.sqrt()).abs() < 1e-12);
        let clipped = grads[0].to_vec1::<f64>().unwrap();
        assert!((clipped[0] - 0.6).abs() < 1e-6 && (clipped[1] - 0.8).abs() < 1e-6, "{clipped:?}");
        assert_eq!(grads[1].to_vec1::<f64>().unwrap(), [0.0, 0.5]);
        let mut small = [grad([0.3, 0.4])];
        clip_global_norm(&mut small, 1.0).unwrap();
        assert_eq!(small[0].to_vec1::<f64>().unwrap(), [0.3, 0.4]);
    }
}
