//! Networks over flat parameter vectors, and the statistics that normalise their inputs.

pub(crate) mod mlp;
pub(crate) mod normalizer;
pub(crate) mod params;
mod pass;
pub(crate) mod sight;
pub(crate) mod unit;
pub(crate) mod value_net;
