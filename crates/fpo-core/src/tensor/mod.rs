//! What this crate adds to Candle's tensors: their host memory as slices, memory that the host
//! writes again and again, and tensors and losses whose derivative is known already.

pub(crate) mod attached;
pub(crate) mod differentiated;
pub(crate) mod host_tensor;
pub(crate) mod slices;
pub(crate) mod transfer;
