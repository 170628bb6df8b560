//! A loss whose gradient is known already, as an operation of Candle's graph.
//!
//! Applied to a network's flat parameters, it looks to `backward` and to the optimiser like a loss
//! that was composed of Candle operations.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};

/// A function of one tensor, known at that tensor by its value and its gradient.
pub(crate) struct Differentiated {
    /// Its value.
    pub(crate) value: f32,
    /// Its gradient, shaped as the tensor.
    pub(crate) gradient: Tensor,
}

impl CustomOp1 for Differentiated {
    fn name(&self) -> &'static str {
        "fpo-fused-loss"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![self.value]), Shape::from(())))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        Ok(Some(match upstream.to_scalar::<f32>()? {
            1.0 => self.gradient.clone(),
            factor => (&self.gradient * f64::from(factor))?,
        }))
    }
}
