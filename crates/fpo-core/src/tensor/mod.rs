//! What this crate adds to Candle's tensors: their host memory as slices, memory that the host
//! writes again and again, and losses whose gradient is known already.

pub(crate) mod differentiated;
pub(crate) mod host_tensor;
pub(crate) mod slices;
