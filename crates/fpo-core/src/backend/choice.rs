//! The choice between the backends, made once for a policy and its value network.

use candle_core::{DType, Device, Tensor};

use crate::backend::Backend;
use crate::backend::composed::Composed;
use crate::backend::fused::Fused;
use crate::error::{Error, Result};
use crate::nn::value_net::ValueNet;
use crate::policy::Policy;
use crate::simd::isa::Isa;

/// The code that computes policies, losses and gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute {
    /// Candle's operations and automatic differentiation, on any device: the reference.
    Composed,
    /// The kernels of this crate on one instruction set, for f32 tensors on the CPU only.
    Fused(Isa),
}

impl Compute {
    /// Returns the fastest code for tensors of this kind.
    pub fn best(device: &Device, dtype: DType) -> Compute {
        match (device, dtype) {
            (Device::Cpu, DType::F32) => Compute::Fused(Isa::best()),
            _ => Compute::Composed,
        }
    }

    /// Returns the fastest code for tensors like `params`.
    pub(crate) fn best_for(params: &Tensor) -> Compute {
        Compute::best(params.device(), params.dtype())
    }

    /// Returns the backend for acting with `policy` alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] describes the policy's tensors if the kernels cannot take them.
    pub fn for_policy(self, policy: &dyn Policy) -> Result<Box<dyn Backend>> {
        self.require(&[("policy", policy.params().var())])?;
        Ok(self.backend())
    }

    /// Returns the backend for learning with `policy` and `value`.
    ///
    /// # Errors
    /// [`Error::Invalid`] describes both networks' tensors if the kernels cannot take them.
    pub fn for_networks(self, policy: &dyn Policy, value: &ValueNet) -> Result<Box<dyn Backend>> {
        self.require(&[
            ("policy", policy.params().var()),
            ("value network", value.params().var()),
        ])?;
        Ok(self.backend())
    }

    fn backend(self) -> Box<dyn Backend> {
        match self {
            Compute::Composed => Box::new(Composed),
            Compute::Fused(isa) => Box::new(Fused::new(isa)),
        }
    }

    fn require(self, networks: &[(&str, &Tensor)]) -> Result<()> {
        let fits = |tensor: &Tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32;
        if self == Compute::Composed || networks.iter().all(|(_, tensor)| fits(tensor)) {
            return Ok(());
        }
        let found: Vec<String> = networks
            .iter()
            .map(|(name, tensor)| {
                let place = match tensor.device() {
                    Device::Cpu => "the CPU",
                    Device::Cuda(_) => "a CUDA device",
                    Device::Metal(_) => "a Metal device",
                };
                format!("the {name} is {} on {place}", tensor.dtype().as_str())
            })
            .collect();
        let found = found.join(", ");
        Err(Error::Invalid(format!("the fused kernels need f32 tensors on the CPU; {found}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::config::FlowConfig;
    use crate::nn::mlp::Activation;
    use crate::policy::flow::FlowPolicy;
    use crate::random::Noise;

    #[test]
    fn networks_that_the_kernels_cannot_take_are_both_named() {
        let (noise, cpu) = (Noise::new(0), Device::Cpu);
        let policy = |dtype| FlowPolicy::new(FlowConfig::new(3, 2), &noise, dtype, &cpu).unwrap();
        let value = |dtype| ValueNet::new(3, &[4], Activation::Silu, &noise, dtype, &cpu).unwrap();
        let fused = Compute::Fused(Isa::Portable);
        assert!(fused.for_networks(&policy(DType::F32), &value(DType::F32)).is_ok());
        for (policy, value) in
            [(policy(DType::F32), value(DType::F64)), (policy(DType::F64), value(DType::F32))]
        {
            let error = fused.for_networks(&policy, &value).err().unwrap().to_string();
            assert!(error.contains("policy is f") && error.contains("value network is f"));
            assert!(error.contains("f64 on the CPU"), "{error}");
            assert!(Compute::Composed.for_networks(&policy, &value).is_ok());
        }
    }
}
