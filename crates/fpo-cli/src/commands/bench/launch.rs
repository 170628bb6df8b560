//! Times operations on tensors so small that computing takes no time: what is left is what every
//! operation costs, on a GPU the launch of its kernel, on the CPU Candle's own work.
//!
//! Many operations follow one another, each on the result of the one before, and the device is
//! waited for at the end only, as in a gradient step.

use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};

use crate::commands::bench::measurement::{Case, Kind, Measurement};
use crate::commands::bench::stats::{Repeats, Timing};

/// Operations of one run.
const OPERATIONS: usize = 1000;
/// Rows and columns of the tensor.
const SIDE: usize = 8;

/// What is done over and over again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An elementwise kernel.
    Affine,
    /// A matrix product, which on a GPU is the library's.
    MatrixProduct,
    /// A tensor made from host memory and read back, as between two steps of the environments.
    RoundTrip,
}

impl Operation {
    /// All operations.
    pub const ALL: [Operation; 3] =
        [Operation::Affine, Operation::MatrixProduct, Operation::RoundTrip];

    /// Returns the operation in words.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Affine => "affine",
            Operation::MatrixProduct => "matrix product",
            Operation::RoundTrip => "round trip from and to host memory",
        }
    }
}

/// Times `operation` on `device`.
///
/// # Errors
/// If an operation fails, or if the numbers that come out are not those that must.
pub fn measure(
    operation: Operation,
    device: &Device,
    repeats: Repeats,
    case: Case,
) -> Result<Measurement> {
    let start = Tensor::ones((SIDE, SIDE), candle_core::DType::F32, device)?;
    // Each row sums to 1, so that a matrix of ones stays one.
    let mean = (&start / SIDE as f64)?;
    let run = || -> Result<_> {
        let mut x = start.clone();
        device.synchronize()?;
        let clock = Instant::now();
        for _ in 0..OPERATIONS {
            x = match operation {
                Operation::Affine => x.affine(0.5, 0.5)?,
                Operation::MatrixProduct => x.matmul(&mean)?,
                Operation::RoundTrip => {
                    Tensor::from_vec(x.flatten_all()?.to_vec1::<f32>()?, (SIDE, SIDE), device)?
                }
            };
        }
        device.synchronize()?;
        let taken = clock.elapsed();
        let end = x.flatten_all()?.to_vec1::<f32>()?;
        ensure!(end.iter().all(|x| (x - 1.0).abs() < 1e-3), "ones became {end:?}");
        Ok(taken)
    };
    run()?;
    let durations = repeats.take(run)?;
    Ok(Measurement::new(Kind::Operation, case, Timing::of(&durations, OPERATIONS as f64)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_can_be_timed_and_costs_something() {
        for operation in Operation::ALL {
            let repeats = Repeats::exactly(2);
            let measured = measure(operation, &Device::Cpu, repeats, Case::default()).unwrap();
            assert_eq!(measured.time.runs, 2, "{}", operation.name());
            assert!(measured.time.ms_median < 1.0, "of one operation, not of all");
        }
    }
}
