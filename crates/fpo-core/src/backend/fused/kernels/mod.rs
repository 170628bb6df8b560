//! Fused CPU kernels: the CFM loss with ratio and surrogate, the value loss with its advantages,
//! their gradients, and sampling, each in one pass over blocks that stay in the cache.
//!
//! They compute what the composed Candle operations compute, which remain the reference on every
//! device. The same source is compiled for AVX-512, for AVX2 with FMA, and portably; which of them
//! runs is decided when the program starts ([`Isa::best`]). Results have the same bits for any
//! number of threads, and the same on AVX2 and AVX-512.
//!
//! `unsafe` is confined to `crate::simd`, to `gemm`, `tiles`, `gradients` and `groups` in this
//! folder, and to the loops of `embedding`, `normal` and `sampler`. Every pointer there comes from
//! a slice whose length was checked against the rows and columns that are read or written.

mod activations;
pub(crate) mod elementary;
pub(crate) mod embedding;
mod ends;
pub(crate) mod gaussian_sampler;
pub(crate) mod gemm;
pub(crate) mod gradients;
pub(crate) mod groups;
pub(crate) mod normal;
pub(crate) mod packed;
pub(crate) mod perceptron;
pub(crate) mod sampler;
#[cfg(test)]
mod tests;
mod tiles;
