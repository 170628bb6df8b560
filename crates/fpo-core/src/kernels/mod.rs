//! Fused CPU kernels: the CFM loss with ratio and surrogate, the value loss with its advantages,
//! their gradients, and sampling, each in one pass over blocks that stay in the cache.
//!
//! They compute what the composed Candle operations compute, which remain the reference on every
//! device. The same source is compiled for AVX-512, for AVX2 with FMA, and portably; which of them
//! runs is decided when the program starts ([`Isa::best`]). Results have the same bits for any
//! number of threads, and the same on AVX2 and AVX-512.
//!
//! `unsafe` is confined to `simd`, `x86`, `aligned`, `gemm`, `gradients`,
//! `groups` and one loop each of `math` and `sampler`; every pointer
//! there comes from a slice whose length was checked against the rows and columns it will be read
//! for.

mod advantage;
mod aligned;
mod batch;
mod chunks;
mod gemm;
mod gradients;
mod groups;
mod isa;
mod math;
mod packed;
mod perceptron;
mod policy_pass;
mod policy_rows;
mod sampler;
mod simd;
#[cfg(test)]
mod tests;
mod value_pass;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use advantage::{Estimate, Shaping, moments};
pub(crate) use batch::{Batch, ObsMap};
pub use isa::Isa;
pub(crate) use isa::{Kernel, run, vectorized};
pub(crate) use policy_pass::{PolicyOutcome, PolicyPass};
pub(crate) use sampler::{chain, sample};
pub(crate) use simd::Simd;
pub(crate) use value_pass::{ValueOutcome, ValuePass};
