//! Statistics of action samples that tell whether a policy has one mode at a state or several.
//!
//! [`Modality`] holds the statistics of one set of samples:
//!
//! - Hartigan's dip ([`dip`]) along one axis with its p-value ([`DipNull`]): is there more than one
//!   mode? The axis is the one of largest spread ([`principal_axis`]) or a given one.
//! - The number of modes in all dimensions ([`mode_count`]).
//!
//! The dip is a test against *all* distributions with one mode, so it finds unequal modes and is
//! not misled by skewness or heavy tails. Two simpler statistics that are in common use can
//! mislead. The bimodality coefficient `(skewness² + 1) / kurtosis` has 5/9 as its threshold, which
//! is its value for the uniform distribution and for the exponential one too: half of all uniform
//! samples are above it. Ashman's D compares two halves that were made by cutting: for a uniform
//! distribution cut in the middle it is √12 = 3.5, far above its threshold 2.

mod dip;
mod dip_null;
mod modes;
mod neighbours;
mod points;
mod principal;
mod samples;
#[cfg(test)]
mod tests;

pub use dip::dip;
pub use dip_null::DipNull;
pub use modes::{mode_count, mode_shares};
pub use principal::{along, principal_axis};

use serde::Serialize;

use crate::error::{Error, Result};

/// What samples at one state tell about its modes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Modality {
    /// Unit vector along which the dip was taken.
    pub axis: Vec<f64>,
    /// Hartigan's dip, 0 to 1/4; small for one mode.
    pub dip: f64,
    /// Probability that a uniform sample of this size has a dip at least as large, 1/2001 to 1;
    /// small for several modes.
    pub p_value: f64,
    /// Shares of the samples in each mode, the largest first.
    pub mode_shares: Vec<f64>,
}

impl Modality {
    /// Returns the modality of `samples`, rows of `dim` numbers; `axis` defaults to the direction
    /// of largest spread. `null` must have been simulated for as many samples.
    ///
    /// # Errors
    /// [`Error::Invalid`] as [`mode_shares`], or if `null` or `axis` is for other sizes.
    pub fn of(samples: &[f32], dim: usize, axis: Option<&[f64]>, null: &DipNull) -> Result<Self> {
        let mode_shares = mode_shares(samples, dim)?;
        let axis = match axis {
            Some(axis) => axis.to_vec(),
            None => principal_axis(samples, dim)?,
        };
        let along = along(samples, &axis)?;
        if axis.len() != dim || along.len() != null.count() {
            return Err(Error::Invalid(format!(
                "{} samples of {dim} numbers do not fit an axis of {} numbers or a null \
                 distribution for {} samples",
                samples.len() / dim,
                axis.len(),
                null.count()
            )));
        }
        let dip = dip(&along)?;
        Ok(Modality { axis, dip, p_value: null.p_value(dip), mode_shares })
    }

    /// Returns the number of modes, at least 1.
    pub fn mode_count(&self) -> usize {
        self.mode_shares.len()
    }
}
