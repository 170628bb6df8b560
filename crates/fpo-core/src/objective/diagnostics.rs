//! Diagnostics of gradient steps: collected on the device, read by the host once per update.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::tensor::transfer::to_host;

/// Turns one list of diagnostics into the fields of [`StepDiagnostics`] and the names of the
/// columns.
macro_rules! diagnostics {
    ($($(#[doc = $text:literal])+ $field:ident as $name:literal,)+) => {
        /// The diagnostics of the loss of one gradient step, as numbers or as scalar tensors.
        #[derive(Clone, Debug)]
        pub struct StepDiagnostics<T> {
            $($(#[doc = $text])+ pub $field: T,)+
        }

        /// Names of the diagnostics, in the order of the fields: the keys of a run's metrics.
        const NAMES: &[&str] = &[$($name),+];

        impl<T> StepDiagnostics<T> {
            /// Returns all diagnostics, in the order of [`StepMetrics::names`].
            fn into_columns(self) -> Vec<T> {
                vec![$(self.$field),+]
            }
        }
    };
}

// The losses come first, then what is computed from them, so that the first diagnostic that is not
// finite is near its source.
diagnostics! {
    /// Mean stored loss.
    loss_old as "cfm_loss_old",
    /// Mean present loss.
    loss_new as "cfm_loss_new",
    /// The smallest ratio.
    ratio_min as "ratio_min",
    /// The largest ratio.
    ratio_max as "ratio_max",
    /// Share of ratios outside `1 ± clip_epsilon`.
    clip_fraction as "clip_fraction",
    /// Mean of `ratio − 1 − ln ratio`.
    divergence as "divergence",
    /// `(Σ ratio)² / (n·Σ ratio²)`.
    effective_sample_size as "effective_sample_size",
    /// Mean ratio.
    ratio_mean as "ratio_mean",
    /// Mean value.
    value_mean as "value_mean",
    /// Mean value target.
    value_target_mean as "value_target_mean",
    /// Root mean square of `R − V`, over the steps that have a target.
    value_error as "value_error",
    /// `1 − Var(R − V) / Var(R)`, over the steps that have a target.
    explained_variance as "explained_variance",
    /// Standard deviation of the advantages before they are shaped.
    advantage_std as "advantage_std",
    /// `−mean surrogate`.
    policy_loss as "policy_loss",
    /// The value loss, weighted.
    value_loss as "value_loss",
    /// All losses together, the entropy bonus included.
    total_loss as "total_loss",
}

/// The name of the last column, whose number is known only after the optimiser step.
const GRAD_NORM: &str = "grad_norm";

impl StepDiagnostics<f64> {
    /// Returns the diagnostics as a row on `device`.
    pub(crate) fn into_row(self, device: &Device) -> Result<Tensor> {
        let row: Vec<f32> = self.into_columns().into_iter().map(|x| x as f32).collect();
        Ok(Tensor::from_slice(&row, row.len(), device)?)
    }
}

impl StepDiagnostics<Tensor> {
    /// Returns the diagnostics as a row, still on their device.
    pub(crate) fn stack(self) -> Result<Tensor> {
        Ok(Tensor::stack(&self.into_columns(), 0)?)
    }
}

/// Diagnostics of the gradient steps of one update, one row per step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMetrics {
    /// One row per gradient step, columns as [`StepMetrics::names`].
    pub rows: Vec<Vec<f32>>,
}

impl StepMetrics {
    /// Returns the names of the columns: the fields of [`StepDiagnostics`], then the gradient norm.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().copied().chain([GRAD_NORM])
    }

    /// Returns the number of the column `name`, if there is one.
    pub fn column(name: &str) -> Option<usize> {
        StepMetrics::names().position(|column| column == name)
    }

    /// Brings the rows of an update to the host in one transfer, whatever is in them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn read(rows: &[Tensor]) -> Result<StepMetrics> {
        let rows = Tensor::stack(rows, 0)?.to_dtype(DType::F32)?;
        let width = rows.dim(1)?;
        Ok(StepMetrics { rows: to_host(&rows)?.chunks_exact(width).map(<[f32]>::to_vec).collect() })
    }

    /// Fails for a number that is not finite; `first_step` gradient steps were taken before the
    /// first row.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for the first such number.
    pub fn require_finite(&self, first_step: u64) -> Result<()> {
        for (k, row) in self.rows.iter().enumerate() {
            if let Some(bad) = row.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFinite {
                    tensor: StepMetrics::names().nth(bad).unwrap_or_default().to_string(),
                    value: row[bad] as f64,
                    step: first_step + k as u64,
                });
            }
        }
        Ok(())
    }

    /// Returns the mean of the column `name`, or NaN if there is no such column or no step.
    pub fn mean(&self, name: &str) -> f64 {
        let Some(column) = StepMetrics::column(name) else { return f64::NAN };
        self.rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / self.rows.len() as f64
    }

    /// Returns the name and the summary of every column over the update: the mean, except that
    /// `ratio_min` and `ratio_max` have their minimum and maximum.
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
        StepMetrics::names().enumerate().map(summarise).collect()
    }
}
