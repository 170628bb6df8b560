//! What can go wrong in this crate, in kinds a caller can act on.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the algorithm or of the tensors below it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Candle failed: shapes, device memory, a missing kernel.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A number is not finite: training diverged.
    #[error("{tensor} is {value} at gradient step {step}")]
    NonFinite {
        /// The tensor or diagnostic.
        tensor: String,
        /// The offending value.
        value: f64,
        /// Gradient steps taken before it.
        step: u64,
    },
    /// A setting that cannot work.
    #[error("{0}")]
    Invalid(String),
    /// A saved state that does not fit what it is loaded into.
    #[error("saved state: {0}")]
    State(String),
}
