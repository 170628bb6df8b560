//! Checks samples and cuts them into rows.

use crate::error::{Error, Result};

/// Returns the rows of `samples`, `dim` numbers each, or fails unless there is at least one row and
/// all numbers are finite.
pub(crate) fn rows(samples: &[f32], dim: usize) -> Result<std::slice::ChunksExact<'_, f32>> {
    if dim == 0 || samples.is_empty() || !samples.len().is_multiple_of(dim) {
        let got = samples.len();
        return Err(Error::Invalid(format!("{got} numbers do not make one or more rows of {dim}")));
    }
    match samples.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(Error::Invalid(format!("sample {} holds {}", at / dim, samples[at]))),
        None => Ok(samples.chunks_exact(dim)),
    }
}
