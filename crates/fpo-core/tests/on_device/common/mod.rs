//! What the golden tests share: the numbers and their tolerances, the networks and rollouts of the
//! cases, and the official metrics computed from our losses.

pub mod cases;
pub mod golden;
pub mod metrics;

use candle_core::{Device, Tensor};

/// A number as a tensor on the CPU.
pub fn scalar(x: f64) -> Tensor {
    Tensor::new(&[x], &Device::Cpu).unwrap()
}
