//! A hash of the parameters after an iteration: two runs that took the same course have the same
//! one, and `fpo verify --replay` compares them.

use anyhow::{Context, Result};
use candle_core::{DType, Device};

use crate::run::sealed_json::sha256;
use crate::training::trainer::Trainer;

impl Trainer {
    /// Returns the first 64 bits of SHA-256 over the parameters of the policy and of the value
    /// network, as little-endian `f32`.
    ///
    /// # Errors
    /// If the parameters cannot be brought to the host.
    pub fn parameter_hash(&self) -> Result<u64> {
        let mut bytes = Vec::new();
        for params in [self.learner.policy().params(), self.learner.value().params()] {
            let flat = params.flat().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            bytes.extend(flat.to_vec1::<f32>()?.iter().flat_map(|x| x.to_le_bytes()));
        }
        u64::from_str_radix(&sha256(&bytes)[..16], 16).context("a digest is hexadecimal")
    }
}
