//! The device of the test run, which `FPO_TEST_DEVICE` names, and numbers back from it.

use std::sync::OnceLock;

use candle_core::{DType, Device, Tensor};

static DEVICE: OnceLock<Device> = OnceLock::new();

/// The device that `FPO_TEST_DEVICE=cpu|cuda|cuda:1|metal` names, by default the CPU. It is opened
/// once, because every opening loads all kernels anew.
pub fn device() -> Device {
    DEVICE.get_or_init(open).clone()
}

/// The device where f64 tensors are computed: [`device`], or the CPU where that has no f64.
pub fn f64_device() -> Device {
    let device = device();
    if device.is_metal() { Device::Cpu } else { device }
}

fn open() -> Device {
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
