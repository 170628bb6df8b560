//! Samples as rows, checked.

use crate::error::{Error, Result};

/// The rows of `samples`, `dim` numbers each.
pub(crate) fn rows(samples: &[f32], dim: usize) -> Result<std::slice::ChunksExact<'_, f32>> {
    if dim == 0 || samples.is_empty() || !samples.len().is_multiple_of(dim) {
        let got = samples.len();
        return Err(Error::Invalid(format!("{got} numbers are no rows of {dim}, at least one")));
    }
    match samples.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(Error::Invalid(format!("sample {} holds {}", at / dim, samples[at]))),
        None => Ok(samples.chunks_exact(dim)),
    }
}
