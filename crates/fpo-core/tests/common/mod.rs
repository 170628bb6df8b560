//! What the golden tests share: the numbers and their tolerances, the networks and rollouts of the
//! cases, and the official metrics computed from our losses.

pub mod cases;
pub mod golden;
pub mod metrics;

use candle_core::{DType, Device, Tensor};

/// The device of the test run: `FPO_TEST_DEVICE=cpu|cuda|cuda:1|metal`, by default the CPU.
pub fn device() -> Device {
    let name = std::env::var("FPO_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    let index = name.split_once(':').map_or(0, |(_, i)| i.parse().unwrap());
    match name.split(':').next().unwrap() {
        "cpu" => Device::Cpu,
        "cuda" => Device::new_cuda(index).unwrap(),
        "metal" => Device::new_metal(index).unwrap(),
        other => panic!("FPO_TEST_DEVICE={other}: expected cpu, cuda or metal"),
    }
}

/// All numbers of a tensor in f64.
pub fn host(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A number as a tensor on the CPU.
pub fn scalar(x: f64) -> Tensor {
    Tensor::new(&[x], &Device::Cpu).unwrap()
}
