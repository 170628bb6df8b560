//! The errors of this crate, in kinds that a caller can act on.

/// The result type of this crate.
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
    /// Whoever watched an update broke it off.
    #[error("interrupted")]
    Interrupted,
    /// A number that an environment or a policy made is not finite.
    #[error("environment {environment}: element {element} of the {what} is {value}")]
    NotFinite {
        /// An observation, a reward, or an action.
        what: &'static str,
        /// The number.
        value: f32,
        /// The number of the environment.
        environment: usize,
        /// The number's place in the observation or action.
        element: usize,
    },
    /// A setting is outside its range.
    #[error("{field} is {value}; allowed: {allowed}")]
    OutOfRange {
        /// The field of the settings that were checked.
        field: &'static str,
        /// Its value.
        value: String,
        /// The range, in words.
        allowed: &'static str,
    },
    /// A setting or an argument that cannot work.
    #[error("{0}")]
    Invalid(String),
    /// A saved state that does not fit what it is loaded into.
    #[error("saved state: {0}")]
    State(String),
    /// A rank of a run that several share has ended, or cannot be reached.
    #[error("{0}")]
    Rank(String),
    /// A file of tensors or a policy file that cannot be read or written.
    #[error("{0}")]
    File(String),
}

/// Fails with the field's name and range unless `good`.
pub(crate) fn require(
    good: bool,
    field: &'static str,
    value: impl ToString,
    allowed: &'static str,
) -> Result<()> {
    match good {
        true => Ok(()),
        false => Err(Error::OutOfRange { field, value: value.to_string(), allowed }),
    }
}
