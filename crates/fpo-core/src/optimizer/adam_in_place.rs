//! Adam on the CPU: three passes in place instead of a dozen operations with buffers of their own.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Tensor};
use rayon::prelude::*;

use crate::error::Result;
use crate::optimizer::adam_config::AdamConfig;
use crate::simd::isa::vectorized;
use crate::tensor::slices::with_slices;

/// Numbers per parallel task; sums over a chunk do not depend on the number of threads.
const CHUNK: usize = 32_768;

/// Gradients and moments nearer to 0 than these are 0. Beside any usual ε they change no parameter,
/// and they would become subnormal numbers as they decay or are squared, on which Intel's
/// processors are many times slower.
const LEAST_GRADIENT: f32 = 1e-18;
const LEAST_FIRST: f32 = 1e-30;
const LEAST_SECOND: f32 = 1e-35;

/// Returns `x`, or 0 where it is nearer to 0 than `least`.
#[inline(always)]
fn or_zero(x: f32, least: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

/// The change that one step makes to the parameters, once both moments are up to date.
pub(crate) struct Move {
    rate: f32,
    /// 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ).
    corrections: [f32; 2],
    epsilon: f32,
    decay: f32,
}

/// `x ← β·x + (1−β)·gᵖ` with p = 1 or 2.
pub(crate) struct Average {
    beta: f64,
    squared: bool,
}

impl Move {
    /// Returns the change with the two bias corrections `1 − βᵗ`.
    pub(crate) fn new(config: &AdamConfig, corrections: [f64; 2]) -> Move {
        Move {
            rate: config.learning_rate as f32,
            corrections: corrections.map(|c| (1.0 / c) as f32),
            epsilon: config.epsilon as f32,
            decay: config.weight_decay as f32,
        }
    }
}

impl Average {
    /// Returns the running average of the gradient.
    pub(crate) fn first(config: &AdamConfig) -> Average {
        Average { beta: config.beta1, squared: false }
    }

    /// Returns the running average of the squared gradient.
    pub(crate) fn second(config: &AdamConfig) -> Average {
        Average { beta: config.beta2, squared: true }
    }
}

impl InplaceOp2 for Average {
    fn name(&self) -> &'static str {
        "fpo-adam-moment"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let x = memory_mut(x, x_layout)?;
        let gradient = memory(gradient, gradient_layout)?;
        let (beta, rest) = (self.beta as f32, (1.0 - self.beta) as f32);
        x.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).for_each(|(x, gradient)| {
            let pairs = x.iter_mut().zip(gradient);
            let squared = self.squared;
            vectorized(
                #[inline(always)]
                || match squared {
                    false => pairs.for_each(|(m, &g)| {
                        *m = or_zero(beta * *m + rest * or_zero(g, LEAST_GRADIENT), LEAST_FIRST);
                    }),
                    true => pairs.for_each(|(v, &g)| {
                        let g = or_zero(g, LEAST_GRADIENT);
                        *v = or_zero(beta * *v + rest * (g * g), LEAST_SECOND);
                    }),
                },
            );
        });
        Ok(())
    }
}

impl InplaceOp3 for Move {
    fn name(&self) -> &'static str {
        "fpo-adam-move"
    }

    fn cpu_fwd(
        &self,
        params: &mut CpuStorage,
        params_layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> candle_core::Result<()> {
        let params = memory_mut(params, params_layout)?;
        let first = memory(first, first_layout)?.par_chunks(CHUNK);
        let second = memory(second, second_layout)?.par_chunks(CHUNK);
        let Move { rate, corrections: [c1, c2], epsilon, decay } = *self;
        params.par_chunks_mut(CHUNK).zip(first).zip(second).for_each(
            |((params, first), second)| {
                let parts = params.iter_mut().zip(first).zip(second);
                vectorized(
                    #[inline(always)]
                    || {
                        parts.for_each(|((p, &m), &v)| {
                            *p -= rate * (m * c1 / ((v * c2).sqrt() + epsilon) + decay * *p);
                        });
                    },
                );
            },
        );
        Ok(())
    }
}

/// Returns `Σ g²` over all `gradients`, contiguous f32 tensors on the CPU.
pub(crate) fn sum_of_squares(gradients: &[Tensor]) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients {
        let chunks: Vec<f64> = with_slices([gradient], |[gradient]| {
            let chunk_sum = |chunk: &[f32]| chunk.iter().map(|&g| f64::from(g).powi(2)).sum();
            gradient.par_chunks(CHUNK).map(chunk_sum).collect()
        })?;
        sum += chunks.iter().sum::<f64>();
    }
    Ok(sum)
}

fn memory<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let (from, to) = contiguous(layout)?;
    Ok(&storage.as_slice::<f32>()?[from..to])
}

fn memory_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'a mut [f32]> {
    let (from, to) = contiguous(layout)?;
    match storage {
        CpuStorage::F32(memory) => Ok(&mut memory[from..to]),
        _ => candle_core::bail!("expected an f32 tensor"),
    }
}

fn contiguous(layout: &Layout) -> candle_core::Result<(usize, usize)> {
    match layout.contiguous_offsets() {
        Some(offsets) => Ok(offsets),
        None => candle_core::bail!("expected a contiguous tensor"),
    }
}
