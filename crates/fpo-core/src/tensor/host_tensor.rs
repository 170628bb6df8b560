//! A tensor whose numbers come from the host again and again, in memory that is allocated once.
//!
//! On the CPU they are written where the tensor keeps them, so that nothing is copied. Other
//! devices get them from a place on the host that is kept for the next time, in one upload.

use std::cell::Cell;
use std::ops::Range;

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Tensor};

use crate::error::{Error, Result};
use crate::tensor::slices::with_slices;
use crate::tensor::transfer::copy_to_device;

/// An f32 tensor that the host writes.
#[derive(Debug)]
pub struct HostTensor {
    memory: Memory,
    shape: Vec<usize>,
}

#[derive(Debug)]
enum Memory {
    /// The tensor itself.
    Shared(Tensor),
    /// The numbers to upload, and the device that they are for.
    Staged(Vec<f32>, Device),
}

impl HostTensor {
    /// Returns a tensor of zeros.
    ///
    /// # Errors
    /// If the memory cannot be allocated.
    pub fn zeros(shape: &[usize], device: &Device) -> Result<HostTensor> {
        let memory = match device {
            Device::Cpu => Memory::Shared(Tensor::zeros(shape, DType::F32, device)?),
            _ => Memory::Staged(vec![0.0; shape.iter().product()], device.clone()),
        };
        Ok(HostTensor { memory, shape: shape.to_vec() })
    }

    /// Returns the lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        &self.shape
    }

    /// Calls `fill` with the numbers at `range` of the row-major order, and returns its result.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range beyond the end.
    pub fn write<R>(
        &mut self,
        range: Range<usize>,
        fill: impl FnOnce(&mut [f32]) -> R,
    ) -> Result<R> {
        let result = match &mut self.memory {
            Memory::Staged(numbers, _) => numbers.get_mut(range.clone()).map(fill),
            Memory::Shared(tensor) => {
                let (fill, result) = (Cell::new(Some(fill)), Cell::new(None));
                let write = Write { range: range.clone(), fill, result };
                tensor.inplace_op1(&write)?;
                write.result.into_inner()
            }
        };
        result.ok_or_else(|| self.beyond(range))
    }

    /// Calls `look` with the numbers at `range` of the row-major order, and returns its result.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range beyond the end.
    pub fn read<R>(&self, range: Range<usize>, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let result = match &self.memory {
            Memory::Staged(numbers, _) => numbers.get(range.clone()).map(look),
            Memory::Shared(tensor) => {
                with_slices([tensor], |[numbers]| numbers.get(range.clone()).map(look))?
            }
        };
        result.ok_or_else(|| self.beyond(range))
    }

    /// Returns the tensor as it is now. On the CPU it shares the memory, so that it changes with
    /// the next [`HostTensor::write`].
    ///
    /// # Errors
    /// If the numbers cannot be uploaded.
    pub fn tensor(&self) -> Result<Tensor> {
        match &self.memory {
            Memory::Shared(tensor) => Ok(tensor.clone()),
            Memory::Staged(numbers, device) => {
                copy_to_device(numbers, self.shape.as_slice(), device)
            }
        }
    }

    fn beyond(&self, range: Range<usize>) -> Error {
        Error::Invalid(format!("a tensor of shape {:?} has no numbers {range:?}", self.shape))
    }
}

/// A closure on its way through Candle to the memory of a tensor, and its result.
struct Write<F, R> {
    range: Range<usize>,
    fill: Cell<Option<F>>,
    result: Cell<Option<R>>,
}

impl<R, F: FnOnce(&mut [f32]) -> R> InplaceOp1 for Write<F, R> {
    fn name(&self) -> &'static str {
        "fpo-write"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let numbers = match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(numbers), Some((from, to))) => &mut numbers[from..to],
            _ => candle_core::bail!("expected a contiguous f32 tensor"),
        };
        let numbers = numbers.get_mut(self.range.clone());
        self.result.set(numbers.zip(self.fill.take()).map(|(numbers, fill)| fill(numbers)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(of: &HostTensor) -> Vec<f32> {
        of.tensor().unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Returns a tensor as for a device with memory of its own.
    fn staged(shape: &[usize]) -> HostTensor {
        let numbers = vec![0.0; shape.iter().product()];
        HostTensor { memory: Memory::Staged(numbers, Device::Cpu), shape: shape.to_vec() }
    }

    #[test]
    fn what_is_written_is_what_the_tensor_holds() {
        for mut host in [HostTensor::zeros(&[2, 3], &Device::Cpu).unwrap(), staged(&[2, 3])] {
            assert_eq!(numbers(&host), [0.0; 6]);
            let len = host.write(1..4, |part| {
                part.copy_from_slice(&[1.0, 2.0, 3.0]);
                part.len()
            });
            assert_eq!(len.unwrap(), 3);
            assert_eq!(numbers(&host), [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
            assert_eq!(host.tensor().unwrap().dims(), host.dims());
            assert_eq!(host.read(2..5, |part| part.to_vec()).unwrap(), [2.0, 3.0, 0.0]);
            host.write(0..6, |all| all.fill(7.0)).unwrap();
            assert_eq!(numbers(&host), [7.0; 6]);
        }
    }

    #[test]
    fn on_the_cpu_the_tensor_is_the_memory_that_is_written() {
        let mut host = HostTensor::zeros(&[4], &Device::Cpu).unwrap();
        let early = host.tensor().unwrap();
        host.write(0..4, |all| all.fill(2.0)).unwrap();
        assert_eq!(early.to_vec1::<f32>().unwrap(), [2.0; 4]);
    }

    #[test]
    fn numbers_beyond_the_end_are_refused_and_the_closure_is_not_called() {
        for mut host in [HostTensor::zeros(&[2, 3], &Device::Cpu).unwrap(), staged(&[2, 3])] {
            let error = host.write(4..7, |_| panic!("called")).unwrap_err().to_string();
            assert!(error.contains("4..7") && error.contains("[2, 3]"), "{error}");
            assert!(host.read(6..7, |_| panic!("called")).is_err());
        }
    }
}
