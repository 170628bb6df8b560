//! Vector instructions, chosen when the program runs: one source, compiled for AVX-512, for AVX2
//! with FMA, and portably.

pub(crate) mod aligned;
pub(crate) mod isa;
pub(crate) mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;
