//! Diagnostics of gradient steps: collected on the device, read by the host once per update.

use candle_core::{DType, Tensor};

use crate::error::{Error, Result};

/// Diagnostics of the gradient steps of one update, one row per step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMetrics {
    /// One row per gradient step, columns as [`StepMetrics::NAMES`].
    pub rows: Vec<Vec<f32>>,
}

impl StepMetrics {
    /// What the columns mean; the losses come first, then what is computed from them, so that the
    /// first that is not finite is near its source.
    pub const NAMES: [&str; 17] = [
        "cfm_loss_old",
        "cfm_loss_new",
        "ratio_min",
        "ratio_max",
        "clip_fraction",
        "divergence",
        "effective_sample_size",
        "ratio_mean",
        "value_mean",
        "value_target_mean",
        "value_error",
        "explained_variance",
        "advantage_std",
        "policy_loss",
        "value_loss",
        "total_loss",
        "grad_norm",
    ];

    /// Brings the rows of an update to the host in one transfer; `first_step` gradient steps were
    /// taken before it.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for the first number that is not finite.
    pub fn collect(rows: &[Tensor], first_step: u64) -> Result<StepMetrics> {
        let rows = Tensor::stack(rows, 0)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        for (k, row) in rows.iter().enumerate() {
            if let Some(bad) = row.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFinite {
                    tensor: StepMetrics::NAMES[bad].to_string(),
                    value: row[bad] as f64,
                    step: first_step + k as u64,
                });
            }
        }
        Ok(StepMetrics { rows })
    }

    /// Mean of the column `name`; not a number if there is no such column or no step.
    pub fn mean(&self, name: &str) -> f64 {
        let Some(column) = StepMetrics::NAMES.iter().position(|column| *column == name) else {
            return f64::NAN;
        };
        self.rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / self.rows.len() as f64
    }

    /// Name and summary over the update: mean, but minimum and maximum of the ratio's extremes.
    pub fn summary(&self) -> Vec<(&'static str, f64)> {
        let column = |k: usize| self.rows.iter().map(move |row| row[k] as f64);
        let summarise = |(k, name): (usize, &'static str)| {
            let value = match name {
                "ratio_min" => column(k).fold(f64::INFINITY, f64::min),
                "ratio_max" => column(k).fold(f64::NEG_INFINITY, f64::max),
                _ => column(k).sum::<f64>() / self.rows.len() as f64,
            };
            (name, value)
        };
        StepMetrics::NAMES.into_iter().enumerate().map(summarise).collect()
    }
}
