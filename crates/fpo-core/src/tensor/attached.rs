//! A tensor whose derivative is written out, as an operation of Candle's graph.
//!
//! Candle differentiates every operation by itself: it zeroes a gradient, computes a term and adds
//! it, which is three or more buffers, and on a GPU as many kernels, for each argument. Where the
//! derivative of many operations together is known, this is the way to tell it to the graph. It
//! needs no kernel of its own, so that it works on every device.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, Layout, MetalStorage, Shape, Storage, Tensor,
};

use crate::error::Result;

/// Returns `factor · value` as a function of `of`. `pullback` returns the gradient with respect to
/// `of`, in its shape, given that with respect to the result. `value` and what `pullback` holds on
/// to should be detached, or their graphs live as long as the result.
///
/// # Errors
/// If `value` lies on another device than `of`.
pub(crate) fn attach(
    value: Tensor,
    factor: f64,
    of: &Tensor,
    pullback: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    Ok(of.apply_op1(Attached { value, factor, pullback })?)
}

struct Attached<F> {
    value: Tensor,
    factor: f64,
    pullback: F,
}

impl<F> Attached<F> {
    /// Returns the result in memory of its own, as Candle wants it.
    fn result<S: BackendStorage>(
        &self,
        pick: impl Fn(&Storage) -> Option<&S>,
    ) -> candle_core::Result<(S, Shape)> {
        let (storage, layout) = self.value.storage_and_layout();
        match pick(&storage) {
            Some(memory) => {
                Ok((memory.affine(layout, self.factor, 0.0)?, self.value.shape().clone()))
            }
            None => candle_core::bail!("a value and what it is a function of are on two devices"),
        }
    }
}

impl<F: Fn(&Tensor) -> Result<Tensor>> CustomOp1 for Attached<F> {
    fn name(&self) -> &'static str {
        "fpo-attached"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.result(|storage| match storage {
            Storage::Cpu(memory) => Some(memory),
            _ => None,
        })
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        self.result(|storage| match storage {
            Storage::Cuda(memory) => Some(memory),
            _ => None,
        })
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
    ) -> candle_core::Result<(MetalStorage, Shape)> {
        self.result(|storage| match storage {
            Storage::Metal(memory) => Some(memory),
            _ => None,
        })
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        (self.pullback)(upstream).map(Some).map_err(candle_core::Error::wrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn a_value_and_its_derivative_reach_the_graph_as_they_are_told() {
        let x = Var::new(&[1.0f64, 2.0], &Device::Cpu).unwrap();
        let value = Tensor::new(&[[5.0f64], [7.0]], &Device::Cpu).unwrap();
        let slope = Tensor::new(&[3.0f64, -4.0], &Device::Cpu).unwrap();
        let told = attach(value, 0.5, &x, move |up| Ok((up.squeeze(1)? * &slope)?)).unwrap();
        assert_eq!(told.to_vec2::<f64>().unwrap(), [[2.5], [3.5]]);
        let loss = (told.squeeze(1).unwrap() + x.as_tensor()).unwrap().sqr().unwrap();
        let grads = loss.sum_all().unwrap().backward().unwrap();
        // 2·(told + x)·(slope + 1).
        assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>().unwrap(), [28.0, -33.0]);
    }

    #[test]
    fn without_a_variable_there_is_no_graph() {
        let x = Tensor::new(&[1.0f64, 2.0], &Device::Cpu).unwrap();
        let same = attach(x.clone(), 1.0, &x, |up| Ok(up.clone())).unwrap();
        assert!(!same.track_op());
    }
}
