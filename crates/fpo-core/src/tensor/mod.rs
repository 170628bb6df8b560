//! What this crate adds to Candle's tensors: their host memory as slices, memory that the host
//! writes again and again, tensors and losses whose derivative is known already, and what numbers
//! are like in a few.

pub(crate) mod attached;
pub(crate) mod differentiated;
pub(crate) mod host_tensor;
pub(crate) mod slices;
pub(crate) mod summary;
pub(crate) mod transfer;
